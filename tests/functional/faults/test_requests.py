"""What single callers and single requests may do: everybody else goes on being served."""

import concurrent.futures
import contextlib
import json
import socket
import time

import httpx
import pytest

from zaffre.testing import chaos, faults

SCRIPT = """
import json, os, time
from azureml.contrib.services.aml_response import AMLResponse
broken = os.path.join(os.environ["HOME"], "broken")
kept = []
def init():
    if os.path.exists(broken):
        raise RuntimeError("the model is not there any more")
def run(raw_data):
    asked = json.loads(raw_data)
    if asked.get("do") == "hang":
        while True:
            time.sleep(1)
    if asked.get("do") == "die":
        os.kill(os.getpid(), 11)
    if asked.get("do") == "leak":
        kept.append(b"x" * (1 << 25))
    if asked.get("do") == "break":
        open(broken, "w").close()
        os._exit(9)
    if "status" in asked:
        return AMLResponse("as I said", asked["status"])
    return asked["number"]
"""
TIMEOUT_MS = 5000
"""Others must be answered while a process is started again, and on a busy machine that takes seconds."""


@pytest.fixture(scope="module")
def odd(place):
    """A deployment `odd` beside `blue`: two instances of a script that does what it is told."""
    code = place.site.upload({"code/score.py": SCRIPT.encode()})
    place.deploy(
        "odd",
        code_configuration={"code": f"{code}/code", "scoring_script": "score.py"},
        request_settings={
            "max_concurrent_requests_per_instance": 50,
            "request_timeout_ms": TIMEOUT_MS,
            "max_queue_wait_ms": 1000,
        },
        environment_variables={},
        resources={"limits": {"memory": "400Mi"}},
        type="kubernetes",
        zaffre={"alerts": [{"name": "always", "condition": "Requests >= 0", "window_size": "10s"}]},
    )
    yield place
    place.site.done("DELETE", f"{chaos.ENDPOINT}/deployments/odd")


@pytest.fixture(scope="module")
def ask(odd):
    """A function that sends one request to the deployment."""
    key = odd.site.done("GET", f"{chaos.ENDPOINT}/credentials")["primary_key"]
    headers = {"authorization": f"Bearer {key}", "azureml-model-deployment": "odd"}
    url = f"{odd.site.server.facts()['scoring_url']}/default/churn/score"
    with httpx.Client(headers=headers, timeout=120) as client:

        def send(content=None, *, path="", more=None, **asked):
            return client.post(f"{url}{path}", content=content or json.dumps(asked), headers=more)

        send.headers, send.url = headers, url
        yield send


@contextlib.contextmanager
def others(ask, count=4):
    """Others ask all the time; each gets an answer."""
    stop, found = [], []

    def go_on():
        while not stop:
            found.append(ask(number=7))

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        tasks = [pool.submit(go_on) for _ in range(count)]
        try:
            yield found
        finally:
            stop.append(True)
        [task.result() for task in tasks]
    assert {answer.status_code for answer in found} == {200}, [a.text for a in found if a.status_code != 200][
        :3
    ]
    assert {answer.json() for answer in found} == {7}


def await_both(odd):
    """Until both processes answer, whatever was done to them before. Their parents know; the server hears of a death later."""
    faults.until(lambda: [state["state"] for _, state in odd_states(odd)] == ["running", "running"])


def odd_states(odd):
    """What the parents of the deployment's processes have written down."""
    shown = odd.site.done("GET", f"{chaos.ENDPOINT}/deployments/odd")["status"]["revision"]
    return [(name, state) for name, state in odd.site.states() if name.startswith(shown)]


def odd_replicas(odd):
    return {name: state["pid"] for name, state in odd_states(odd) if state.get("pid")}


