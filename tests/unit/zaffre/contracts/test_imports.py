"""What importing costs: `zaffre` nothing, the contracts no server and no HTTP client."""

import subprocess
import sys

import pytest

import zaffre


@pytest.mark.parametrize(
    ("statement", "unwanted"),
    [
        ("import zaffre", {"pydantic", "yaml", "httpx", "fastapi", "sqlalchemy"}),
        ("import zaffre.constants, zaffre.identity", {"pydantic", "yaml", "httpx"}),
        (
            "import zaffre.entities, zaffre.contracts.files, zaffre.contracts.schemas, zaffre.contracts.events",
            {"fastapi", "starlette", "sqlalchemy", "httpx", "zaffre.server", "zaffre.sdk", "zaffre_runtime"},
        ),
    ],
)
def test_an_import_loads_nothing_heavy(statement: str, unwanted: set[str]) -> None:
    code = f"{statement}; import sys; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert unwanted & set(run.stdout.split()) == set()


def test_the_public_names_resolve_and_are_sorted() -> None:
    assert sorted(zaffre.__all__) == zaffre.__all__
    for name in set(zaffre.__all__) - {"MLClient"}:
        assert getattr(zaffre, name) is not None
    with pytest.raises(AttributeError):
        zaffre.load_unicorn  # noqa: B018  the attribute access is the test
