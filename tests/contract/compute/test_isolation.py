"""What an isolated service can and cannot do, tried from inside, as root for real."""

import ctypes
import json
import os
import signal
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

from zaffre.server.compute import ports
from zaffre.testing import service_child
from zaffre_runtime.shim import isolation, linux

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can isolate")

PRELUDE = """
import json, os, pathlib
def can(action):
    try:
        action()
    except OSError as error:
        return type(error).__name__
    return True
def tell(**facts):
    print("FACTS " + json.dumps(facts), flush=True)
"""


@pytest.fixture
def runner(make_runner):
    return make_runner(isolated=True)


@pytest.fixture
def look(runner):
    """Runs a piece of code isolated; gives the facts that it tells, and its last status."""

    def run(code, service_id="probe", **changes):
        program = PRELUDE + textwrap.dedent(code)
        spec = ports.ServiceSpec(
            id=service_id,
            argv=(sys.executable, "-u", "-c", program),
            restart=ports.Restart(policy="never"),
            **changes,
        )
        runner.start(spec)
        service_child.await_that(lambda: not runner.status(service_id).alive, "its end")
        lines = [line for line in runner.logs(service_id).splitlines() if line.startswith("FACTS ")]
        assert lines, runner.logs(service_id)
        return json.loads(lines[-1][6:]), runner.status(service_id)

    return run


@pytest.fixture
def model(place):
    folder = place / "trees" / "ab" / "model"
    folder.mkdir(parents=True)
    (folder / "model.pkl").write_text("weights")
    return folder


def test_is_another_user_without_rights(look):
    facts, status = look("""
        text = pathlib.Path("/proc/self/status").read_text()
        field = lambda name: next(line for line in text.splitlines() if line.startswith(name)).split()[1]
        tell(uid=os.getresuid(), gid=os.getresgid(), groups=os.getgroups(), caps=field("CapEff"), bound=field("NoNewPrivs"),
             umask=field("Umask"), become_root=can(lambda: os.setuid(0)))
    """)
    assert facts["uid"] == [64321] * 3
    assert facts["gid"] == [64321] * 3
    assert facts["groups"] == []
    assert (int(facts["caps"], 16), facts["bound"], facts["umask"]) == (0, "1", "0077")
    assert facts["become_root"] == "PermissionError"
    assert (status.isolated, status.isolation_reason) == (True, "")


def test_reads_its_model_and_cannot_change_it(look, model):
    facts, _ = look(
        """
        path = pathlib.Path(os.environ["MODEL"])
        tell(text=(path / "model.pkl").read_text(), write=can(lambda: (path / "model.pkl").write_text("x")),
             new=can(lambda: (path / "new").touch()), gone=can(lambda: (path / "model.pkl").unlink()))
        """,
        environment={"MODEL": str(model)},
        read_only_paths=(str(model),),
    )
    assert facts == {"text": "weights", "write": "OSError", "new": "OSError", "gone": "OSError"}
    assert (model / "model.pkl").read_text() == "weights"


def test_sees_nothing_else_of_the_home(look, model, place):
    (place / "zaffre.db").write_text("tokens")
    other = place / "trees" / "cd"
    other.mkdir()
    place.chmod(0o755)  # even a home that somebody opened stays hidden
    facts, _ = look(
        """
        home = pathlib.Path(os.environ["PLACE"])
        tell(home=sorted(os.listdir(home)), trees=sorted(os.listdir(home / "trees")), db=can((home / "zaffre.db").read_text),
             services=len(os.listdir(home / "services")),
             write=can((home / "new").touch), own=sorted(os.listdir(next((home / "services").iterdir()))))
        """,
        environment={"PLACE": str(place)},
        read_only_paths=(str(model),),
    )
    assert facts["home"] == ["services", "trees"]
    assert facts["trees"] == ["ab"]
    assert facts["db"] == "FileNotFoundError"
    assert facts["services"] == 1
    assert facts["write"] in ("PermissionError", "OSError")
    assert facts["own"] == ["files", "scratch"]
    assert not (place / "new").exists()


def test_folders_that_root_closed_stay_closed(look):
    facts, _ = look(
        "tell(root=can(lambda: os.listdir('/root/.ssh')), names=can(lambda: os.listdir('/root')))"
    )
    assert facts["root"] in ("FileNotFoundError", "PermissionError")


