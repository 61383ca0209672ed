"""The server process: start, restart, what it leaves for clients, what it refuses."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from zaffre.testing import server as servers
from zaffre.testing import waiting


def test_the_first_start_makes_a_workspace_and_a_token_for_the_owner_alone(server):
    for name in ("token", "server.json", "zaffre.db"):
        assert (server.home / name).stat().st_mode & 0o077 == 0, name
    with server.client() as client:
        names = [item["name"] for item in client.get("/workspaces").json()["items"]]
    assert names == ["default"]


def test_a_restart_keeps_port_token_and_data(server):
    with server.client() as client:
        made = client.post(
            "/workspaces",
            json={"name": "plant", "resource_group": "rg1"},
            headers={"X-Zaffre-Reason": "why%20not"},
        )
        assert made.status_code == 201, made.text
    port, token = server.facts()["port"], (server.home / "token").read_text()
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL
    server.start()
    assert (server.facts()["port"], (server.home / "token").read_text()) == (port, token)
    with server.client() as client:
        assert client.get("/workspaces/plant", params={"resource_group": "RG1"}).status_code == 200
        assert client.get("/workspaces/plant", params={"resource_group": "rg2"}).status_code == 404


def test_the_audit_says_who_what_when_and_why(server):
    with server.client() as client:
        client.post("/workspaces", json={"name": "plant"}, headers={"X-Zaffre-Reason": "a new line"})

        def told():
            return client.get("/audit", params={"workspace": "plant"}).json()["items"]

        waiting.until(told)
        lines = told()
    assert [(line["actor"], line["action"], line["subject"], line["reason"]) for line in lines] == [
        ("owner", "WorkspaceCreated", "workspaces/plant", "a new line")
    ]


def test_a_second_server_on_the_same_home_is_refused_and_the_first_goes_on(server):
    environment = {**os.environ, "ZAFFRE_HOME": str(server.home), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "zaffre.server.app"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 5
    assert "Another server" in done.stderr
    with server.client() as client:
        assert client.get("/workspaces").status_code == 200


@pytest.mark.parametrize(
    "bad", ["", "Bearer", "Bearer x", "Basic eDp5", "Bearer zf_000000000000_" + "a" * 43]
)
def test_a_wrong_token_is_refused(shared, bad):
    with shared.client() as client:
        answer = client.get("/workspaces", headers={"Authorization": bad})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_revoked_token_is_refused_from_then_on(server):
    with server.client() as admin:
        made = admin.post(
            "/tokens", json={"name": "ci", "grants": [{"role": "reader", "workspace": "default"}]}
        ).json()
        with server.client(made["token"]) as reader:
            assert reader.get("/workspaces").status_code == 200
            assert reader.post("/workspaces", json={"name": "plant"}).status_code == 403
            assert reader.get("/tokens").status_code == 403
            admin.delete(f"/tokens/{made['id']}")
            assert reader.get("/workspaces").status_code == 401


def test_a_caller_sees_only_the_workspaces_that_were_granted(server):
    with server.client() as admin:
        admin.post("/workspaces", json={"name": "plant", "resource_group": "rg"})
        admin.post("/workspaces", json={"name": "lab", "resource_group": "rg"})
        made = admin.post(
            "/tokens", json={"name": "p", "grants": [{"role": "reader", "workspace": "plant"}]}
        ).json()
        with server.client(made["token"]) as reader:
            names = [
                item["name"]
                for item in reader.get("/workspaces", params={"resource_group": "rg"}).json()["items"]
            ]
            assert names == ["plant"]
            assert reader.get("/workspaces/lab").status_code == 403


def test_errors_say_which_thing_what_is_wrong_and_what_next(shared):
    with shared.client() as client:
        problem = client.post("/workspaces", json={"name": "plant", "discription": "x"}).json()
        assert problem["status"] == 400
        assert "discription" in problem["detail"]
        assert "description" in problem["detail"] + problem.get("hint", "")
        assert client.get("/nothing/here").status_code == 404
        assert client.delete("/workspaces/default").status_code == 400


def test_a_port_of_endpoints_that_somebody_else_has_is_named_at_the_start(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = servers.ServerProcess(tmp_path / "home", {"ZAFFRE_SCORING_PORT": str(port)})
        with pytest.raises(AssertionError, match=f"Port {port} .* for endpoints by process {os.getpid()} "):
            server.start()
    server.start()
    server.stop()
    server.start()  # its own router may be there by now
    server.end()
