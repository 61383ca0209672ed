"""Help is fast because nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = {
    "pydantic", "httpx", "fastapi", "starlette", "sqlalchemy", "rich", "yaml", "jmespath", "cryptography",
    "zaffre.server", "zaffre_runtime", "zaffre.contracts", "zaffre.sdk.client", "asyncio",
}  # fmt: skip


def loaded(code):
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


@pytest.mark.parametrize(
    "code",
    [
        "import zaffre",
        "import zaffre.cli.main",
        "import zaffre.cli.main as m; m.run(['--help'])",
        "import zaffre.cli.main as m; m.run(['model', '--help'])",
        "import zaffre.cli.main as m; m.run(['ml', 'online-deployment', 'create', '--help'])",
        "import zaffre.cli.main as m; m.run(['deploy', '--help'])",
        "import zaffre.cli.main as m; m.run(['modle'])",
    ],
)
def test_nothing_heavy_is_imported_before_a_verb_runs(code):
    assert not loaded(code) & HEAVY


def test_help_of_zaffre_loads_no_noun():
    modules = loaded("import zaffre.cli.main as m; m.run(['--help'])")
    assert not {"zaffre.cli.model", "zaffre.cli.deploy", "zaffre.cli.sessions"} & modules


def test_help_of_zaffre_does_without_the_parser_of_words():
    assert not {"click", "zaffre.cli.root"} & loaded("import zaffre.cli.main as m; m.run(['--help'])")


def test_a_verb_loads_the_noun_it_belongs_to_only():
    modules = loaded("import zaffre.cli.main as m; m.run(['model', '--help'])")
    assert "zaffre.cli.model" in modules
    assert "zaffre.cli.online_endpoint" not in modules
