import hashlib
import os

import pytest

from zaffre.core import errors
from zaffre.server.environments import sources

TEXT = "six==1.17.0 \\\n    --hash=sha256:aa\nMy.Own==2.0 ; python_version > '3' \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"


@pytest.fixture
def cache(tmp_path):
    folder = tmp_path / "cache/sdists-v9/pypi/my-own/2.0"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def built(tmp_path):
    (tmp_path / "wheels").mkdir()
    return sources.Built(tmp_path / "wheels", TEXT)


def test_a_built_wheel_stands_for_its_line(built, cache, tmp_path):
    (cache / "my_own-2.0-py3-none-any.whl").write_bytes(b"wheel")
    assert built.can_build("my-own")
    assert "--hash=sha256:cc" in built.line("My_Own")
    built.take("my-own", tmp_path / "cache")
    digest = hashlib.sha256(b"wheel").hexdigest()
    assert built.requirements.splitlines()[1] == f"my-own==2.0 --hash=sha256:{digest}"
    assert (tmp_path / "wheels/my_own-2.0-py3-none-any.whl").read_bytes() == b"wheel"
    assert not built.can_build("my-own")
    assert not built.can_build("unknown")


@pytest.mark.parametrize(
    "name", ["six-1.17.0-py3-none-any.whl", "my_own-3.0-py3-none-any.whl", "my_own_else-2.0-py3-none-any.whl"]
)
def test_no_other_wheel_is_taken(built, cache, tmp_path, name):
    (cache / name).write_bytes(b"wheel")
    with pytest.raises(errors.Invalid):
        built.take("my-own", tmp_path / "cache")
    assert list((tmp_path / "wheels").iterdir()) == []


def test_links_and_devices_are_never_followed(built, cache, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("s")
    (cache / "my_own-2.0-py3-none-any.whl").symlink_to(secret)
    with pytest.raises(errors.Invalid):
        built.take("my-own", tmp_path / "cache")
    with pytest.raises(errors.Invalid):
        sources.read_regular(cache / "my_own-2.0-py3-none-any.whl")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.Invalid):
        sources.read_regular(tmp_path / "pipe")
    assert sources.read_regular(secret) == b"s"
