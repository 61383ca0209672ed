"""The router: real Envoy, toy upstreams on Unix sockets, every answer checked."""

import collections
import concurrent.futures
import dataclasses
import http.client
import json
import os
import signal
import socket
import stat
import time

import pytest

from zaffre.core import errors
from zaffre.server.endpoints.router import wanted
from zaffre.server.endpoints.telemetry import looking
from zaffre.testing import waiting


def test_named_deployment_split_and_what_replicas_see(router, upstreams, state, call):
    blue, green = upstreams("blue"), upstreams("green")
    router.apply(state(("blue", "r1", [blue]), ("green", "r2", [green]), traffic={"blue": 80, "green": 20}))

    answers = collections.Counter(call().json()["name"] for _ in range(600))
    assert 420 < answers["blue"] < 540
    assert sum(answers.values()) == 600

    told = call(
        "/default/churn/score?a=b", headers={"azureml-model-deployment": "green", "x-request-id": "mine"}
    )
    assert told.json()["name"] == "green"
    assert told.json()["request"] == "POST /score?a=b HTTP/1.1"
    assert "authorization" not in told.json()["headers"]
    for name, value in (("azureml-model-deployment", "green"), ("x-zaffre-revision", "r2")):
        assert told.headers.get_list(name) == [value]
    assert told.headers["x-request-id"] == told.json()["headers"]["x-request-id"] == "mine"
    assert call("/default/churn/swagger.json", method="GET").json()["request"] == "GET /swagger.json HTTP/1.1"
    assert call("/default/churn/", method="GET").json()["request"] == "GET / HTTP/1.1"


def test_keys(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}))
    assert call(key="p" * 40).status_code == 200
    assert call(key="s" * 40).status_code == 200
    for named in ({}, {"azureml-model-deployment": "blue"}, {"azureml-model-deployment": "nope"}):
        for wrong in ("", "p" * 39, "p" * 41, "P" * 40):
            refused = call(key=wrong, headers=named)
            assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
            assert refused.headers["www-authenticate"] == "Bearer"
            told = {"content-length", "content-type", "date", "www-authenticate", "x-request-id"}
            assert set(refused.headers) - {"connection"} == told
    assert blue.requests == 2

    router.apply(
        state(
            ("blue", "r1", [blue]), traffic={"blue": 100}, keys={"primary": "n" * 40, "secondary": "s" * 40}
        )
    )
    assert [call(key=letter * 40).status_code for letter in "pns"] == [401, 200, 200]


def test_the_name_of_the_scheme_may_be_written_in_any_case(router, upstreams, state, call):
    longest = "aA9._~+/=-" * 25 + "aA9._~"
    keys = {"primary": longest, "secondary": "s" * 40}
    router.apply(state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100}, keys=keys))
    for scheme in ("Bearer", "bearer", "BEARER", "bEARer", "Bearer  "):
        for key in keys.values():
            assert call(key="", headers={"authorization": f"{scheme} {key}"}).status_code == 200
            for wrong in (f"{scheme} {key}x", f"{scheme} x{key}", f"x{scheme} {key}", f"{scheme}{key[:-1]}"):
                assert call(key="", headers={"authorization": wrong}).status_code == 401
    assert call(key="", headers={"authorization": f"Basic {longest}"}).status_code == 401
    assert call(key="", headers={"authorization": f"BEARER {longest.replace('.', 'x')}"}).status_code == 401


def test_old_clients_that_speak_http_1_0(router, upstreams, state):
    """As `ab` and nginx (towards its upstreams) do: with and without keep-alive, with and without a host."""
    router.apply(state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100}))
    head = f"POST /default/churn/score HTTP/1.0\r\nauthorization: Bearer {'p' * 40}\r\ncontent-length: 2\r\n"
    for more in ("", "host: x\r\n", "connection: close\r\n"):
        with socket.create_connection((router.host, router.port), timeout=120) as connection:
            connection.sendall(f"{head}{more}\r\n{{}}".encode())
            answer = b"".join(iter(lambda c=connection: c.recv(65536), b""))
            assert b" 200 OK\r\n" in answer.split(b"\n")[0] + b"\n"
            assert b"transfer-encoding" not in answer.lower()
            assert json.loads(answer.partition(b"\r\n\r\n")[2])["name"] == "blue"
    with socket.create_connection((router.host, router.port), timeout=120) as connection:
        for _ in range(3):
            connection.sendall(f"{head}connection: Keep-Alive\r\n\r\n{{}}".encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.headers["connection"].lower()) == (200, "keep-alive")
            assert json.loads(answer.read())["name"] == "blue"


