"""Starts one attempt of a service: fork, isolate, exec; and the small init that an isolated one has as PID 1.

Called by the supervisor's only thread, which lives as long as the shim: the kernel sends a parent-death signal when the
forking *thread* ends, and Envoy and we both ask for one. What goes wrong before exec comes back through a report pipe.
"""

from __future__ import annotations

import os
import select
import signal
from typing import Callable, Dict, List, NamedTuple, NoReturn, Optional

from zaffre_runtime.shim import isolation, limits, linux

NOT_STARTED = 126
_NEVER = float("inf")
_CHUNK = 65536
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Launch(NamedTuple):
    """Everything an attempt needs."""

    argv: List[str]
    environment: Dict[str, str]
    cwd: str
    isolation: Optional[isolation.Isolation]
    group: limits.ControlGroup
    listening: Optional[int] = None  # a socket to hand over under its number


class Attempt:
    """A started process, or its PID 1. `output` is its stdout and stderr, `report` what spawn has to say.

    `kill_at` is the moment until which it may take to end, once it was asked to.
    """

    def __init__(self, leader: int, output: int, report: int) -> None:
        self.leader = leader
        self.pid: Optional[int] = None  # known when it runs; below a PID 1 of its own it is another one
        self.output = output
        self.report = report
        self.problem = ""
        self.unbound: List[str] = []
        self.running = False
        self.output_ended = False
        self.kill_at = _NEVER
        self._status: Optional[int] = None
        self._text = b""

    def read_report(self) -> None:
        """Take in what the other side has written so far."""
        while True:
            try:
                chunk = os.read(self.report, 4096)
            except BlockingIOError:
                return
            if not chunk:
                return
            self._text += chunk
            *lines, self._text = self._text.split(b"\n")
            for line in lines:
                self._take(line.decode("utf-8", "replace"))

    def copy_output(self, write: Callable[[bytes], None], *, once: bool) -> None:
        """Hand on what it has written: one chunk, or all there is."""
        while True:
            try:
                data = os.read(self.output, _CHUNK)
            except BlockingIOError:
                return
            if not data:
                self.output_ended = True
                return
            write(data)
            if once:
                return

    def end(self, *, kill_at: float) -> None:
        """Ask it to end; `kill_when_due` kills it from that moment on."""
        self._signal(signal.SIGTERM)
        self.kill_at = kill_at

    def kill_when_due(self, now: float) -> None:
        """Kill it, once, when its time to end is over."""
        if now >= self.kill_at:
            self.kill_at = _NEVER
            self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        """Our own child, not yet waited for: its PID cannot have been reused."""
        try:
            os.kill(self.leader, number)
        except ProcessLookupError:
            return

    def exit_code(self, leader_status: int) -> int:
        """The process's exit code, negative for a signal, once its leader has ended."""
        self.read_report()
        status = leader_status if self._status is None else self._status
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def close(self) -> None:
        """Drop both pipes."""
        os.close(self.output)
        os.close(self.report)

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "run":
            self.running = True
            self.pid = _only_child(self.leader) or self.leader
        elif word == "status":
            self._status = int(rest)
        elif word == "unbound":
            self.unbound.append(rest)
        elif word == "problem":
            self.problem = rest


def start(launch: Launch) -> Attempt:
    """Fork and exec. Raises OSError when not even a fork is possible."""
    output_reader, output_writer = os.pipe()
    report_reader, report_writer = os.pipe()
    parent = os.getpid()
    try:
        if launch.isolation:  # so that the process may open /dev/stdout again
            os.fchown(output_writer, launch.isolation.uid, launch.isolation.gid)
        pid = _fork(private=launch.isolation is not None)
        if pid == 0:
            os.close(output_reader)
            os.close(report_reader)
            _child(launch, output_writer, report_writer, parent)
    except OSError:
        os.close(output_reader)
        os.close(report_reader)
        raise
    finally:
        os.close(output_writer)
        os.close(report_writer)
    os.set_blocking(output_reader, False)
    os.set_blocking(report_reader, False)
    return Attempt(pid, output_reader, report_reader)


def _fork(*, private: bool) -> int:
    """Fork with signals held back in the child, so that none is lost before somebody can heed it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    pid = -1
    try:
        if private:
            linux.unshare(linux.CLONE_NEWPID)
        pid = os.fork()
        return pid
    finally:
        if pid != 0:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            if private:
                linux.enter_own_pid_namespace()


def _child(launch: Launch, output: int, report: int, parent: int) -> NoReturn:
    try:
        _reset_signals()
        linux.set_parent_death_signal(signal.SIGKILL)
        if launch.isolation:
            _first_process(launch, output, report)
        if os.getppid() != parent:
            os._exit(NOT_STARTED)
        _become(launch, output, report, parent)
    except (OSError, ValueError) as error:
        _say(report, "problem {}".format(" ".join(str(error).split())))
    finally:
        os._exit(NOT_STARTED)


def _first_process(launch: Launch, output: int, report: int) -> NoReturn:
    """PID 1 of the namespace: builds the view, starts the process, reaps; when it ends, the kernel kills the rest."""
    assert launch.isolation is not None
    if _reader_is_gone(report):  # the shim died before the death signal was asked for
        os._exit(NOT_STARTED)
    launch.group.join()
    for target in isolation.enter_namespaces(launch.isolation):
        _say(report, "unbound " + target)
    child = os.fork()
    if child == 0:
        _reset_signals()
        _become(launch._replace(group=limits.ControlGroup("", {})), output, report, 1)
    for number in _PASSED_ON:
        signal.signal(number, lambda received, _: _forward(child, received))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    os.close(output)
    for stream in (0, 1, 2):
        os.close(stream)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            _say(report, f"status {status}")
            os._exit(0)


def _become(launch: Launch, output: int, report: int, parent: int) -> NoReturn:
    """Turn this process into the service's. Raises OSError before exec."""
    os.setsid()
    launch.group.join()
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    if launch.isolation:
        isolation.drop_rights(launch.isolation.uid, launch.isolation.gid)
        linux.forbid_new_privileges()
    linux.set_parent_death_signal(signal.SIGKILL)  # again: the change of uid cleared it
    if os.getppid() != parent:
        os._exit(NOT_STARTED)
    os.umask(0o077)
    os.chdir(launch.cwd)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    if launch.listening is not None:
        os.set_inheritable(launch.listening, True)
    _say(report, "run")
    try:
        os.execvpe(launch.argv[0], launch.argv, launch.environment)  # noqa: S606  # no shell is wanted
    except OSError as error:
        raise OSError(error.errno, f"{launch.argv[0]} cannot be started: {error.strerror}") from error


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in (*_PASSED_ON, signal.SIGCHLD, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _reader_is_gone(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(0))


def _forward(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _say(report: int, line: str) -> None:
    os.write(report, line.encode("utf-8", "replace") + b"\n")


def _only_child(pid: int) -> Optional[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
            children = stream.read().split()
    except OSError:
        return None
    return int(children[0]) if children else None