def test_other_processes_are_out_of_reach(look, runner):
    other = ports.ServiceSpec(
        id="other",
        argv=(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(3600)"),
        environment={"KEY": "secret-of-other"},
    )
    runner.start(other)
    service_child.await_that(lambda: "up" in runner.logs("other"), "the other service")
    pid = runner.status("other").pid
    assert b"secret-of-other" in Path(f"/proc/{pid}/environ").read_bytes()
    facts, _ = look(f"""
        others = [name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]
        seen = [name for name in others if can((pathlib.Path("/proc") / name / "environ").read_bytes) is True]
        tell(others=others, first=can(pathlib.Path("/proc/1/environ").read_bytes), kill=can(lambda: os.kill({pid}, 9)),
             kill_first=can(lambda: os.kill(1, 9)))
    """)
    assert facts["others"] == []
    assert facts["first"] == "PermissionError"
    assert facts["kill"] == "ProcessLookupError"
    assert facts["kill_first"] == "PermissionError"
    assert service_child.is_running(pid)


def test_temporary_files_and_shared_memory_are_its_own(look):
    outside = Path(tempfile.mkdtemp(prefix="zaffre-test-outside-", dir="/dev/shm"))
    try:
        facts, _ = look("""
            import tempfile
            with tempfile.NamedTemporaryFile() as stream:
                place = os.path.dirname(stream.name)
            pathlib.Path("/dev/shm/mine").write_text("x")
            pathlib.Path("/var/tmp/mine").write_text("x")
            tell(place=place, shm=os.listdir("/dev/shm"), cwd=can(pathlib.Path("here").touch), home=os.environ["HOME"] == os.getcwd())
        """)
    finally:
        outside.rmdir()
    assert facts == {"place": "/tmp", "shm": ["mine"], "cwd": True, "home": True}
    assert not Path("/dev/shm/mine").exists()
    assert not Path("/var/tmp/mine").exists()


def test_a_model_appears_where_azure_has_it(look, model):
    target = "/var/azureml-app/azureml-models/churn/3"
    facts, status = look(
        f"""
        path = pathlib.Path({target!r})
        tell(text=(path / "model.pkl").read_text(), write=can((path / "x").touch), var=sorted(os.listdir("/var")))
        """,
        binds=((str(model), target),),
    )
    assert facts["text"] == "weights"
    assert facts["write"] == "OSError"
    assert {path.name for path in Path("/var").iterdir()} <= set(facts["var"])
    assert not Path("/var/azureml-app").exists()
    assert status.unbound == ()


def test_a_target_without_a_place_is_reported(look, model):
    facts, status = look(
        "tell(there=os.path.exists('/zaffre-models'))", binds=((str(model), "/zaffre-models/churn"),)
    )
    assert facts == {"there": False}
    assert status.unbound == ("/zaffre-models/churn",)


def test_a_link_in_its_own_folder_leads_nowhere_on_the_next_start(look, place, runner):
    """The process owns its scratch folder; what it leaves there must not widen the view of its next start."""
    (place / "zaffre.db").write_text("tokens")
    code = """
        home = pathlib.Path(os.environ["HOME"])
        if (home / "again").exists():
            tell(first=False, db=can(pathlib.Path(os.environ["DATABASE"]).read_text))
        else:
            (home / "again").touch()
            for name in ("tmp", "files", "link"):
                if not (home / name).exists():
                    (home / name).symlink_to(os.environ["PLACE"])
            tell(first=True)
    """
    variables = {"PLACE": str(place), "DATABASE": str(place / "zaffre.db")}
    assert look(code, environment=variables)[0] == {"first": True}
    assert look(code, environment=variables)[0] == {"first": False, "db": "FileNotFoundError"}


def test_a_missing_model_never_means_less_isolation(runner, place):
    spec = ports.ServiceSpec(
        id="broken",
        argv=(sys.executable, "-c", "print('ran')"),
        read_only_paths=(str(place / "no-such-model"),),
    )
    runner.start(spec)
    service_child.await_that(lambda: runner.status("broken").state == "failed", "its failure")
    assert "no-such-model" in runner.status("broken").reason
    assert "ran\n" not in runner.logs("broken")


def test_nothing_changes_outside(look, model, place):
    look("tell()", read_only_paths=(str(model),), binds=((str(model), "/var/azureml-app/m"),))
    # Other tests mount, too, at the same time: only what names our places is ours.
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    assert [line for line in mounts if str(place) in line or "azureml-app" in line] == []


def test_limits_hold_where_the_kernel_lets_us(look):
    facts, status = look(
        "tell(groups=pathlib.Path('/proc/self/cgroup').read_text())",
        limits=ports.Limits(cpu_cores=1.5, memory_bytes=256 << 20),
    )
    if not status.limits_enforced:
        assert status.limits_reason
        pytest.skip(status.limits_reason)
    assert "/zaffre-" in facts["groups"]


def test_memory_over_the_limit_is_named(runner):
    spec = ports.ServiceSpec(
        id="greedy",
        argv=(sys.executable, "-c", "block = bytearray(512 << 20); print('survived')"),
        limits=ports.Limits(memory_bytes=64 << 20),
        restart=ports.Restart(policy="never"),
    )
    runner.start(spec)
    service_child.await_that(lambda: not runner.status("greedy").alive, "its end")
    status = runner.status("greedy")
    if not status.limits_enforced:
        pytest.skip(status.limits_reason)
    assert "memory" in status.reason
    assert "survived" not in runner.logs("greedy")


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_no_control_group_is_left(runner, place, end):
    sleep = (sys.executable, "-c", "import time; print('up', flush=True); time.sleep(3600)")
    runner.start(ports.ServiceSpec(id="limited", argv=sleep, limits=ports.Limits(memory_bytes=256 << 20)))
    service_child.await_that(lambda: "up" in runner.logs("limited"), "its output")
    (record,) = (place / "services").glob("*/state.json")
    groups = [Path(group) for group in json.loads(record.read_text())["control_groups"]]
    if not groups:
        pytest.skip(runner.status("limited").limits_reason)
    assert all(group.is_dir() for group in groups)
    if end == "stop":
        runner.stop("limited", drain_s=5)
        assert runner.wait("limited", timeout_s=60)
    else:
        runner.kill("limited")
    assert not any(group.exists() for group in groups)


def test_workers_of_one_instance_share_their_limit_and_the_last_one_takes_it_away(runner, place):
    block = "import time; block = bytearray(40 << 20); print('up', flush=True); time.sleep(3600)"
    names = ("one", "two")
    for name in names:
        spec = ports.ServiceSpec(
            id=name,
            argv=(sys.executable, "-c", block),
            limits=ports.Limits(memory_bytes=72 << 20),
            limits_shared="instance",
        )
        runner.start(spec)
        if not runner.status(name).limits_enforced:
            service_child.await_that(lambda: "up" in runner.logs(names[0]), "its output")
            pytest.skip(runner.status(name).limits_reason)
    # each alone would fit; together they do not, so the kernel ends one of them
    service_child.await_that(
        lambda: any("memory" in runner.status(name).reason for name in names), "an end for memory"
    )
    records = [json.loads(path.read_text()) for path in (place / "services").glob("*/state.json")]
    (group,) = {group for record in records for group in record["control_groups"]}
    service_child.await_that(lambda: sum(runner.status(name).alive for name in names) == 1, "its shim's end")
    assert Path(group).is_dir()
    for name in names:
        runner.kill(name)
    assert not Path(group).exists()


def test_capabilities_tell_the_truth(runner, make_runner):
    assert runner.capabilities() == ports.Capabilities(isolation=True, binds=True)
    switched_off = make_runner(isolated=False).capabilities()
    assert not switched_off.isolation
    assert "switched off" in switched_off.reason


def test_without_root_it_runs_open_and_says_so(place):
    """A whole server as an ordinary user: in a fork that gave up root, below mounts that let it reach Python."""
    home = place / "of-user"
    home.mkdir()
    os.chown(home, 64322, 64322)
    child = os.fork()
    if child == 0:
        _as_user(home)
    assert os.waitpid(child, 0)[1] == 0, (home / "error").read_text()


def test_where_mounts_are_forbidden_it_runs_open_and_says_so(make_runner, place, model):
    """Root in a plain container: no CAP_SYS_ADMIN."""
    child = os.fork()
    if child == 0:
        _without_mounts(make_runner(isolated=True), place, model)
    assert os.waitpid(child, 0)[1] == 0, (place / "error").read_text()


def _without_mounts(runner, place, model):
    code = 1
    try:
        _give_up_mounting()
        target = "/var/azureml-app/models/churn"
        spec = ports.ServiceSpec(
            id="open",
            argv=(sys.executable, "-c", "print('ran')"),
            binds=((str(model), target),),
            restart=ports.Restart(policy="never"),
        )
        runner.start(spec)
        service_child.await_that(lambda: not runner.status("open").alive, "its end")
        status = runner.status("open")
        assert "ran" in runner.logs("open")
        assert (status.state, status.isolated, status.unbound) == ("exited", False, (target,))
        assert "not permitted" in status.isolation_reason
        assert "not permitted" in runner.capabilities().reason
        code = 0
    except BaseException as error:
        (place / "error").write_text(repr(error))
    finally:
        os._exit(code)


def _give_up_mounting():
    """Take CAP_SYS_ADMIN from this process and all that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    bounding_drop, sys_admin = 24, 21
    assert libc.prctl(bounding_drop, sys_admin, 0, 0, 0) == 0
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for index in (0, 1, 2):
        sets[index] &= ~(1 << sys_admin)
    assert libc.capset(header, sets) == 0


def _as_user(home):
    from zaffre.server.compute.backends import local_processes

    code = 1
    try:
        paths = [sys.prefix, sys.base_prefix, str(Path(isolation.__file__).parents[2])]
        binds = [isolation.Bind(path, path, True) for path in paths] + [
            isolation.Bind(str(home), str(home), False)
        ]
        temporary = home / "tmp"
        temporary.mkdir()
        linux.unshare(linux.CLONE_NEWNS)
        isolation.enter_namespaces(isolation.Isolation(64322, 64322, (), tuple(binds), str(temporary)))
        isolation.drop_rights(64322, 64322)
        (home / "run").mkdir(mode=0o700)
        runner = local_processes.LocalServiceRunner(
            home / "services", home / "run", python=sys.executable, isolation_uid=64321
        )
        spec = ports.ServiceSpec(
            id="mine",
            argv=(sys.executable, "-c", "import os; print('uid', os.getuid())"),
            limits=ports.Limits(memory_bytes=64 << 20),
            restart=ports.Restart(policy="never"),
        )
        runner.start(spec)
        service_child.await_that(lambda: not runner.status("mine").alive, "its end")
        status = runner.status("mine")
        assert "uid 64322" in runner.logs("mine")
        assert (status.state, status.isolated) == ("exited", False)
        assert "does not run as root" in status.isolation_reason
        assert not status.limits_enforced
        assert status.limits_reason
        assert not runner.capabilities().isolation
        code = 0
    except BaseException as error:
        (home / "error").write_text(repr(error))
    finally:
        os._exit(code)


def test_the_service_is_killed_with_its_first_process(runner):
    spec = ports.ServiceSpec(
        id="s", argv=(sys.executable, "-c", "import time; print('up', flush=True); time.sleep(3600)")
    )
    runner.start(spec)
    service_child.await_that(lambda: "up" in runner.logs("s"), "its output")
    pid = runner.status("s").pid
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(parent, signal.SIGKILL)
    service_child.await_that(lambda: not service_child.is_running(pid), "the process ends")
    service_child.await_that(lambda: runner.status("s").restarts == 1, "it is started again")


def test_it_cannot_choose_what_the_router_connects_to(runner):
    """Router and probe are root: the socket has its name from the shim, where the process sees nothing."""
    path = runner.paths("probe").socket
    code = f"""
    import socket
    path = pathlib.Path({str(path)!r})
    server = socket.socket(fileno=int(os.environ["ZAFFRE_LISTEN_FD"]))
    tell(seen=os.path.lexists(path), door=os.path.lexists(path.with_name("d.sock")),
         link=can(lambda: path.symlink_to("/run/other.sock")), bind=can(lambda: socket.socket(socket.AF_UNIX).bind(str(path))))
    server.setblocking(True)
    while True:
        with server.accept()[0] as caller:
            caller.recv(4096)
            caller.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nhere")
    """
    runner.start(
        ports.ServiceSpec(
            id="probe",
            argv=(sys.executable, "-u", "-c", PRELUDE + textwrap.dedent(code)),
            listen=True,
            liveness=ports.Probe(period_s=1, timeout_s=30),
        )
    )
    service_child.await_that(path.is_socket, "the socket")
    assert service_child.ask(path) == (200, "here")
    assert path.stat().st_uid == 0
    facts = next(line for line in runner.logs("probe").splitlines() if line.startswith("FACTS "))
    refused = {"seen": False, "door": False, "link": "FileNotFoundError", "bind": "FileNotFoundError"}
    assert json.loads(facts[6:]) == refused
    runner.kill("probe")
