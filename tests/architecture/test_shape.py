"""The numbers that keep the house readable, held by a machine. See CONTRIBUTING.md for what they are."""

import ast
import functools
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
MODULES = sorted(
    path for path in SRC.rglob("*.py") if "migrations/versions" not in str(path)
)  # Alembic writes those
LONGEST_MODULE, MEDIAN_MODULE = 500, 150
LONGEST_FUNCTION, MEDIAN_FUNCTION = 60, 9
FORBIDDEN_NAMES = ("utils", "util", "helper", "helpers", "manager", "misc", "common")


def lines_of(path):
    return path.read_text(encoding="utf-8").count("\n")


@functools.cache
def parsed(path):
    """CPython 3.11 counts the parser's depth once for all threads, so another one that prints a traceback can disturb it."""
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except SystemError:
        return ast.parse(path.read_text(encoding="utf-8"))


def functions():
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield path, node


def length(node):
    """Lines of a function's body, without its docstring."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 1


def test_no_module_is_too_long():
    assert {str(path.relative_to(SRC)): n for path in MODULES if (n := lines_of(path)) > LONGEST_MODULE} == {}


def test_the_usual_module_is_short():
    assert statistics.median(n for path in MODULES if (n := lines_of(path)) > 3) <= MEDIAN_MODULE


def test_no_function_is_too_long():
    long = {
        f"{path.relative_to(SRC)}:{node.name}": length(node)
        for path, node in functions()
        if length(node) > LONGEST_FUNCTION
    }
    assert long == {}


def test_the_usual_function_is_short():
    assert statistics.median(length(node) for _, node in functions()) <= MEDIAN_FUNCTION


def test_modules_are_named_by_a_noun():
    assert [str(path) for path in MODULES if path.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(SRC))
        for path in MODULES
        if path.read_text(encoding="utf-8").strip() and ast.get_docstring(parsed(path)) is None
    ]
    assert silent == []


def test_the_server_imports_at_the_top():
    """Only backends may import inside a function: their vendors' libraries are optional."""
    hidden = []
    for path, node in functions():
        inside = path.relative_to(SRC).parts
        if inside[:2] != ("zaffre", "server") or "backends" in inside:
            continue
        hidden += [
            f"{path.relative_to(SRC)}:{child.lineno}"
            for child in ast.walk(node)
            if isinstance(child, (ast.Import, ast.ImportFrom))
        ]
    assert hidden == []


def test_a_store_is_entered_through_its_own_room():
    trespassers = []
    for path in MODULES:
        inside = path.relative_to(SRC).parts
        if inside[:2] != ("zaffre", "server"):
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("zaffre.server."):
                for name in node.names:
                    target = f"{node.module}.{name.name}".split(".")
                    if target[-1] == "store" and Path(*target[:-1]) != path.parent.relative_to(SRC):
                        trespassers.append(f"{path.relative_to(SRC)} imports {'.'.join(target)}")
    assert trespassers == []


def loaded_by(module):
    code = f"import sys, {module}; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(SRC)}
    )
    return {name.partition(".")[0] for name in done.stdout.split()} | set(done.stdout.split())


@pytest.mark.parametrize("module", ["zaffre_runtime", "zaffre.cli.main", "zaffre"])
def test_light_doors_load_nothing_heavy(module):
    heavy = {"zaffre.server", "fastapi", "sqlalchemy", "pydantic", "httpx"}
    assert loaded_by(module) & heavy == set()


@pytest.mark.parametrize("module", ["zaffre", "zaffre.cli.main", "zaffre.cli.cover"])
def test_the_first_page_needs_next_to_nothing(module):
    assert loaded_by(module) & {"click", "typing", "inspect", "json", "dataclasses", "argparse"} == set()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("zaffre.server.app.stopping", {"fastapi", "starlette", "uvicorn", "alembic", "rattler", "pydantic"}),
        ("zaffre.server.app.serve", {"rich"}),
    ],
)
def test_the_server_loads_only_what_it_works_with(module, heavy):
    assert loaded_by(module) & heavy == set()


def test_contracts_know_no_framework():
    assert loaded_by("zaffre.contracts.events") & {"fastapi", "starlette", "sqlalchemy", "httpx"} == set()
