"""Many who register at once: over HTTP their requests share transactions, and nobody may notice."""

import secrets
import threading

import pytest

from zaffre.testing import server as servers

CLIENTS, EACH = 6, 20


@pytest.fixture(params=["sqlite", "postgresql"])
def running(request, tmp_path):
    environment = {}
    if request.param == "postgresql":
        environment["ZAFFRE_DATABASE_URL"] = request.getfixturevalue("postgres_server").create_database()
    started = servers.ServerProcess(tmp_path / "home", environment).start()
    yield started
    started.end()


def test_versions_count_up_without_gaps_among_requests_that_fail(running):
    names = [f"m{secrets.token_hex(4)}" for _ in range(3)]
    environment = {"image": "python:3.11"}
    given, refused = {name: [] for name in names}, []
    start = threading.Barrier(CLIENTS)

    def work():
        with running.client() as client:
            start.wait()
            for number in range(EACH):
                name = names[number % 3]
                answer = client.post(f"/workspaces/default/environments/{name}/versions", json=environment)
                given[name].append((answer.status_code, int(answer.json()["version"]), answer.json()["name"]))
                wrong = client.post(f"/workspaces/default/environments/{name}/versions", json={})
                refused.append((wrong.status_code, wrong.json()["detail"]))

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, answers in given.items():
        expected = [(201, number, name) for number in range(1, len(answers) + 1)]
        assert sorted(answers) == expected
        with running.client() as client:
            listed = client.get(f"/workspaces/default/environments/{name}/versions").json()["items"]
        assert [int(item["version"]) for item in listed] == list(range(len(answers), 0, -1))
    assert set(refused) == {(400, "The environment is empty.")}
    assert sum(len(answers) for answers in given.values()) == CLIENTS * EACH
