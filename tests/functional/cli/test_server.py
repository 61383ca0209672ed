"""The server's life by the command line, tokens, workspaces and the audit trail, on a real server."""

import json
import os
import signal
import stat
from pathlib import Path

import pytest


def test_start_status_stop_and_the_port_is_kept(fresh):
    assert "state        stopped" in fresh.out("server", "status")
    started = json.loads(fresh.out("server", "start", "-o", "json"))
    assert started["state"] == "running"
    assert fresh.out("server", "start", "-o", "json", "--query", "pid") == f"{started['pid']}\n"
    assert fresh.value("server", "status", "--query", "url") == started["url"]
    stopped = fresh("server", "stop")
    assert "go on serving" in stopped.stderr
    refused = fresh("workspace", "list", code=7)
    assert "zaffre server start" in refused.stderr
    again = json.loads(fresh.out("server", "start", "-o", "json"))
    assert again["url"] == started["url"]


def test_a_server_that_was_killed_is_started_again(fresh):
    started = json.loads(fresh.out("server", "start", "-o", "json"))
    os.kill(started["pid"], signal.SIGKILL)
    fresh.until(lambda: "state        stopped" in fresh.out("server", "status"), "the server's end")
    assert fresh.value("server", "start", "--query", "state") == "running"


def test_a_port_that_is_taken_is_told(fresh, zaffre):
    port = zaffre.value("server", "status", "--query", "port")
    refused = fresh("server", "start", "--port", port, code=7)
    assert port in refused.stderr
    assert "Traceback" not in refused.stderr


def test_settings_that_are_wrong_are_told(fresh):
    fresh.environment["ZAFFRE_PORT"] = "many"
    refused = fresh("server", "start", code=2)
    assert "ZAFFRE_PORT" in refused.stderr