def test_what_is_not_there_is_named(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={}))
    unknown = call(headers={"azureml-model-deployment": 'gre"en'})
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/json")
    assert "'gre\"en'" in unknown.json()["detail"]
    assert "'churn'" in unknown.json()["detail"]
    idle = call()
    assert (idle.status_code, idle.json()["code"]) == (404, "not_found")
    assert "No deployment of endpoint 'churn' has traffic" in idle.json()["detail"]
    assert call("/default/other/score").status_code == 404
    assert call("/default/churning/score").status_code == 404
    assert call(headers={"azureml-model-deployment": "blue"}).status_code == 200


def test_a_deployment_without_replicas_is_unavailable_not_unknown(router, state, call):
    router.apply(state(("blue", "r1", []), traffic={"blue": 100}))
    answer = call()
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_mirror_copies_and_discards(router, upstreams, state, call):
    blue, green = upstreams("blue"), upstreams("green")
    deployments = ("blue", "r1", [blue]), ("green", "r2", [green])
    router.apply(state(*deployments, traffic={"blue": 100}, mirror={"green": 50}))
    names = {call().json()["name"] for _ in range(200)}
    assert names == {"blue"}
    assert 60 < green.requests < 140
    # Nobody waits for copies: those of the last requests may still be on their way.
    waiting.until(lambda: router.stats().clusters["r2"].completed == green.requests)
    mirrored = green.requests
    for _ in range(20):
        call(headers={"azureml-model-deployment": "blue"})
    assert router.stats().clusters["r2"].total == mirrored


def test_timeout_is_408_and_clients_cannot_change_it(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}, timeout_ms=300))
    late = call(json={"wait_s": 2}, headers={"x-envoy-upstream-rq-timeout-ms": "9000"})
    assert (late.status_code, late.json()["code"]) == (408, "timeout")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}, timeout_ms=60_000))
    assert call(json={"wait_s": 0.1}, headers={"x-envoy-upstream-rq-timeout-ms": "1"}).status_code == 200


def test_a_client_that_stops_in_the_middle_gives_its_place_back(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}, timeout_ms=2000, max_requests=1))
    head = f"POST /default/churn/score HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {'p' * 40}\r\ncontent-length: 9\r\n\r\n{{"
    with socket.create_connection((router.host, router.port), timeout=120) as stalled:
        stalled.sendall(head.encode())
        waiting.until(lambda: router.stats().clusters["r1"].total == 1)
        # Let in only where this machine took longer than the request may take to come so far.
        assert call().status_code == 429 or router.stats().clusters["r1"].codes.get(408)
        assert stalled.recv(4096).startswith(b"HTTP/1.1 408 ")
        assert call().status_code == 200


def test_more_than_it_takes_is_429(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}, max_requests=3, timeout_ms=120_000))
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(call, json={"hold": True}) for _ in range(10)]
        waiting.until(lambda: sum(future.done() for future in asked) == 7)
        blue.release()
        answers = [future.result() for future in asked]
    codes = collections.Counter(answer.status_code for answer in answers)
    assert codes == {200: 3, 429: 7}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 429} == {"too_many"}


def test_a_giant_header_is_431(router, state, call):
    router.apply(state())
    assert call(headers={"x-big": "a" * 70_000}).status_code == 431


def test_what_is_no_http_is_told_what_is_wrong_with_it(router, state):
    router.apply(state())
    both = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    for request, reason in (
        ("GARBAGE\r\n\r\n", "http1"),
        (both, "http1"),
        ("GET / HTTP/1.1\r\n\r\n", "host"),
    ):
        with socket.create_connection((router.host, router.port), timeout=120) as connection:
            connection.sendall(request.encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            told = json.loads(answer.read())
            assert (answer.status, told["code"]) == (400, "router")
            assert reason in told["detail"], told


def test_host_name_of_its_own(router, upstreams, state, call):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}, domain="models.example"))
    answer = call("/score", headers={"host": "Churn.default.models.example:8443"})
    assert answer.json()["request"] == "POST /score HTTP/1.1"
    assert call("/score", headers={"host": "other.default.models.example"}).status_code == 404
    assert call("/default/churn/score").status_code == 200


