"""A clock of the wall that single processes see wrong, by a small library that is loaded into them; the machine's own is left alone.

Used by `faults`. (The usual libfaketime 0.9.10 makes `time.sleep` of Python 3.11 fail.) It needs a C compiler. Monotonic
clocks stay true, as they do when somebody sets the clock of a machine.
"""

import shutil
import subprocess
from pathlib import Path

_SOURCE = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long ahead;
static long looked_at = -1;

static long offset(void) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    long tick = now.tv_sec * 10 + now.tv_nsec / 100000000;
    if (__atomic_exchange_n(&looked_at, tick, __ATOMIC_RELAXED) != tick) {
        const char *path = getenv("FALSE_CLOCK");
        char text[32] = {0};
        int file = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
        if (file >= 0) {
            if (syscall(SYS_read, file, text, sizeof text - 1) > 0) ahead = atol(text);
            syscall(SYS_close, file);
        }
    }
    return ahead;
}

int clock_gettime(clockid_t clock, struct timespec *found) {
    int failed = (int)syscall(SYS_clock_gettime, clock, found);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) found->tv_sec += offset();
    return failed;
}

int gettimeofday(struct timeval *found, void *zone) {
    int failed = (int)syscall(SYS_gettimeofday, found, zone);
    if (!failed && found) found->tv_sec += offset();
    return failed;
}

time_t time(time_t *found) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (found) *found = now.tv_sec;
    return now.tv_sec;
}
"""


def compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return shutil.which("cc") or shutil.which("gcc")


class FalseClock:
    """`folder` must be readable for every process that gets `variables`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = folder / "false_clock.so"
        self.set(0)
        command = [str(compiler()), "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(self._library)]
        subprocess.run(command, input=_SOURCE, text=True, check=True)
        self._library.chmod(0o755)

    @property
    def variables(self) -> dict[str, str]:
        """The process environment that a process needs."""
        return {"LD_PRELOAD": str(self._library), "FALSE_CLOCK": str(self._file)}

    def set(self, ahead_s: int) -> None:
        """All clocks go so far ahead of the true time, within a tenth of a second."""
        coming = self._file.with_suffix(".new")
        coming.write_text(str(ahead_s))
        coming.chmod(0o644)
        coming.replace(self._file)
