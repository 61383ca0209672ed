"""What every tool shares: what it was asked (a JSON file), and what it answers (a JSON file in its outputs folder).

A tool that cannot do its work writes `{"error": {code, detail, hint, fields}}` and exits with 10; the codes are those of
the server's own errors. Called by the tools' `__main__` parts.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, Optional

ASKED = "ZAFFRE_TASK"
OUTPUTS = "ZAFFRE_OUTPUTS"
RESULT = "result.json"
CANNOT = 10


class CannotError(Exception):
    """The work cannot be done as it was asked. `detail` and `hint` are sentences for people, `fields` for programs."""

    def __init__(self, code: str, detail: str, *, hint: str = "", **fields: Any) -> None:
        super().__init__(detail)
        self.code, self.detail, self.hint, self.fields = code, detail, hint, fields


def outputs() -> Path:
    folder = Path(os.environ[OUTPUTS])
    folder.mkdir(exist_ok=True)
    return folder


def say(text: str) -> None:
    """A line of progress; the server shows the newest to whoever waits."""
    print(text, flush=True)  # noqa: T201 - the job's output is its log


def run(work: Callable[[Dict[str, Any]], Dict[str, Any]]) -> int:
    """Do the work; returns the exit code."""
    asked = json.loads(Path(os.environ[ASKED]).read_text(encoding="utf-8"))
    problem: Optional[CannotError] = None
    try:
        answer = work(asked)
    except CannotError as error:
        problem = error
    except Exception as error:  # noqa: BLE001 - the process's outermost frame: user code may raise anything
        traceback.print_exc()
        problem = CannotError("invalid", f"{type(error).__name__}: {error}")
    if problem is not None:
        answer = {
            "error": {
                "code": problem.code,
                "detail": problem.detail,
                "hint": problem.hint,
                "fields": problem.fields,
            }
        }
        print(problem.detail, file=sys.stderr, flush=True)  # noqa: T201 - as above
    text = json.dumps(answer, default=_plain)
    (outputs() / RESULT).write_text(text, encoding="utf-8")
    return 0 if problem is None else CANNOT


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as Python's own."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)
