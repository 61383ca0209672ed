"""Real solves and builds of small environments, through uv and the machine's own package index."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.environments import builds, curated, definitions, errands, locks, pythons, solving, uv

PROBE = "import six, sys, json; print(json.dumps([six.__version__, six.__file__, sys.prefix, sys.version_info[:2]]))"


def ask(built, code):
    return subprocess.run(
        [built.python, "-c", code], capture_output=True, text=True, check=True, env={}
    ).stdout


def test_a_list_becomes_a_lock_and_a_lock_a_folder_that_is_shared(lock_of, builder, own):
    lock = lock_of("six==1.17.0")
    assert lock.packages() == {"six": "1.17.0"}
    assert "--hash=sha256:" in lock.requirements
    assert lock.python == own.version
    lines = []
    built = builder.ensure(lock, errand=errands.Errand(lines.append))
    version, file, prefix, minor = json.loads(ask(built, PROBE))
    assert (version, prefix) == ("1.17.0", str(built.path / "env"))
    assert ".".join(map(str, minor)) == lock.minor
    assert Path(file).stat().st_nlink >= 2  # the other name is in uv's cache
    assert list((built.path / "env").rglob("__pycache__/six.*.pyc"))
    assert any("six==1.17.0" in line for line in lines)
    assert "six==1.17.0" in builder.log_path(lock.digest).read_text()
    lines.clear()
    again = builder.ensure(locks.Lock.from_json(lock.to_json()), errand=errands.Errand(lines.append))
    assert again.cached
    assert again.path == built.path
    assert lines == []


def test_other_users_may_read_a_build_whatever_the_servers_umask(lock_of, builder):
    lock = lock_of("six==1.17.0", "packaging==24.0")
    previous = os.umask(0o077)
    try:
        built = builder.ensure(lock, errand=errands.Errand(print))
    finally:
        os.umask(previous)
    closed = [
        path
        for folder in (built.path / "env", built.overlay)
        for path in (folder, *folder.rglob("*"))
        if not path.is_symlink() and path.name != ".lock" and (path.stat().st_mode & 0o444) != 0o444
    ]
    assert closed == []
    assert built.python.resolve().parent.parent in built.read_only_paths


def test_a_package_is_compiled_once_for_all_environments(lock_of, builder, home, compiled):
    first = builder.ensure(lock_of("idna==3.7"), errand=errands.Errand(print))
    lines = []
    second = builder.ensure(lock_of("idna==3.7", "six==1.17.0"), errand=errands.Errand(lines.append))
    files = [next((one.path / "env").rglob("__pycache__/idnadata.*.pyc")) for one in (first, second)]
    assert files[0].samefile(files[1])
    assert files[0].stat().st_nlink >= 3
    said = subprocess.run(
        [second.python, "-v", "-c", "import idna.idnadata"], capture_output=True, text=True, check=True
    ).stderr
    assert f"code object from {str(files[1])!r}" in said


def test_equal_definitions_make_equal_locks(lock_of):
    assert lock_of("six", "iniconfig>=2").digest == lock_of("six", "iniconfig>=2").digest


def test_the_overlay_comes_after_the_environments_own(lock_of, builder):
    built = builder.ensure(lock_of("msgspec==0.20.0"), errand=errands.Errand(print))
    program = built.overlay / "probe_overlay.py"
    program.write_text(
        "import json, msgspec, zaffre_runtime\nprint(json.dumps([msgspec.__file__, zaffre_runtime.WORD]))\n"
    )
    try:
        said = subprocess.run(
            [built.python, built.overlay / "zaffre_boot.py", "probe_overlay"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    finally:
        program.unlink()
    file, word = json.loads(said)
    assert file.startswith(str(built.path))
    assert word == "runtime"


def test_what_would_shadow_the_runtime_is_refused_before_building(lock_of, builder, kept):
    lock = lock_of("msgspec==0.18.4")
    with pytest.raises(errors.Invalid) as caught:
        builder.ensure(lock, errand=errands.Errand(print))
    assert "msgspec 0.18.4" in caught.value.detail
    assert lock.digest not in kept()


def test_a_failed_solve_shows_the_resolvers_own_last_lines(lock_of):
    lines = []
    with pytest.raises(errors.Invalid) as caught:
        lock_of("six==1.17.0", "six<1.10", say=lines.append)
    assert "six" in caught.value.detail
    assert "unsatisfiable" in caught.value.detail
    assert any("unsatisfiable" in line for line in lines)
    assert len(caught.value.detail) < 5000


def test_two_processes_build_a_lock_once(lock_of, spawn):
    lock = lock_of("six==1.16.0", "iniconfig==2.0.0")
    both = [spawn(lock), spawn(lock)]
    said = [process.communicate()[0].strip() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(said) == ["built", "cached"]


@pytest.mark.parametrize("sign", ["Resolved", "Installed", "Byte code"])
def test_a_build_that_was_killed_is_made_again(lock_of, spawn, builder, sign, kept):
    lock = lock_of(
        "six==1.15.0",
        f"iniconfig=={ {'Resolved': '1.1.1', 'Installed': '2.0.0', 'Byte code': '2.1.0'}[sign] }",
    )
    killed = spawn(
        lock, on_line=f"os.kill(os.getpid(), {int(signal.SIGKILL)}) if line.startswith({sign!r}) else None"
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert lock.digest not in kept()
    built = builder.ensure(lock, errand=errands.Errand(print))
    assert not built.cached
    assert json.loads(ask(built, PROBE))[0] == "1.15.0"


def test_a_tampered_lock_does_not_build(lock_of, builder, kept):
    lock = lock_of("six==1.14.0")
    wrong = locks.Lock(lock.python, lock.platform, f"six==1.14.0 --hash=sha256:{'0' * 64}\n", lock.definition)
    with pytest.raises(errors.Invalid) as caught:
        builder.ensure(wrong, errand=errands.Errand(print))
    assert "ash" in caught.value.detail
    assert wrong.digest not in kept()


def test_a_missing_python_names_what_is_there(uv_, own):
    definition = definitions.from_fields({"conda_file": {"dependencies": ["python=3.6", {"pip": ["six"]}]}})
    with pytest.raises(errors.Unsupported) as caught:
        solving.Solver(uv_, [own]).lock(definition, errand=errands.Errand(print))
    assert own.version in caught.value.detail


def test_a_stand_in_is_noted_in_the_lock(uv_, own):
    definition = definitions.from_fields({"conda_file": {"dependencies": ["python=3.6", {"pip": ["six"]}]}})
    lock = solving.Solver(uv_, [own], stand_in=True).lock(definition, errand=errands.Errand(print))
    assert lock.python == own.version
    assert "stands in" in lock.stand_in


def test_conda_packages_from_the_index_and_what_was_left_out_are_noted(solver):
    content = {
        "channels": ["conda-forge"],
        "dependencies": ["six=1.16", "openssl", {"pip": ["azureml-defaults", "iniconfig"]}],
    }
    lock = solver.lock(
        definitions.from_fields({"image": "an/image:1", "conda_file": content}), errand=errands.Errand(print)
    )
    assert lock.packages()["six"] == "1.16.0"
    assert {"azureml-defaults", "azureml-core"}.isdisjoint(lock.packages())
    assert "inference-schema" in lock.packages()
    assert [word for note in lock.notes for word in ("azureml-defaults", "six=1.16", "openssl") if word in note] == [
        "azureml-defaults", "six=1.16", "openssl",
    ]  # fmt: skip
    assert lock.image == "an/image:1"


def test_a_release_that_was_built_for_numpy_1_gets_it_though_the_file_leaves_numpy_open(solver, own):
    if not own.version.startswith("3.11."):
        pytest.skip("the release in question has wheels for Python 3.11")
    conda = {"dependencies": ["scikit-learn=1.2.2", "numpy", "pip"]}
    lock = solver.lock(definitions.from_fields({"conda_file": conda}), errand=errands.Errand(print))
    assert lock.packages()["scikit-learn"] == "1.2.2"
    assert lock.packages()["numpy"].startswith("1.")
    assert any(note.startswith("numpy<2 was added: scikit-learn 1.2.2") for note in lock.notes)
    demanded = {"zaffre": {"requirements": ["scikit-learn==1.2.2", "numpy>=2"]}}
    lock = solver.lock(definitions.from_fields(demanded), errand=errands.Errand(print))
    assert not lock.packages()["numpy"].startswith("1.")
    assert lock.notes == ()


def test_the_curated_sklearn_locks(solver):
    definition = curated.Table.load().definition(
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest"
    )
    lock = solver.lock(definition, errand=errands.Errand(print))
    assert lock.packages()["scikit-learn"].startswith("1.5.")
    assert "sklearn-1.5" in lock.source


def test_an_index_that_cannot_be_reached_is_said_so(home, own):
    unreachable = uv.Uv(
        home / ".uv-cache",
        {"HOME": str(home), "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple", "UV_HTTP_RETRIES": "0"},
    )
    with pytest.raises(errors.Unavailable):
        unreachable.compile(["six"], (), python=own.path, version=own.version, errand=errands.Errand(print))


def test_another_interpreter_of_the_machine_builds_too(uv_, home, installed, own, overlay, compiled):
    others = [one for one in installed if one.minor != own.minor]
    if not others:
        pytest.skip("this machine has one Python only")
    lines = {"conda_file": {"dependencies": [f"python={others[0].minor}", {"pip": ["six==1.17.0"]}]}}
    lock = solving.Solver(uv_, installed).lock(definitions.from_fields(lines), errand=errands.Errand(print))
    built = builds.Builder(home, uv_=uv_, installed=installed, overlay=overlay, compiled=compiled).ensure(
        lock, errand=errands.Errand(print)
    )
    assert ".".join(map(str, json.loads(ask(built, PROBE))[3])) == others[0].minor


def test_an_environment_whose_interpreter_is_gone_is_built_again(lock_of, builder):
    built = builder.ensure(lock_of("six==1.12.0"), errand=errands.Errand(print))
    built.python.unlink()
    built.python.symlink_to("/nonexistent/python3")
    again = builder.ensure(lock_of("six==1.12.0"), errand=errands.Errand(print))
    assert not again.cached
    assert json.loads(ask(again, PROBE))[0] == "1.12.0"


def test_wheels_alone_are_installed_where_source_builds_are_not_allowed(home, own):
    wheels_only = uv.Uv(home / ".uv-cache", os.environ, source_builds=False)
    with pytest.raises(errors.Unsupported):
        wheels_only.compile(
            ["six"], ["--no-binary :all:"], python=own.path, version=own.version, errand=errands.Errand(print)
        )
    with pytest.raises(errors.Invalid) as caught:
        wheels_only.compile(
            ["docopt==0.6.2"], (), python=own.path, version=own.version, errand=errands.Errand(print)
        )
    assert "wheel" in caught.value.hint
    assert "six==" in wheels_only.compile(
        ["six"], (), python=own.path, version=own.version, errand=errands.Errand(print)
    )


def test_the_interpreters_of_this_machine_say_what_they_are(installed):
    assert all(pythons.version.Version(one.version) >= pythons.OLDEST for one in installed)
    assert len({one.path for one in installed}) == len(installed)
