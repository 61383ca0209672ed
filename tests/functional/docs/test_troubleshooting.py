"""docs/troubleshooting.md lists every code that requests, deployments and orders can end with."""

import ast
import json
import re
import typing
from pathlib import Path

import pytest

from zaffre.contracts import online_deployment, online_endpoint, operations
from zaffre.core import errors
from zaffre.server.endpoints.router import replies
from zaffre_runtime.scoring import answers
from zaffre_runtime.scoring import errors as scoring_errors
from zaffre_runtime.shim import spawn

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


WHO_SAY_REASONS = {
    "zaffre_runtime/shim/policy.py": ("describe", "decide"),
    "zaffre_runtime/shim/supervisor.py": ("_keep_times", "_attempt_ended"),
    "zaffre_runtime/shim/spawn.py": ("_become",),
    "zaffre_runtime/shim/limits.py": ("__init__", "_unenforced"),
    "zaffre_runtime/shim/isolation.py": ("absent", "obstacle"),
    "zaffre/server/compute/backends/local_processes.py": ("_why_gone",),
    "zaffre/server/endpoints/online/decide.py": ("_failure", "_why"),
    "zaffre/server/endpoints/online/states.py": ("reason",),
    "zaffre/server/endpoints/online/quantities.py": ("no_room",),
    "zaffre/server/endpoints/online/placing.py": ("_in_the_way",),
    "zaffre/server/endpoints/online/starting.py": ("_take",),
    "zaffre/server/endpoints/online/preparing.py": ("state",),
    "zaffre/server/endpoints/online/optimizing.py": ("__call__",),
}
"""Whatever a deployment's `reason` and notes are made of is said in these functions."""

SAID_BESIDE = (
    "restarts in a row did not help",  # of jobs: replicas are started again without end
    "no limits are set",  # never shown: nobody asked for any
    "preparing %s failed",  # the server's own log
    "It is tried again.",  # a hint, which `reason` does not have
)


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


def router_statuses():
    """What clients get where the router answers: a mapper's own code, or else the one that it is for."""
    found = set()
    for mapper in replies.local_replies()["mappers"]:
        looked_for = re.findall(r'"default_value": (\d+)', json.dumps(mapper["filter"]))
        found |= {str(mapper["status_code"])} if "status_code" in mapper else set(looked_for)
    return found


@pytest.mark.parametrize("status", sorted(runtime_statuses() | router_statuses() | {"424", "502"}))
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


def sentences(path, names):
    """The texts in some functions of a module that people can read: of those with values in them the longest part."""
    source = ast.parse((ROOT / "src" / path).read_text(encoding="utf-8"))
    functions = {node.name: node for node in ast.walk(source) if isinstance(node, ast.FunctionDef)}
    assert set(names) <= set(functions), "a function has another name now"
    for node in (functions[name] for name in names):
        parts = {
            id(part) for made in ast.walk(node) if isinstance(made, ast.JoinedStr) for part in made.values
        }
        doc = node.body[0].value if ast.get_docstring(node) else None
        for found in ast.walk(node):
            if isinstance(found, ast.JoinedStr):
                yield max(
                    (part.value for part in found.values if isinstance(part, ast.Constant)),
                    key=len,
                    default="",
                )
            elif isinstance(found, ast.Constant) and found is not doc and id(found) not in parts:
                yield found.value


def reasons():
    texts = {
        text.strip(" .:;,(")
        for path, names in WHO_SAY_REASONS.items()
        for text in sentences(path, names)
        if isinstance(text, str) and " " in text.strip()
    }
    return sorted(
        text for text in texts if not text.startswith(tuple(said.rstrip(".") for said in SAID_BESIDE))
    )


@pytest.mark.parametrize("text", reasons())
def test_what_a_reason_may_say(text):
    assert text in PAGE


def test_reasons_are_found():
    found = reasons()
    assert {
        "exited with code",
        "its liveness probe failed too often in a row",
        "did not become ready",
    } <= set(found)
    assert len(found) > 20


@pytest.mark.parametrize(
    "state",
    sorted(
        {
            *typing.get_args(online_endpoint.ProvisioningState),
            *typing.get_args(online_endpoint.ServiceState),
            *typing.get_args(operations.OperationState),
        }
    ),
)
def test_states(state):
    assert f"`{state}`" in PAGE


@pytest.mark.parametrize(
    "note",
    [name for name in online_deployment.DeploymentStatus.model_fields if name.endswith(("_note", "_alerts"))],
)
def test_notes(note):
    assert f"`{note}" in PAGE
