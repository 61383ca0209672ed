"""Work that somebody waits for: it says its lines, asks whether it is still wanted, and ends its processes when it is not.

Handed down from whoever asks (`workshop`'s callers) to the tools that solve, install and compile. An errand that nobody
wants any more raises where it is asked, and everything that a command of it started is killed.
"""

import dataclasses
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

_LOOK_S = 0.1
_GONE_S = 2.0
_MOST_AT_ONCE = 1 << 16


def _wanted() -> None:
    """Nobody gives this up."""


@dataclasses.dataclass(frozen=True)
class Errand:
    """`say` takes the lines of its log; `check` raises when it shall not go on."""

    say: Callable[[str], None]
    check: Callable[[], None] = _wanted

    def run(
        self,
        command: Sequence[str],
        *,
        given: str,
        environ: Mapping[str, str],
        cwd: str | Path,
        timeout_s: float,
        held: Sequence[int] = (),
        heard: Callable[[str], None],
    ) -> int:
        """Run a command and return its exit code; one that takes longer than its time is killed.

        `given` is its standard input, `heard` gets the lines that it writes. `held` are descriptors of locks: they stay
        open until it has ended, whatever becomes of this process.
        """
        with tempfile.TemporaryFile() as file:
            file.write(given.encode(errors="surrogateescape"))
            file.seek(0)
            process = subprocess.Popen(
                command, stdin=file, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environ, cwd=cwd,
                pass_fds=held, umask=0o022, start_new_session=True,
            )  # fmt: skip
        assert process.stdout
        try:
            for line in self._lines(process.stdout.fileno(), time.monotonic() + timeout_s):
                heard(line.decode(errors="replace").rstrip())
            return process.wait()
        except TimeoutError:
            return _end(process)
        finally:
            if process.poll() is None:
                _end(process)
            process.stdout.close()

    def _lines(self, descriptor: int, end: float) -> Iterator[bytes]:
        """Each line until whoever may write has gone. Raises TimeoutError, and what `check` raises."""
        poll, rest = select.poll(), b""
        poll.register(descriptor, select.POLLIN)
        while True:
            self.check()
            if time.monotonic() > end:
                raise TimeoutError
            if not poll.poll(_LOOK_S * 1000):
                continue
            chunk = os.read(descriptor, _MOST_AT_ONCE)
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
            if not chunk:
                break
        if rest:
            yield rest


def _end(process: subprocess.Popen[bytes]) -> int:
    """Kill it with all that it started, and wait until none of them can write to the folder that they were filling."""
    os.killpg(process.pid, signal.SIGKILL)
    code = process.wait()
    end = time.monotonic() + _GONE_S
    while time.monotonic() < end:  # one whom nobody buries is seen as long as this
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            break
        time.sleep(0.01)
    return code
