"""A full disk: one clear error, nothing half written, and all is well again once there is room."""

import hashlib
import os

from zaffre.testing import chaos
from zaffre.testing import server as servers


def fill(folder):
    """Take all the room that is left; the file that does."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


def full(answer):
    assert answer.status_code == 503, answer.text
    assert "disk is full" in answer.json()["detail"], answer.text
    assert "hint" in answer.json()


def test_a_disk_that_fills_during_an_upload(small_disk):
    server = servers.ServerProcess(small_disk / "home").start()
    try:
        with server.client() as client:
            content = os.urandom(60 << 20)
            digest = hashlib.sha256(content).hexdigest()
            full(client.put(f"/artifacts/blobs/{digest}", content=content))
            assert client.get(f"/artifacts/blobs/{digest}").status_code == 404
            assert list((small_disk / "home" / "incoming").iterdir()) == []
            assert [path for path in (small_disk / "home" / "blobs").rglob("*") if path.is_file()] == []
            sample = hashlib.sha256(b"sample").hexdigest()
            full(client.put(f"/artifacts/drafts/{sample}", content=content))
            assert list((small_disk / "home" / "incoming").iterdir()) == []
            small = os.urandom(1 << 20)
            name = hashlib.sha256(small).hexdigest()
            assert client.put(f"/artifacts/blobs/{name}", content=small).status_code == 201
    finally:
        server.stop()


def test_a_full_disk_refuses_every_change_clearly_and_heals(small_disk):
    server = servers.ServerProcess(small_disk / "home").start()
    site = chaos.Site(server)
    try:
        model = site.model()
        site.done("PUT", chaos.ENDPOINT, json={"auth_mode": "key"})
        ballast = fill(small_disk)
        seen = [
            site.call("POST", "/workspaces", json={"name": f"wide{n}", "description": "x" * 20000})
            for n in range(60)
        ]
        made = {f"wide{n}" for n, answer in enumerate(seen) if answer.status_code == 201}
        for answer in seen:
            if answer.status_code != 201:
                full(answer)
        assert len(made) < 60
        there = {item["name"] for item in site.done("GET", "/workspaces")["items"]}
        assert there == {"default", *made}  # reading goes on, and what was refused is not there
        content = os.urandom(1 << 20)
        full(site.call("PUT", f"/artifacts/blobs/{hashlib.sha256(content).hexdigest()}", content=content))
        ballast.unlink()
        assert site.call("POST", "/workspaces", json={"name": "later"}).status_code == 201
        assert site.model() != model
        assert site.done("GET", chaos.ENDPOINT)["status"]["provisioning_state"] == "Succeeded"
    finally:
        server.stop()
        chaos.stop_services(small_disk / "home")


def test_a_deployment_without_room_fails_clearly_and_can_be_made_later(small_disk):
    server = servers.ServerProcess(small_disk / "home").start()
    site = chaos.Site(server)
    try:
        site.done(
            "POST", "/workspaces/default/environments/plain/versions",
            json={"conda_file": {"dependencies": ["python=3.11", {"pip": ["numpy"]}]}},
        )  # fmt: skip
        site.done("PUT", chaos.ENDPOINT, json={"auth_mode": "key"})
        body = site.body("blue", model=site.model())
        done = site.done("PUT", f"{chaos.ENDPOINT}/deployments/blue", json=body)
        assert done["state"] == "Failed", done
        assert "full" in str(done["error"]), done
        shown = site.done("GET", f"{chaos.ENDPOINT}/deployments/blue")
        assert shown["status"]["provisioning_state"] == "Failed"
        assert [name for name in site.replicas() if name != "router"] == []
        site.done("DELETE", f"{chaos.ENDPOINT}/deployments/blue")
    finally:
        server.stop()
        chaos.stop_services(small_disk / "home")
