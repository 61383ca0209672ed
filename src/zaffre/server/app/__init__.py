"""The composition root: the only place that names concrete backends. `python -m zaffre.server.app` starts a server."""