def test_the_home_and_the_token_are_for_their_owner_only(zaffre):
    path = Path(zaffre.value("token", "show-path"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(zaffre.home.stat().st_mode) == 0o700
    assert zaffre.out("token", "show") == path.read_text()


def test_tokens_let_in_and_are_revoked(zaffre):
    made = json.loads(zaffre.out("token", "create", "-n", "ci", "--role", "reader", "--lifetime", "1d"))
    assert made["token"] not in zaffre.out("token", "list")
    theirs = zaffre.environment | {"ZAFFRE_TOKEN": made["token"]}
    mine, zaffre.environment = zaffre.environment, theirs
    try:
        assert zaffre.value("workspace", "show", "-n", "default", "--query", "name") == "default"
        assert "may not" in zaffre("workspace", "create", "-n", "other", code=3).stderr
    finally:
        zaffre.environment = mine
    zaffre("token", "revoke", "--id", made["id"])
    zaffre.environment = theirs
    try:
        zaffre("workspace", "show", "-n", "default", code=3)
    finally:
        zaffre.environment = mine


def test_a_wrong_token_is_refused_and_not_repeated(zaffre):
    zaffre.environment["ZAFFRE_TOKEN"] = "zf_000000000000_" + "x" * 43
    try:
        refused = zaffre("workspace", "list", "--debug", code=3)
    finally:
        del zaffre.environment["ZAFFRE_TOKEN"]
    assert "xxx" not in refused.stderr + refused.stdout


def test_workspaces_keep_group_and_subscription(zaffre):
    zaffre(
        "workspace",
        "create",
        "-n",
        "team1",
        "-g",
        "rg1",
        "--subscription",
        "s1",
        "--tags",
        "a=b",
        "c=d",
        "--description",
        "ours",
    )
    assert zaffre.value("workspace", "show", "-n", "team1", "-g", "rg1", "--query", "tags.c") == "d"
    full = "/subscriptions/s1/resourceGroups/rg1/providers/Microsoft.MachineLearningServices/workspaces/team1"
    assert zaffre.value("workspace", "show", "-w", full, "--query", "resource_group") == "rg1"
    # One that belongs to no group is found from every script.
    assert zaffre.value("ml", "workspace", "list", "-g", "RG1", "--query", "[].name").split() == [
        "default",
        "team1",
    ]
    for kinds, count in ((["hub", "project"], "0"), (["hub", "default"], "2"), (["default"], "2")):
        words = ["--filtered-kinds", *kinds, "-g", "rg1", "--query", "length(@)"]
        assert zaffre.value("workspace", "list", *words) == count
    assert "team1" not in zaffre.value("workspace", "list", "-g", "rg2", "--query", "[].name")
    assert "team1" not in zaffre.value("workspace", "list", "--subscription", "s2", "--query", "[].name")
    assert "team1" in zaffre.out("workspace", "list", "-o", "table")
    zaffre(
        "workspace",
        "update",
        "-n",
        "team1",
        "--set",
        "tags.e=f",
        "--add",
        "tags",
        "g=h",
        "--remove",
        "tags.a",
    )
    assert json.loads(zaffre.out("workspace", "show", "-n", "team1", "--query", "tags")) == {
        "c": "d",
        "e": "f",
        "g": "h",
    }
    zaffre("workspace", "create", "-n", "team1", "--tags", "h=i", "--display-name", "Team")
    again = json.loads(zaffre.out("workspace", "show", "-n", "team1"))
    assert (again["description"], again["display_name"], again["resource_group"]) == ("ours", "Team", "rg1")
    assert again["tags"] == {"c": "d", "e": "f", "g": "h", "h": "i"}
    zaffre("workspace", "update", "-n", "team1", "--remove", "description")
    assert "description" not in json.loads(zaffre.out("workspace", "show", "-n", "team1"))
    taken = zaffre("workspace", "create", "-n", "team1", "-g", "rg2", code=5).stderr
    assert "exists already" in taken
    assert "Add --yes" in zaffre("workspace", "delete", "-n", "team1", code=2).stderr
    zaffre("workspace", "delete", "-n", "team1", "-y", "--reason", "räumen 100 %")
    zaffre("workspace", "show", "-n", "team1", code=4)


def test_the_audit_trail_tells_who_and_why(zaffre):
    zaffre("workspace", "create", "-n", "seen", "--reason", "größer, 100 %")

    def told():
        lines = json.loads(zaffre.out("audit", "list", "-w", "seen"))
        return [line for line in lines if line["action"] == "WorkspaceCreated"]

    zaffre.until(told, "the line of the audit trail")
    assert told()[0]["reason"] == "größer, 100 %"
    assert told()[0]["actor"] == "owner"
    zaffre("workspace", "delete", "-n", "seen", "-y")


@pytest.mark.parametrize("form", ["json", "jsonc", "yaml", "yamlc", "table", "tsv", "none"])
def test_every_format_of_a_real_answer(zaffre, form):
    out = zaffre.out("workspace", "show", "-n", "default", "-o", form)
    assert ("default" in out) == (form != "none")
    assert "\033[" not in out


def test_defaults_are_kept_in_the_home(zaffre):
    zaffre("configure", "--defaults", "group=rg", "workspace=default")
    assert zaffre.value("configure", "-l", "--query", "[?name=='group'].value") == "rg"
    zaffre("configure", "--defaults", "group=", "workspace=")


def test_a_pipe_that_closes_early_is_no_error(zaffre):
    done = zaffre.script("zaffre workspace list | head -c 1 >/dev/null", zaffre.home)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_requests_are_shown_when_asked_and_the_token_never(zaffre):
    said = zaffre("workspace", "list", "--verbose").stderr
    assert "GET http" in said
    assert zaffre.out("token", "show").strip() not in said


def test_migrate_wants_a_stopped_server(zaffre, fresh):
    assert "running" in zaffre("server", "migrate", code=5).stderr
    first = json.loads(fresh.out("server", "migrate"))
    assert first["before"] is None
    assert json.loads(fresh.out("server", "migrate"))["before"] == first["after"]


def test_what_only_a_cloud_needs_of_a_workspace_is_kept(zaffre, tmp_path):
    zaffre.script(
        """
        az ml workspace create -n cloudy -r false -e -d identity -m Allow_Internet_Outbound --kind default -o none
        az ml workspace update -n cloudy --network-acls 10.0.0.1,10.1.0.0/16 -m disabled -o none
        """,
        tmp_path,
    )
    shown = json.loads(zaffre.out("workspace", "show", "-n", "cloudy"))
    assert (shown["allow_roleassignment_on_rg"], shown["enable_data_isolation"]) == (False, True)
    assert shown["system_datastores_auth_mode"] == "identity"
    assert shown["managed_network"] == {"isolation_mode": "disabled"}
    assert shown["network_acls"]["ip_rules"] == [{"value": "10.0.0.1"}, {"value": "10.1.0.0/16"}]
    zaffre("workspace", "update", "-n", "cloudy", "--network-acls", "none")
    assert (
        zaffre.value("workspace", "show", "-n", "cloudy", "--query", "network_acls.default_action") == "Allow"
    )
    assert "Hubs" in zaffre("workspace", "create", "-n", "hubby", "--kind", "hub", code=6).stderr
    assert "isolation" not in zaffre("workspace", "create", "-n", "odd", "-m", "open", code=2).stdout
