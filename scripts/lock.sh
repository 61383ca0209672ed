#!/bin/sh
# Writes the locked requirements again: hashes, no addresses.
set -eu
lock() { out=$1; shift; .venv/bin/python -m uv pip compile --quiet --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --output-file "requirements/$out.txt" "$@"; }
lock dev pyproject.toml --group dev
lock base pyproject.toml --constraints requirements/dev.txt
lock demo pyproject.toml --group demo --constraints requirements/dev.txt
