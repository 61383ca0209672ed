"""What was acknowledged is there, whoever is killed: the server on SQLite, PostgreSQL's processes, one server of two."""

import os
import random
import shutil
import signal
import stat
import threading
import time

import httpx
import psycopg
import pytest

from zaffre.testing import server as servers


def test_no_acknowledged_write_is_lost_when_the_server_is_killed(tmp_path):
    chance = random.Random(3)
    server = servers.ServerProcess(tmp_path / "home")
    acknowledged = set()
    number = 0
    for _ in range(4):
        server.start()
        killer = threading.Timer(chance.uniform(0.05, 1.5), os.kill, (server.pid, signal.SIGKILL))
        with server.client() as client:
            assert (
                client.get("/workspaces").status_code == 200
            )  # the first request takes longer than the others
            killer.start()
            try:
                while True:
                    number += 1
                    if client.post("/workspaces", json={"name": f"wide{number}"}).status_code == 201:
                        acknowledged.add(f"wide{number}")
            except httpx.TransportError:
                killer.join()
        server.stop(signal.SIGKILL)
    server.start()
    try:
        with server.client() as client:
            there = {item["name"] for item in client.get("/workspaces").json()["items"]}
    finally:
        server.end()
    assert acknowledged
    assert acknowledged - there == set()


def test_a_postgres_that_goes_and_comes_back(own_postgres, tmp_path):
    environment = {"ZAFFRE_DATABASE_URL": own_postgres.create_database()}
    server = servers.ServerProcess(tmp_path / "home", environment).start()
    try:
        with server.client() as client:
            assert client.post("/workspaces", json={"name": "before"}).status_code == 201
            own_postgres.stop()
            for _ in range(3):
                for answer in (
                    client.post("/workspaces", json={"name": "meanwhile"}),
                    client.get("/workspaces"),
                ):
                    assert answer.status_code == 503, answer.text
                    assert "cannot be reached" in answer.json()["detail"]
                    assert "Traceback" not in answer.text
                time.sleep(0.3)  # the remembered token runs out after a second: that answer must be a 503 too
            assert httpx.get(server.facts()["url"] + "/healthz", timeout=60).status_code == 200
            own_postgres.start()
            end = time.monotonic() + 180
            while (answer := client.post("/workspaces", json={"name": "after"})).status_code == 503:
                assert time.monotonic() < end
                time.sleep(0.1)
            assert answer.status_code == 201
            names = {item["name"] for item in client.get("/workspaces").json()["items"]}
        assert names == {"default", "before", "after"}
    finally:
        server.end()


def holder(database_url):
    with psycopg.connect(database_url) as connection:
        row = connection.execute("SELECT holder FROM leases WHERE name = 'online-endpoints'").fetchone()
    return row and row[0]


def share_key(first, second):
    second.home.mkdir(mode=0o700, exist_ok=True)
    shutil.copyfile(first.home / "secrets.key", second.home / "secrets.key")


def test_a_server_with_another_key_does_not_start_until_it_has_the_same(own_postgres, tmp_path):
    """Without that, each would make endpoint keys that the other cannot open."""
    url = own_postgres.create_database()
    first = servers.ServerProcess(tmp_path / "first", {"ZAFFRE_DATABASE_URL": url}).start()
    second = servers.ServerProcess(tmp_path / "second", {"ZAFFRE_DATABASE_URL": url})
    place = "/workspaces/default/online-endpoints/shared"
    try:
        with pytest.raises(AssertionError, match="sealed with another key") as refused:
            second.start()
        assert str(first.home / "secrets.key") in str(refused.value)
        assert str(second.home / "secrets.key") in str(refused.value)
        assert not (second.home / "token").exists()
        share_key(first, second)
        second.start()
        assert stat.S_IMODE((second.home / "secrets.key").stat().st_mode) == 0o600
        with first.client() as one, second.client() as two:
            assert one.put(place, json={"name": "shared", "auth_mode": "key"}).is_success
            keys = one.get(f"{place}/credentials").json()
            assert keys["primary_key"]
            assert two.get(f"{place}/credentials").json() == keys
    finally:
        first.end()
        second.end()
    with psycopg.connect(url) as connection:
        kept = connection.execute("SELECT * FROM sealing_keys").fetchall()
    assert (first.home / "secrets.key").read_text().strip() not in str(kept)


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM])
def test_two_servers_on_one_database(own_postgres, tmp_path, way):
    """Both answer, one reconciles; when that one is killed the other takes over."""
    url = own_postgres.create_database()
    environment = {"ZAFFRE_DATABASE_URL": url}
    first = servers.ServerProcess(tmp_path / "first", environment).start()
    second = servers.ServerProcess(tmp_path / "second", environment)
    share_key(first, second)
    try:
        end = time.monotonic() + 120
        while (before := holder(url)) is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        second.start()
        with first.client() as one, second.client() as two:
            assert one.post("/workspaces", json={"name": "by-one"}).status_code == 201
            assert two.post("/workspaces", json={"name": "by-two"}).status_code == 201
            assert (
                two.get("/workspaces/by-one").status_code == one.get("/workspaces/by-two").status_code == 200
            )
            with first.client(second.token()) as crossed:
                assert crossed.get("/workspaces").status_code == 200
        assert holder(url) == before
        first.stop(way)
        end = time.monotonic() + 180
        while holder(url) == before:
            assert time.monotonic() < end
            time.sleep(0.2)
        with second.client() as two:
            assert two.get("/workspaces/by-one").status_code == 200
    finally:
        first.end()
        second.end()
