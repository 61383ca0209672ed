"""The conda path against a channel that the test builds itself: one Python package made of this machine's own
interpreter, and noarch packages. It proves solve, lock and install; no public channel is reached by tests."""

import base64
import datetime as dt
import functools
import hashlib
import http.server
import io
import json
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import threading
from pathlib import Path

import pytest
import rattler

from zaffre.core import clock, errors
from zaffre.server.environments import builds, caches, conda, definitions, errands, solving

SECRET = "pw-of-the-channel"
SUBDIR = str(rattler.Subdir.current())
LEFT_OUT = {"test", "tests", "idlelib", "lib2to3", "tkinter", "ensurepip", "turtledemo", "site-packages", "dist-packages",
            "__pycache__", "pydoc_data", "EXTERNALLY-MANAGED"}  # fmt: skip


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; below `/guarded/` only to whoever says the password."""

    def do_GET(self):
        expected = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
        if self.path.startswith("/guarded/") and self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


def pack(channel, subdir, index, files, *, python_noarch=False):
    """Write one package and return its line of repodata; `files` maps a path to bytes or to a Path."""
    name = f"{index['name']}-{index['version']}-{index['build']}.tar.bz2"
    folder = channel / subdir
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        path: source.read_bytes() if isinstance(source, Path) else source for path, source in files.items()
    }
    paths = [
        {
            "_path": path,
            "path_type": "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        for path, data in contents.items()
    ]
    info = {"info/index.json": index, "info/paths.json": {"paths": paths, "paths_version": 1}}
    if python_noarch:
        info["info/link.json"] = {"noarch": {"type": "python"}, "package_metadata_version": 1}
    with tarfile.open(folder / name, "w:bz2", compresslevel=1) as archive:
        for path, data in [(path, json.dumps(value).encode()) for path, value in info.items()] + list(
            contents.items()
        ):
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(data), 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(data))
    data = (folder / name).read_bytes()
    return name, {
        **index,
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
    }


def python_package(channel, own):
    stdlib = Path(sysconfig.get_path("stdlib"))
    files = {f"bin/python{own.minor}": Path(own.path), "bin/python": Path(own.path)}
    for file in stdlib.rglob("*"):
        inside = file.relative_to(stdlib)
        if file.is_file() and not LEFT_OUT & set(inside.parts) and not inside.parts[0].startswith("config-"):
            files[f"lib/python{own.minor}/{inside}"] = file
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        library = sysconfig.get_config_var("INSTSONAME")
        files[f"lib/{library}"] = Path(sysconfig.get_config_var("LIBDIR")) / library
    index = {
        "name": "python",
        "version": own.version,
        "build": "toy_0",
        "build_number": 0,
        "depends": ["_toy_ssl"],
        "subdir": SUBDIR,
    }
    return pack(channel, SUBDIR, index, files)


def noarch_package(channel, name, version, module):
    index = {
        "name": name,
        "version": version,
        "build": "py_0",
        "build_number": 0,
        "depends": ["python"],
        "subdir": "noarch",
        "noarch": "python",
    }
    return pack(
        channel,
        "noarch",
        index,
        {f"site-packages/{module}.py": f"VERSION = {version!r}\n".encode()},
        python_noarch=True,
    )


def generic_package(channel):
    """Neither its name nor its version means anything to pip."""
    index = {
        "name": "_toy_ssl",
        "version": "1.1.1w",
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": "noarch",
        "noarch": "generic",
    }
    return pack(channel, "noarch", index, {"lib/toy_ssl.txt": b"x"})


@pytest.fixture(scope="module")
def channel(tmp_path_factory, installed):
    """The address of the server's root; the channel lies below `/toy` and, behind a password, below `/guarded/toy`."""
    own = next(one for one in installed if one.server)
    root = tmp_path_factory.mktemp("channel")
    packages = {
        SUBDIR: dict([python_package(root / "toy", own)]),
        "noarch": dict(noarch_package(root / "toy", *about) for about in [("toy-lib", "1.1", "toy_lib"), ("toy-lib", "1.2", "toy_lib"),
                                                                           ("iniconfig", "2.0.0", "iniconfig")]),
    }  # fmt: skip
    packages["noarch"].update([generic_package(root / "toy")])
    for subdir, content in packages.items():
        document = {
            "info": {"subdir": subdir},
            "packages": content,
            "packages.conda": {},
            "repodata_version": 1,
        }
        (root / "toy" / subdir / "repodata.json").write_text(json.dumps(document))
    (root / "guarded").mkdir()
    (root / "guarded/toy").symlink_to(root / "toy")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=root))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def channels(tmp_path):
    return conda.Channels(tmp_path / "conda-cache", timeout_s=120)


def wanted(address, *dependencies):
    return definitions.from_fields(
        {"conda_file": {"channels": [address], "dependencies": list(dependencies)}}
    )


