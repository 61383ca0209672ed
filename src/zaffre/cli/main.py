"""The command `zaffre`: its first page at once, everything else by `root`, which is loaded only then."""

import gc
import os
import sys
from collections.abc import Sequence

from zaffre.cli import cover

_FOR_THE_COVER = ((), ("--help",), ("-h",))
# So many new objects between two looks for cycles: while modules load there are many, and none of them is garbage.
_OBJECTS_BETWEEN_LOOKS = 50_000


def main(words: Sequence[str] | None = None) -> None:
    """Entry point; always leaves by SystemExit."""
    gc.set_threshold(_OBJECTS_BETWEEN_LOOKS)
    # Nobody's plugins have a part in our models; pydantic would read the metadata of all that is installed to find some.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    code = run(sys.argv[1:] if words is None else words)
    gc.freeze()  # or the interpreter looks through all of it, several times, before it ends
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Does what the words say and returns the exit code."""
    try:
        if tuple(words) in _FOR_THE_COVER:
            print(cover.page("zaffre", cover.width()), flush=True)  # noqa: T201 the page is the result
            return 0
        from zaffre.cli import root

        return root.run(words)
    except BrokenPipeError:
        # Whoever read us has enough; what is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
