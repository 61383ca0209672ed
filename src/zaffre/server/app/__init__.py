"""The composition root: the only place that names concrete backends. `python -m zaffre.server.app` starts a server."""

import sys

# httpx brings a command line of its own, and all of rich with it; without that, it does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
