"""A hostile source distribution on a server that runs as root: it is built, and its code saw and touched nothing."""

import contextlib
import functools
import hashlib
import http.server
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from pathlib import Path

import pytest

from zaffre.server.environments import builds, definitions, errands, overlays, sandbox, solving, uv

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox here: {sandbox.problem()}")

PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
METADATA = "Metadata-Version: 2.1\nName: zaffre-hostile\nVersion: 1.0\n"
BACKEND = """
import json, os, subprocess, sys, zipfile

def look():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(7777)"], start_new_session=True,
                     stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        open(os.path.join(SECRETS, "written"), "w")
    except OSError:
        pass
    return {"uid": os.getuid(), "secret": os.path.exists(os.path.join(SECRETS, "token")), "processes": sum(name.isdigit() for name in os.listdir("/proc"))}

def build_wheel(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(os.path.join(folder, "zaffre_hostile-1.0-py3-none-any.whl"), "w") as archive:
        archive.writestr("zaffre_hostile.py", "SEEN = " + repr(json.dumps(look())))
        archive.writestr("zaffre_hostile-1.0.dist-info/METADATA", METADATA)
        archive.writestr("zaffre_hostile-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr("zaffre_hostile-1.0.dist-info/RECORD", "")
    return "zaffre_hostile-1.0-py3-none-any.whl"
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def secrets(home):
    (home / "token").write_text("s")
    (home / "token").chmod(0o644)  # hidden by its place, not by its mode
    return home


@pytest.fixture
def index(tmp_path, secrets):
    folder = tmp_path / "simple/zaffre-hostile"
    folder.mkdir(parents=True)
    files = {
        "PKG-INFO": METADATA,
        "pyproject.toml": PROJECT,
        "backend.py": f"SECRETS = {str(secrets)!r}\nMETADATA = {METADATA!r}\n{BACKEND}",
    }
    archive = folder / "zaffre_hostile-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"zaffre_hostile-1.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{archive.name}#sha256={digest}">{archive.name}</a>')
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


def command_lines():
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            yield (folder / "cmdline").read_bytes() if folder.name.isdigit() else b""


def test_a_killed_launcher_takes_everything_with_it(home):
    box = sandbox.Sandbox(home / ".sandbox", 64322, ())
    with box.folder() as folder:
        command = ["/bin/sh", "-c", "echo started; sleep 8888; echo never"]
        launcher = subprocess.Popen(box.wrap(command, folder, readable=[]), stdout=subprocess.PIPE, text=True)
        assert launcher.stdout.readline() == "started\n"
        launcher.kill()
        assert launcher.stdout.read() == ""  # ends only when nobody holds the pipe any more
        launcher.wait()
        launcher.stdout.close()


def test_its_code_runs_as_nobody_sees_nothing_and_leaves_nothing(
    index, secrets, own, home, runtime_source, compiled
):
    box = sandbox.Sandbox(home / ".sandbox", 64322, (str(secrets),))
    guarded = uv.Uv(home / ".uv-cache", os.environ, source_builds=False, sandbox=box)
    overlay = overlays.Overlays(home / "overlays", runtime_source, guarded, compiled)
    builder = builds.Builder(home, uv_=guarded, installed=[own], overlay=overlay, compiled=compiled)
    wanted = [f"--extra-index-url {index}", "zaffre-hostile", "six"]
    lines = []
    lock = solving.Solver(guarded, [own]).lock(
        definitions.from_fields({"zaffre": {"requirements": wanted}}), errand=errands.Errand(lines.append)
    )
    assert lock.packages()["zaffre-hostile"] == "1.0"
    built = builder.ensure(lock, errand=errands.Errand(lines.append))
    code = "import zaffre_hostile; print(zaffre_hostile.SEEN)"
    seen = json.loads(
        subprocess.run([built.python, "-c", code], capture_output=True, text=True, check=True, env={}).stdout
    )
    assert seen["uid"] == 64322
    assert seen["secret"] is False
    assert seen["processes"] < 20
    assert not (secrets / "written").exists()
    assert any("in a sandbox" in line for line in lines)
    assert list((home / ".sandbox").iterdir()) == []
    assert not any(b"time.sleep(7777)" in command for command in command_lines())
    owners = {path.lstat().st_uid for path in built.path.rglob("*")}
    assert owners == {os.geteuid()}


def test_what_lies_open_below_the_temporary_folder_is_found_inside(home):
    """An installation below /tmp, which is private inside, must still find its own tools."""
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        place.chmod(0o755)
        tool = place / "tool"
        tool.write_text("#!/bin/sh\necho found\n")
        tool.chmod(0o755)
        box = sandbox.Sandbox(home / ".sandbox", 64322, ())
        with box.folder() as folder:
            command = box.wrap([str(tool)], folder, readable=[str(tool)])
            done = subprocess.run(command, capture_output=True, text=True)
        assert done.stdout == "found\n", done
    finally:
        shutil.rmtree(place)
