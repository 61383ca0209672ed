"""Secrets planted everywhere, the whole life driven once, and then every place searched that others could look into."""

import contextlib
import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from zaffre.testing import chaos
from zaffre.testing import server as servers

FIRST, SECOND = "canary-first-7c1f93b2", "canary-second-5d0ae846"
SCRIPT = """
import hashlib, os
def init():
    print("the variable has", len(os.environ["DB_PASSWORD"]), "characters")
def run(raw_data):
    return hashlib.sha256(os.environ["DB_PASSWORD"].encode()).hexdigest()
"""
DEPLOYMENTS = f"{chaos.ENDPOINT}/deployments"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    running = chaos.Site(servers.ServerProcess(tmp_path_factory.mktemp("canary") / "home").start())
    yield running
    running.server.end()


def cli(site, *words, text=""):
    environment = {**os.environ, "ZAFFRE_HOME": str(site.server.home)}
    command = [sys.executable, "-m", "zaffre", *words]
    return subprocess.run(command, env=environment, input=text, capture_output=True, text=True, check=False)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def score(site, key):
    url = f"{site.server.facts()['scoring_url']}/default/churn/score"
    return httpx.post(url, headers={"authorization": f"Bearer {key}"}, json={}, timeout=60).json()


def body(site, **fields):
    code = site.upload({"code/score.py": SCRIPT.encode()})
    return {
        "model": site.model(),
        "environment": "azureml:plain:1",
        "code_configuration": {"code": f"{code}/code", "scoring_script": "score.py"},
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
        "environment_variables": {"DB_PASSWORD": "${{secret.db}}"},
        **fields,
    }


def deploy(site, **fields):
    done = site.done("PUT", f"{DEPLOYMENTS}/blue", json=body(site, **fields), params={"all_traffic": True})
    assert done["state"] == "Succeeded", done


def life(site):
    """Everything that a secret goes through; gives the texts that nobody may find."""
    set_ = cli(site, "secret", "set", "--name", "db", "--file", "-", text=FIRST + "\n")
    assert set_.returncode == 0, set_.stderr
    assert FIRST not in set_.stdout
    site.done(
        "POST", "/workspaces/default/environments/plain/versions",
        json={"conda_file": {"dependencies": ["python=3.11"]}},
    )  # fmt: skip
    site.done("PUT", chaos.ENDPOINT, json={"auth_mode": "key"})
    keys = site.done("GET", f"{chaos.ENDPOINT}/credentials")
    deploy(site)
    assert score(site, keys["primary_key"]) == digest(FIRST)

    site.call("PUT", "/workspaces/default/secrets/db", json={"value": SECOND}).raise_for_status()
    assert score(site, keys["primary_key"]) == digest(FIRST)
    deploy(site, description="takes the new password")
    deploy(site, environment_variables={"DB_PASSWORD": "${{secret.db}}", "MORE": "1"})
    assert score(site, keys["primary_key"]) == digest(SECOND)
    with contextlib.suppress(ProcessLookupError):  # one of the revision before may just have ended by itself
        os.kill(replica(site), signal.SIGKILL)
    chosen = {"key_type": "secondary", "key_value": "canary-key-0123456789-abcdefghijk"}
    site.done("POST", f"{chaos.ENDPOINT}/keys", json=chosen)
    assert score(site, chosen["key_value"]) == digest(SECOND)
    site.done("PUT", "/workspaces/default/online-endpoints/signed", json={"auth_mode": "aml_token"})
    token = site.done("POST", "/workspaces/default/online-endpoints/signed/token")["access_token"]
    for wrong in ({"value": {"x": FIRST}}, {"value": FIRST, "extra": FIRST}, {"value": FIRST + "\0"}):
        refused = site.call("PUT", "/workspaces/default/secrets/db", json=wrong)
        assert (refused.status_code, FIRST in refused.text) == (400, False), refused.text
    return [FIRST, SECOND, *keys.values(), chosen["key_value"], token, site.server.token()]


def replica(site):
    return next(pid for name, pid in site.replicas().items() if not name.startswith("router"))


MAY_HOLD = ("token", "router/rds/routes.json")
"""Private files whose purpose is to hold a secret: the owner's token, and the keys that the router compares with."""


def leaks(home, canaries):
    found = []
    for path in (item for item in home.rglob("*") if item.is_file() and not item.is_symlink()):
        name = str(path.relative_to(home))
        try:
            content, mode = path.read_bytes(), path.stat().st_mode
        except FileNotFoundError:  # replicas and router live, and replace files of theirs
            continue
        hits = [text for text in canaries if text.encode() in content]
        if hits and name not in MAY_HOLD:
            found.append((name, hits))
        if name in MAY_HOLD and mode & 0o077:
            found.append((name, "can be read by others"))
    return found


def process_leaks(canaries):
    """Command lines are everybody's; of process environments only those of the server and its shims are asked here."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line, environ = (process / "cmdline").read_bytes(), (process / "environ").read_bytes()
            if line != (process / "cmdline").read_bytes():
                continue  # it became another program between the two looks
        except OSError:
            continue
        of_replica = b"zaffre_runtime.scoring" in line or b"zaffre_boot" in line
        looked_at = line if of_replica else line + environ
        found += [(line, text) for text in canaries if text.encode() in looked_at]
    return found


def test_no_secret_is_found_anywhere(site):
    canaries = life(site)
    home = site.server.home
    assert process_leaks(canaries) == []
    shown = [
        site.call("GET", path).text
        for path in (
            "/workspaces/default/secrets", "/workspaces/default/secrets/db", f"{DEPLOYMENTS}/blue",
            f"{DEPLOYMENTS}/blue/revisions", f"{DEPLOYMENTS}/blue/logs", "/audit", chaos.ENDPOINT,
        )
    ]  # fmt: skip
    assert "${{secret.db}}" in shown[2]
    assert "SecretStored" in shown[5]
    for text in canaries:
        assert all(text not in answer for answer in shown), text
    site.server.stop()
    assert leaks(home, canaries) == []
    with sqlite3.connect(home / "zaffre.db") as database:
        dump = "\n".join(database.iterdump())
    assert [text for text in canaries if text in dump] == []
    site.server.start()


def test_a_used_secret_is_not_deleted_and_an_unknown_one_not_deployed(site):
    if "db" not in json.dumps(site.done("GET", "/workspaces/default/secrets")):
        life(site)
    refused = cli(site, "secret", "delete", "--name", "db", "--yes")
    assert refused.returncode == 5
    assert "endpoints/churn/deployments/blue" in refused.stderr
    for text, said in (
        ("${{secret.absent}}", "no secret absent"),
        ("a${{secret.db}}", "does not name a secret"),
    ):
        answer = site.call("PUT", f"{DEPLOYMENTS}/other", json=body(site, environment_variables={"X": text}))
        assert answer.status_code in (400, 404), answer.text
        assert said in answer.json()["detail"]
