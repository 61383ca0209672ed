import sys

import pytest

from zaffre.server.environments import errands


class Gone(Exception):
    pass


def run(errand, program, **more):
    heard = []
    told = {"given": "", "environ": {}, "cwd": "/", "timeout_s": 60, "heard": heard.append, **more}
    return errand.run([sys.executable, "-I", "-S", "-c", program], **told), heard


def test_it_hears_every_line_and_tells_the_code():
    program = "import sys; print(sys.stdin.read()); print('last', end=''); sys.exit(3)"
    assert run(errands.Errand(print), program, given="one\ntwo") == (3, ["one", "two", "last"])


def test_what_takes_too_long_is_killed():
    assert run(errands.Errand(print), "import time; time.sleep(600)", timeout_s=0.2) == (-9, [])


def test_what_nobody_wants_is_killed_with_all_that_it_started():
    """The child would hold the pipe for minutes; it tells its PID, and whoever hears that gives the errand up."""
    wanted, pids = [True], []

    def check():
        if not wanted:
            raise Gone

    def heard(line):
        pids.append(int(line))
        wanted.clear()

    program = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(Gone):
        run(errands.Errand(print, check), program, heard=heard)
    assert not alive(pids[0])


def alive(pid):
    """Whether a process runs; one that waits to be buried by somebody else does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_held_descriptor_goes_down_to_the_command(tmp_path):
    with (tmp_path / "lock").open("w") as file:
        code, heard = run(
            errands.Errand(print),
            f"import os; print(os.fstat({file.fileno()}).st_ino)",
            held=(file.fileno(),),
        )
    assert (code, heard) == (0, [str((tmp_path / "lock").stat().st_ino)])
