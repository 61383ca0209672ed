"""The command line called in this process, with a home of its own."""

import pytest

from zaffre.cli import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A fresh ZAFFRE_HOME without a server, and no address from outside."""
    for name in ("ZAFFRE_URL", "ZAFFRE_TOKEN", "ZAFFRE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZAFFRE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def zaffre(home, capsys):
    """Calls the command line; gives exit code, standard output and standard error."""

    def call(*words):
        code = main.run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