@pytest.mark.parametrize("guarded", [False, True])
def test_a_channels_packages_are_locked_and_installed_and_pip_respects_them(
    channel, channels, uv_, own, home, overlay, compiled, guarded, tmp_path
):
    address = channel.replace("//", f"//me:{SECRET}@") + "/guarded/toy" if guarded else f"{channel}/toy"
    definition = wanted(
        address, f"python={own.minor}", "toy-lib=1.1", "iniconfig", {"pip": ["six==1.17.0", "iniconfig>=1"]}
    )
    lines = []
    lock = solving.Solver(uv_, [own], channels=channels).lock(definition, errand=errands.Errand(lines.append))
    assert [(one.name, one.version) for one in lock.conda] == [
        ("_toy_ssl", "1.1.1w"),
        ("iniconfig", "2.0.0"),
        ("python", own.version),
        ("toy-lib", "1.1"),
    ]
    assert "six==1.17.0" in lock.requirements
    assert "iniconfig" not in lock.requirements
    assert all(len(one.sha256) == 64 and one.url.startswith("http://127.0.0.1:") for one in lock.conda)
    builder = builds.Builder(
        home, uv_=uv_, installed=[own], overlay=overlay, compiled=compiled, channels=channels
    )
    built = builder.ensure(lock, errand=errands.Errand(lines.append), definition=definition)
    code = "import json, sys, six, toy_lib, iniconfig; print(json.dumps([sys.prefix, six.__version__, toy_lib.VERSION, iniconfig.VERSION]))"
    said = subprocess.run(
        [built.python, "-c", code], capture_output=True, text=True, check=True, env={}
    ).stdout
    assert json.loads(said) == [str(built.path / "env"), "1.17.0", "1.1", "2.0.0"]
    assert builder.ensure(lock, errand=errands.Errand(print)).cached
    assert SECRET not in lock.to_json() + "\n".join(lines)
    if not guarded:
        clear(built, tmp_path / "conda-cache")
        again = builder.ensure(lock, errand=errands.Errand(print), definition=definition)
        assert (
            subprocess.run([again.python, "-c", "import toy_lib"], check=True, env={}).returncode,
            again.cached,
        ) == (0, False)


def clear(built, cache):
    """Empty the cache of what no environment is linked to, before and after the environment has gone."""
    found = caches.Cache(cache, "packages/*", fetched="repodata/*")
    later = clock.now() + dt.timedelta(days=1)

    def unneeded():
        return {entry.name for entry in found.unneeded(later, {}) if entry.is_dir() and "-" in entry.name}

    assert not [name for name in unneeded() if name.startswith("python-")]
    assert any(
        name.startswith("python-") for name in (entry.name for entry in (cache / "packages").iterdir())
    )
    shutil.rmtree(built.path)
    assert any(name.startswith("python-") for name in unneeded())
    for entry in list(found.unneeded(later, {})):
        caches.remove(entry)
    assert list((cache / "packages").iterdir()) == []


def test_what_the_channel_cannot_solve_shows_the_solvers_words(channel, channels, uv_, own):
    with pytest.raises(errors.Invalid) as caught:
        solving.Solver(uv_, [own], channels=channels).lock(
            wanted(f"{channel}/toy", "python", "toy-lib=9"), errand=errands.Errand(print)
        )
    assert "toy-lib" in caught.value.detail


def test_a_channel_that_cannot_be_reached_gives_way_to_the_index_and_the_lock_says_so(channels, uv_, own):
    lock = solving.Solver(uv_, [own], channels=channels).lock(
        wanted("http://127.0.0.1:9/gone", "six=1.16"), errand=errands.Errand(print)
    )
    assert lock.conda == ()
    assert lock.packages() == {"six": "1.16.0"}
    assert lock.notes[0] == "No conda channel could be reached."
    assert "Python index" in lock.notes[1]


def test_a_channel_that_does_not_exist_is_an_error(channel, channels, uv_, own):
    with pytest.raises(errors.Invalid):
        solving.Solver(uv_, [own], channels=channels).lock(
            wanted(f"{channel}/nosuch", "six"), errand=errands.Errand(print)
        )


def test_a_file_that_is_not_the_locked_one_is_refused(
    channel, channels, uv_, own, home, overlay, compiled, kept
):
    solver = solving.Solver(uv_, [own], channels=channels)
    lock = solver.lock(
        wanted(f"{channel}/toy", f"python={own.minor}", "toy-lib"), errand=errands.Errand(print)
    )
    other = builds.dataclasses.replace(lock.conda[-1], sha256="0" * 64)
    wrong = builds.dataclasses.replace(lock, conda=(*lock.conda[:-1], other))
    builder = builds.Builder(
        home,
        uv_=uv_,
        installed=[own],
        overlay=overlay,
        compiled=compiled,
        channels=conda.Channels(channels._cache / "fresh"),
    )
    with pytest.raises(errors.Invalid):
        builder.ensure(wrong, errand=errands.Errand(print))
    assert wrong.digest not in kept()


def test_nothing_but_python_and_pip_asks_no_channel(uv_, own):
    unreachable = conda.Channels(Path("/nonexistent"), timeout_s=0.001)
    lock = solving.Solver(uv_, [own], channels=unreachable).lock(
        wanted("conda-forge", f"python={own.minor}", "pip", "setuptools<81"), errand=errands.Errand(print)
    )
    assert set(lock.packages()) == {"setuptools"}
    assert sys.version_info[:2] == tuple(map(int, lock.minor.split(".")))