def test_the_documented_codes(ask):
    raised = ask(missing=1)
    assert (raised.status_code, raised.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert raised.headers["ms-azureml-model-error-reason"] == "model_error"
    said = ask(status=418)
    assert (said.status_code, said.text) == (424, "as I said")
    assert said.headers["ms-azureml-model-error-statuscode"] == "418"
    assert ask(number=1, more={"x-request-id": "i" * 101}).status_code == 431
    assert ask(number=1, more={"authorization": "Bearer wrong"}).status_code == 401
    assert ask(number=1, more={"azureml-model-deployment": "unknown"}).status_code == 404
    assert ask(b"\xff\xff").status_code == 400


def test_ids_of_requests_on_the_whole_way(ask):
    """As the inference server has them: echoed, made up where there are none, refused above 100 characters."""
    made = [ask(number=1).headers for _ in range(2)]
    assert all(headers["x-request-id"] == headers["x-ms-request-id"] for headers in made)
    assert made[0]["x-request-id"] != made[1]["x-request-id"]
    assert all("x-ms-client-request-id" not in headers for headers in made)
    given = {"x-request-id": "r" * 100, "x-ms-request-id": "m" * 100, "x-ms-client-request-id": "c" * 100}
    answer = ask(number=1, more=given)
    assert {name: answer.headers[name] for name in given} == given
    for name, value in given.items():
        assert ask(number=1, more={name: value + "x"}).status_code == 431
    older = ask(number=1, more={"x-ms-request-id": "mine"}).headers
    assert (older["x-ms-request-id"], older["x-ms-client-request-id"]) == ("mine", "mine")
    refused = ask(number=1, more={"authorization": "none", "x-request-id": "mine"})
    assert refused.headers["x-request-id"] == refused.json()["request_id"] == "mine"


def test_a_giant_body(ask):
    with others(ask):
        assert ask(b" " * (101 << 20)).status_code == 413


def test_clients_that_are_slow_or_leave(ask, odd):
    host, _, port = ask.url.removeprefix("http://").partition("/")[0].partition(":")
    fields = "".join(f"{name}: {value}\r\n" for name, value in ask.headers.items())
    head = f"POST /default/churn/score HTTP/1.1\r\nhost: x\r\n{fields}content-length: 13\r\n\r\n".encode()
    with others(ask), contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(20)]
        for connection in slow:
            connection.sendall(head + b'{"num')
        for _ in range(50):
            with socket.create_connection((host, int(port))) as leaving:
                leaving.sendall(head + b'{"number": 7}')
        with socket.create_connection((host, int(port)), timeout=120) as last:
            last.sendall(head + b'{"num')
            last.sendall(b'ber": 7}')
            assert last.recv(4096).startswith(b"HTTP/1.1 200")


def test_a_script_that_never_returns_is_ended_and_delays_nobody(ask, odd):
    await_both(odd)
    before = odd_replicas(odd)
    with others(ask) as found:
        assert ask(do="hang").status_code == 408
        faults.until(lambda: set(odd_replicas(odd).values()) - set(before.values()))
        count = len(found)
        faults.until(lambda: len(found) > count + 50)


def test_a_request_that_kills_its_process_is_given_to_two_at_most(ask, odd):
    def deaths():
        shown = odd.site.done("GET", f"{chaos.ENDPOINT}/deployments/odd")["status"]["revision"]
        return odd.site.restarts(shown)

    await_both(odd)
    before = deaths()
    with others(ask) as found:
        answer = ask(do="die")
        # 408 where this machine needs longer to start a process that can refuse it than the request may take.
        assert answer.status_code in (408, 424), answer.text
        assert answer.status_code != 424 or "2 processes" in answer.json()["message"]
        faults.until(lambda: deaths() - before >= 2)
        faults.until(lambda: len(odd_replicas(odd)) == 2)
        count = len(found)
        faults.until(lambda: len(found) > count + 50)
    assert deaths() - before == 2


def test_a_script_that_eats_memory_is_ended_and_replaced(ask, odd):
    shown = odd.site.done("GET", f"{chaos.ENDPOINT}/deployments/odd")["status"]
    if (shown.get("limits_note") or "").find("memory") >= 0:
        pytest.skip("this machine holds nobody to a memory limit")
    await_both(odd)
    before = odd_replicas(odd)
    with others(ask):
        for _ in range(200):
            assert ask(do="leak").status_code in (200, 408, 424)  # 408: the machine took its time to end it
            if odd_replicas(odd) != before:
                break
        faults.until(lambda: len(odd_replicas(odd)) == 2 and odd_replicas(odd) != before)


def test_a_crash_loop_backs_off_is_reported_and_lets_nobody_wait_for_ever(ask, odd):
    def shown():
        return odd.site.done("GET", f"{chaos.ENDPOINT}/deployments/odd")["status"]

    faults.until(lambda: shown()["service_state"] == "Healthy")  # again, after what was done to it before
    end = time.monotonic() + 180
    while shown()["service_state"] != "Unhealthy":
        assert time.monotonic() < end
        ask(do="break")
    with concurrent.futures.ThreadPoolExecutor(
        8
    ) as pool:  # held each time anew, though those before were held in vain
        for _ in range(3):
            answers = list(pool.map(lambda _: ask(number=1), range(8)))
            assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(408, "timeout")}
    faults.until(lambda: "exited with code 3" in (shown()["reason"] or ""))
    assert any("the model is not there any more" in line for line in shown()["last_log_lines"])
    with odd.site.load(100) as load:
        load.await_answers(100)
    assert load.failures == []


def test_alerts_that_fire_stand_where_one_looks_first(ask, odd):
    def shown(place):
        return odd.site.done("GET", place)["status"].get("firing_alerts")

    faults.until(lambda: shown(f"{chaos.ENDPOINT}/deployments/odd"))
    assert shown(f"{chaos.ENDPOINT}/deployments/odd")[0].startswith("always since 20")
    assert shown(chaos.ENDPOINT)[0].startswith("odd: always since 20")
    assert not shown(f"{chaos.ENDPOINT}/deployments/blue")
