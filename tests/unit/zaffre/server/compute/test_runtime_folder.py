"""The runtime folder: short, stable, and ours, or refused."""

import os
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.compute import runtime_folder


def test_the_same_home_gives_the_same_short_folder(tmp_path):
    one = runtime_folder.choose(tmp_path, "", xdg_runtime_dir=None)
    assert one == runtime_folder.choose(tmp_path / "x" / "..", "", xdg_runtime_dir=None)
    assert one != runtime_folder.choose(tmp_path / "other", "", xdg_runtime_dir=None)
    assert len(str(one)) < 40


def test_a_configured_folder_wins(tmp_path):
    assert runtime_folder.choose(tmp_path, "/run/mine", xdg_runtime_dir=None) == Path("/run/mine")


@pytest.mark.skipif(os.geteuid() == 0, reason="root takes /run")
def test_users_take_their_own(tmp_path):
    assert runtime_folder.choose(tmp_path, "", xdg_runtime_dir=str(tmp_path)).parent == tmp_path


def test_prepare_makes_it_and_takes_it_again(tmp_path):
    folder = tmp_path / "run"
    runtime_folder.prepare(folder)
    runtime_folder.prepare(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_enter_is_refused(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    with pytest.raises(errors.Denied):
        runtime_folder.prepare(folder)


def test_a_link_is_refused(tmp_path):
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    (tmp_path / "run").symlink_to(target)
    with pytest.raises(errors.Denied):
        runtime_folder.prepare(tmp_path / "run")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's folder")
def test_somebody_elses_folder_is_refused(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    os.chown(folder, 64321, 64321)
    with pytest.raises(errors.Denied):
        runtime_folder.prepare(folder)


def test_a_path_too_long_for_sockets_is_refused(tmp_path):
    with pytest.raises(errors.Invalid, match="too long"):
        runtime_folder.prepare(tmp_path / ("x" * 100))
    with pytest.raises(errors.Invalid, match="does not exist"):
        runtime_folder.prepare(Path("/nowhere/run"))
