"""An index behind a password: it is used, and the password is seen in no lock, log or error."""

import base64
import functools
import hashlib
import http.server
import threading
import zipfile

import pytest

from zaffre.core import errors
from zaffre.server.environments import definitions, errands

SECRET = "hunter2-secret"
METADATA = "Metadata-Version: 2.1\nName: zaffre-test-private\nVersion: 1.0\n"


class Guarded(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to whoever says the password."""

    def do_GET(self):
        expected = "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        super().do_GET()

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def index(tmp_path):
    folder = tmp_path / "simple/zaffre-test-private"
    folder.mkdir(parents=True)
    wheel = folder / "zaffre_test_private-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("zaffre_test_private.py", "WORD = 'private'\n")
        archive.writestr("zaffre_test_private-1.0.dist-info/METADATA", METADATA)
        archive.writestr(
            "zaffre_test_private-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr("zaffre_test_private-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Guarded, directory=tmp_path))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://me:{SECRET}@127.0.0.1:{server.server_address[1]}/simple"
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_locks_and_builds_and_the_password_stays_out_of_sight(index, solver, builder):
    definition = definitions.from_fields(
        {"zaffre": {"requirements": [f"--extra-index-url {index}/", "zaffre-test-private", "six"]}}
    )
    lines = []
    lock = solver.lock(definition, errand=errands.Errand(lines.append))
    assert set(lock.packages()) == {"zaffre-test-private", "six"}
    built = builder.ensure(lock, errand=errands.Errand(lines.append), definition=definition)
    assert list((built.path / "env").rglob("zaffre_test_private.py"))
    everything = lock.to_json() + "\n".join(lines) + builder.log_path(lock.digest).read_text()
    everything += "".join(
        path.read_text(errors="replace")
        for path in built.path.rglob("*")
        if path.suffix in (".json", ".txt", ".cfg")
    )
    assert SECRET not in everything


def test_a_failure_does_not_show_it_either(index, solver):
    wanted = [f"--extra-index-url {index}", "zaffre-test-private==9"]
    lines = []
    with pytest.raises(errors.Invalid) as caught:
        solver.lock(
            definitions.from_fields({"zaffre": {"requirements": wanted}}), errand=errands.Errand(lines.append)
        )
    assert "zaffre-test-private" in caught.value.detail
    assert SECRET not in str(caught.value) + "\n".join(lines)


def test_without_the_password_nothing_is_found(index, solver):
    wanted = [f"--extra-index-url {index.replace(SECRET, 'wrong')}", "zaffre-test-private"]
    with pytest.raises(errors.Invalid):
        solver.lock(
            definitions.from_fields({"zaffre": {"requirements": wanted}}), errand=errands.Errand(print)
        )
