"""A person who knows Azure ML: a folder with files of theirs, `zaffre` where they typed `az`, Python with new imports."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))

SCORE = """
    import json
    import os

    def init():
        global files
        print("first line of init")
        root = os.environ["AZUREML_MODEL_DIR"]
        files = sorted(os.path.relpath(os.path.join(d, f), root) for d, _, fs in os.walk(root) for f in fs)

    def run(raw_data):
        return {"got": json.loads(raw_data)["data"], "files": files, "word": os.environ.get("WORD")}
"""


class User:
    """Types commands in a folder, as a process of its own each time."""

    def __init__(self, home, folder, settings=None):
        dropped = ("ZAFFRE_", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        kept["PATH"] = f"{Path(ZAFFRE).parent}:{kept['PATH']}"
        self.environment = {
            **kept,
            "ZAFFRE_HOME": str(home),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **(settings or {}),
        }
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def __call__(self, line, code=0):
        """One line as typed into bash; returns the finished process, whose exit code must be the given one."""
        done = subprocess.run(
            ["bash", "-c", f'az() {{ zaffre "$@"; }}\n{line}'],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == code, f"{line}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def out(self, line):
        return self(line).stdout.removesuffix("\n")

    def json(self, line):
        return json.loads(self(line).stdout)

    def error(self, line, code):
        """What standard error said of a command that failed."""
        return self(line, code).stderr

    def python(self, text):
        """Runs a user's script; returns what it printed."""
        script = self.write("script.py", text)
        done = subprocess.run(
            [sys.executable, str(script)],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def post(self, endpoint, body, headers=None):
        """The answer of an endpoint to a body, with the primary key."""
        address = self.out(f"zaffre online-endpoint show -n {endpoint} --query scoring_uri -o tsv")
        key = self.out(f"zaffre online-endpoint get-credentials -n {endpoint} --query primaryKey -o tsv")
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
        return httpx.post(address, content=body, headers=sent, timeout=60)


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """A user with a running server; one for each module."""
    root = tmp_path_factory.mktemp("user")
    person = User(root / "home", root / "work")
    person.write("model/weights.txt", "1 2 3")
    person.write("onlinescoring/score.py", SCORE)
    person.write("environment/conda.yml", "dependencies: [python]\n")
    person("zaffre server start")
    yield person
    person("zaffre server stop --all")


@pytest.fixture(scope="session")
def another():
    """Makes users with a home of their own: another(home, folder, settings)."""
    return User
