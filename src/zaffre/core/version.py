"""The version of this Zaffre: the one place that says it; `pyproject.toml` reads it from here."""

VERSION = "0.1.0"