def test_changes_under_load_fail_nothing(router, upstreams, state, steady):
    """New revisions beside old ones, weights, limits, hosts that come and drain, an old cluster that goes."""
    blue, blue2, green = upstreams("blue"), upstreams("blue2"), upstreams("green")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}))
    with steady() as requests:
        requests.await_answers(100)
        for round_ in range(4):
            old, new = f"r{round_ + 1}", f"r{round_ + 2}"
            router.apply(state(("blue", old, [blue]), ("green", new, [green]), traffic={"blue": 100}))
            for share in (10, 50, 100):
                router.apply(
                    state(
                        ("blue", old, [blue]),
                        ("green", new, [green]),
                        traffic={"blue": 100 - share, "green": share},
                    )
                )
                requests.await_answers(30)
            router.apply(
                state(("green", new, [green, blue2]), traffic={"green": 100}, max_requests=200 + round_)
            )
            requests.await_answers(30)
            router.apply(
                state(
                    ("green", new, [green, blue2]),
                    traffic={"green": 100},
                    max_requests=200 + round_,
                    draining={"green"},
                )
            )
            since = requests.await_answers(50)
            assert set(requests.by_header("x-upstream", since=since)) <= {"blue2"}
            router.apply(state(("blue", new, [blue]), traffic={"blue": 100}))
            requests.await_answers(30)
    assert requests.failures == []
    assert set(requests.by_header("x-upstream")) == {"blue", "blue2", "green"}


def test_a_drained_host_finishes_what_it_has(router, upstreams, state, call):
    blue, blue2 = upstreams("blue"), upstreams("blue2")
    patient = {"traffic": {"blue": 100}, "timeout_ms": 120_000}
    router.apply(state(("blue", "r1", [blue]), **patient))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(call, json={"hold": True})
        waiting.until(lambda: router.hosts()["r1"][str(blue.socket)].active)
        router.apply(state(("blue", "r1", [blue, blue2]), **patient, draining={"blue"}))
        drained = router.hosts()["r1"][str(blue.socket)]
        assert (drained.healthy, drained.active) == (False, 1)
        assert {call().json()["name"] for _ in range(10)} == {"blue2"}
        blue.release()
        assert long.result().json()["name"] == "blue"
    waiting.until(lambda: router.hosts()["r1"][str(blue.socket)].active == 0)


def test_a_dead_replica_is_passed_over(router, upstreams, state, call):
    """Its socket file is there and nobody listens: the request goes to the other."""
    blue = upstreams("blue")
    gone = upstreams("gone")
    router.apply(state(("blue", "r1", [blue, gone]), traffic={"blue": 100}))
    gone.close()
    assert {call().status_code for _ in range(100)} == {200}


def test_a_refused_file_raises_and_the_last_good_one_serves(router, upstreams, state, call):
    blue = upstreams("blue")
    good = state(("blue", "r1", [blue]), traffic={"blue": 100})
    router.apply(good)
    bad = state(("blue", "r1", [blue]), traffic={"blue": 100}, max_requests=-1)
    with pytest.raises(errors.Unavailable, match="refused its new CDS file"):
        router.apply(bad)
    assert call().status_code == 200
    router.apply(good)
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 0}))
    assert call().status_code == 404


def test_files_with_keys_are_the_owners_alone(router, upstreams, state, place):
    router.apply(state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100}))
    found = [path for path in (place / "router").rglob("*") if path.is_file()]
    assert any("p" * 40 in path.read_text() for path in found)
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert stat.S_IMODE((place / "router").stat().st_mode) == 0o700


def test_applying_the_same_wish_again_touches_nothing(router, upstreams, state, place):
    wish = state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100})
    router.apply(wish)
    before = {path: path.stat().st_mtime_ns for path in (place / "router").rglob("*.json")}
    router.apply(wish)
    assert {path: path.stat().st_mtime_ns for path in (place / "router").rglob("*.json")} == before


