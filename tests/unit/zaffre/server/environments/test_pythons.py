import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.environments import pythons


def installed(*versions, server=None, private=()):
    return tuple(
        pythons.Interpreter(f"/usr/bin/{version}", version, "linux-x86_64", shared=version not in private, server=version == server)
        for version in versions
    )  # fmt: skip


HERE = installed("3.9.18", "3.10.13", "3.11.2", "3.12.1", server="3.11.2")


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (None, "3.11.2"),
        ("==3.10.*", "3.10.13"),
        (">=3.9,<3.12", "3.11.2"),
        (">=3.12", "3.12.1"),
        ("<3.11", "3.10.13"),
        ("==3.9.18", "3.9.18"),
    ],
)
def test_the_wanted_one_without_a_word(wanted, chosen):
    found, stand_in = pythons.choose(wanted, HERE)
    assert (found.version, stand_in) == (chosen, None)


@pytest.mark.parametrize("wanted", ["==3.10.2", "==3.10.2.*", "==3.10.99"])
def test_another_patch_release_serves_and_says_so(wanted):
    found, stand_in = pythons.choose(wanted, HERE)
    assert found.version == "3.10.13"
    assert wanted.removeprefix("==").removesuffix(".*") in stand_in


@pytest.mark.parametrize("wanted", ["==3.8.*", "==3.8.5", ">=3.6,<3.9", "==3.13.*"])
def test_a_missing_one_names_those_that_are_there(wanted):
    with pytest.raises(errors.Unsupported) as caught:
        pythons.choose(wanted, HERE)
    assert all(one.version in caught.value.detail for one in HERE)


@pytest.mark.parametrize(
    ("wanted", "nearest"), [("==3.8.*", "3.9.18"), ("==3.8.5", "3.9.18"), (">=3.6,<3.9", "3.9.18")]
)
def test_the_nearest_newer_one_stands_in_when_allowed(wanted, nearest):
    found, stand_in = pythons.choose(wanted, HERE, stand_in=True)
    assert found.version == nearest
    assert "stands in" in stand_in


def test_an_older_one_never_stands_in():
    with pytest.raises(errors.Unsupported):
        pythons.choose("==3.14.*", HERE, stand_in=True)


def test_one_that_other_users_may_run_is_preferred_on_request():
    here = installed("3.11.2", "3.11.7", server="3.11.7", private=("3.11.7",))
    assert pythons.choose("==3.11.*", here)[0].version == "3.11.7"
    assert pythons.choose("==3.11.*", here, prefer_shared=True)[0].version == "3.11.2"


def test_a_lock_is_built_by_its_version_or_its_minor_version():
    assert pythons.for_lock("3.10.13", HERE).version == "3.10.13"
    assert pythons.for_lock("3.10.4", HERE).version == "3.10.13"
    with pytest.raises(errors.Unsupported):
        pythons.for_lock("3.8.4", HERE)


@given(st.integers(6, 16), st.booleans())
def test_whoever_is_chosen_is_never_older_than_asked(minor, stand_in):
    try:
        found, _ = pythons.choose(f"==3.{minor}.*", HERE, stand_in=stand_in)
    except errors.Unsupported:
        return
    assert int(found.minor.split(".")[1]) >= minor


def test_this_machine_has_at_least_the_servers_own():
    found = pythons.find({"PATH": "/nonexistent", "HOME": "/nonexistent"})
    own = next(one for one in found if one.server)
    assert own.version.startswith("3.")
    assert own.platform


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_folders_of_others_are_passed_over(tmp_path):
    (tmp_path / "closed" / "versions" / "3.11" / "bin").mkdir(parents=True)
    (tmp_path / "closed").chmod(0o700)
    closed = tmp_path / "closed"
    os.seteuid(65534)
    try:
        found = pythons.find(
            {
                "PYENV_ROOT": str(closed),
                "PATH": f"{closed / 'versions/3.11/bin'}:/usr/bin",
                "HOME": str(closed),
            }
        )
    finally:
        os.seteuid(0)
    assert found


def test_what_does_not_run_is_no_interpreter(tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    found = pythons.find({"PATH": str(tmp_path), "HOME": "/nonexistent"})
    assert all(str(broken) != one.path for one in found)
