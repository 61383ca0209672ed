"""docs/troubleshooting.md lists every code that requests, deployments and orders can end with."""

import json
import re
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.endpoints.router import replies
from zaffre_runtime.scoring import answers
from zaffre_runtime.scoring import errors as scoring_errors
from zaffre_runtime.shim import spawn

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def tree(base):
    return {base.code}.union(*(tree(kind) for kind in base.__subclasses__()))


def router_codes():
    return set(re.findall(r'"code": "(\w+)"', json.dumps(replies.local_replies())))


def runtime_statuses():
    sources = (ROOT / "src" / "zaffre_runtime" / "scoring").rglob("*.py")
    pattern = re.compile(r"\b(?:message|refusal|Refused)\(\s*(\d{3})\b")
    return {status for source in sources for status in pattern.findall(source.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("code", sorted(tree(errors.ZaffreError) | router_codes()))
def test_codes(code):
    assert f"`{code}`" in PAGE


@pytest.mark.parametrize("status", sorted(runtime_statuses() | {"408", "424", "401", "503"}))
def test_statuses(status):
    assert re.search(rf"^\| `{status}`", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "code",
    [
        1,
        scoring_errors.SCRIPT_FAILED,
        scoring_errors.BAD_CONFIGURATION,
        scoring_errors.STUCK,
        spawn.NOT_STARTED,
    ],
)
def test_exit_codes(code):
    assert f"`exited with code {code}`" in PAGE


@pytest.mark.parametrize("reason", [answers.MODEL_ERROR, answers.TOO_MANY_PENDING])
def test_reasons(reason):
    assert reason in PAGE


def test_what_shims_say():
    sources = "".join(
        (ROOT / "src" / "zaffre_runtime" / "shim" / name).read_text(encoding="utf-8")
        for name in ("supervisor.py", "policy.py")
    )
    for said in (
        "it used more memory than its limit",
        "its liveness probe failed too often in a row",
        "it was never ready",
    ):
        assert said in sources
        assert said in PAGE
