"""How a shim leaves the process that started it: fork, own session, lock, first record. Called by `__main__`."""

from __future__ import annotations

import json
import os
import sys
from typing import Dict, List, NoReturn, Optional

from zaffre_runtime.shim import home, linux, records, supervisor


def main(arguments: List[str]) -> int:
    """The exit code for the caller; the shim itself never returns from here."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m zaffre_runtime.shim FOLDER\n")
        return 2
    folder = os.path.abspath(arguments[0])
    hidden = _hidden_environment()
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(reader)
        _live(folder, writer, hidden)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        answer = stream.read()
    if answer == b"ok":
        return 0
    sys.stderr.write(answer.decode("utf-8", "replace") or "the shim ended before it held its lock\n")
    return 1


def _live(folder: str, writer: int, hidden: Dict[str, str]) -> NoReturn:
    code = 1
    try:
        os.setsid()
        os.umask(0o077)
        service = _take_over(folder, hidden)
        os.write(writer, b"ok")
        os.close(writer)
        writer = -1
        _leave_streams()
        if service:
            service.run()
        code = 0
    except Exception as error:  # noqa: BLE001  # the outermost loop of this process: nobody else could write it down
        _complain(folder, writer, error)
    finally:
        os._exit(code)


def _take_over(folder: str, hidden: Dict[str, str]) -> Optional[supervisor.Supervisor]:
    if records.take_lock(folder) is None:
        return None
    os.chdir("/")
    records.forget_error(folder)
    linux.become_subreaper()
    spec = records.read_json(os.path.join(folder, records.SPEC))
    if spec is None:
        raise ValueError(f"{folder} holds no spec")
    return supervisor.Supervisor(home.Home(folder, spec, hidden))


def _hidden_environment() -> Dict[str, str]:
    """Variables that may stand in no file, from standard input: kept in this process's memory, for every attempt."""
    content = sys.stdin.buffer.read()
    return {str(name): str(value) for name, value in json.loads(content or b"{}").items()}


def _leave_streams() -> None:
    empty = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(empty, stream)
    os.close(empty)


def _complain(folder: str, writer: int, error: Exception) -> None:
    import traceback  # only a dying shim needs it

    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if writer >= 0:
        os.write(writer, text.encode("utf-8", "replace"))
        return
    try:
        records.write_text(os.path.join(folder, records.ERROR), text)
    except OSError:
        return
