"""`python -S -E __main__.py FOLDER`: leaves its caller, takes the folder's lock, then supervises until the end.

Started by `zaffre.server.compute`. The caller's call returns when the shim lives on its own and holds the lock
(exit code 0), or when another one already does (exit code 0, too: a start is idempotent), or with what went wrong.
"""

from __future__ import annotations

import os
import sys

if not __package__:  # started by path: neither site-packages nor this package's root is on sys.path
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from zaffre_runtime.shim import detach

if __name__ == "__main__":
    sys.exit(detach.main(sys.argv[1:]))