def test_a_killed_router_is_back_and_a_new_control_plane_adopts_it(
    router, make_router, runner, upstreams, state, call, steady
):
    wish = state(("blue", "r1", [upstreams("blue")]), traffic={"blue": 100})
    router.apply(wish)
    pid = runner.status("router").pid
    with steady() as requests:
        requests.await_answers(50)
        os.kill(pid, signal.SIGKILL)
        requests.await_answers(50)
    # Only what was under way at that instant, or knocked while nobody listened, may fail.
    assert {answer.status for answer in requests.answers} <= {200, 503}
    assert runner.status("router").pid != pid

    adopted = make_router()
    adopted.ensure_running()
    pid = runner.status("router").pid
    adopted.apply(wish)
    assert runner.status("router").pid == pid
    assert call().status_code == 200


def test_doors_are_for_when_no_socket_answers(router, upstreams, state, call):
    """Of two hosts one has lost its socket: everything goes to the other. When both have, requests wait at the doors."""
    blue, green = upstreams("blue"), upstreams("green")
    doors = {item: upstreams(f"{item.name}-door") for item in (blue, green)}
    wish = state(("blue", "r1", [blue, green]), traffic={"blue": 100})
    hosts = tuple(wanted.Host(str(item.socket), door=str(door.socket)) for item, door in doors.items())
    router.apply(dataclasses.replace(wish, clusters=(dataclasses.replace(wish.clusters[0], hosts=hosts),)))

    green.close()
    green.socket.unlink(missing_ok=True)
    assert {call().json()["name"] for _ in range(60)} == {"blue"}
    blue.close()
    blue.socket.unlink(missing_ok=True)
    answers = [call() for _ in range(60)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["name"] for answer in answers} == {"blue-door", "green-door"}


def test_whoever_waits_at_doors_in_vain_does_not_shut_them_for_others(router, upstreams, state, call):
    """Time-outs take a host out for a moment. Were both doors out, every try would go to a socket that is not there."""
    blue, green = upstreams("blue"), upstreams("green")
    doors = [upstreams(f"{item.name}-door") for item in (blue, green)]
    wish = state(("blue", "r1", [blue, green]), traffic={"blue": 100}, timeout_ms=600)
    hosts = tuple(
        wanted.Host(str(item.socket), door=str(door.socket))
        for item, door in zip((blue, green), doors, strict=True)
    )
    router.apply(dataclasses.replace(wish, clusters=(dataclasses.replace(wish.clusters[0], hosts=hosts),)))
    for item in (blue, green):
        item.close()
        item.socket.unlink(missing_ok=True)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for _ in range(6):
            held = list(pool.map(lambda _: call(json={"hold": True}), range(8)))
            assert {(answer.status_code, answer.json()["code"]) for answer in held} == {(408, "timeout")}


def test_a_new_start_configuration_fails_nothing(router, make_router, runner, upstreams, state, steady):
    """A second process takes over while the first one finishes what it has; then there is one again, and back."""
    blue = upstreams("blue")
    wish = state(("blue", "r1", [blue]), traffic={"blue": 100})
    router.apply(wish)
    with steady(8) as requests:
        requests.await_answers(100)
        for threads, staying in ((2, "router-2"), (1, "router")):
            changed = make_router(concurrency=threads)
            changed.ensure_running()
            changed.apply(wish)
            until_alone(changed, runner, staying)
            assert looking.look(runner, changed).router.requests
            requests.await_answers(100)
    assert requests.failures == []


def until_alone(router, runner, identity):
    deadline = time.monotonic() + 120
    while runner.list() != [identity]:
        assert time.monotonic() < deadline, runner.list()
        router.ensure_running()
        time.sleep(0.1)


def test_a_start_configuration_that_does_not_work_changes_nothing(
    router, make_router, runner, upstreams, state, call
):
    blue = upstreams("blue")
    router.apply(state(("blue", "r1", [blue]), traffic={"blue": 100}))
    with pytest.raises(errors.Unavailable, match="stays in force"):
        make_router(binary="/bin/false").ensure_running()
    assert call().status_code == 200
    router.ensure_running()
    assert runner.list() == ["router"]
