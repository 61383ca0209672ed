"""Backends of the compute room, each named by its technology; only `zaffre.server.app` chooses one."""
