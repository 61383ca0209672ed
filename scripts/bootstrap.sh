#!/bin/sh
# Makes .venv from the locked requirements. usage: bootstrap.sh dev|demo
# dev holds everything demo holds, so a developer's environment serves both.
set -eu
kind=$1
python=${PYTHON:-python3.11}
command -v "$python" >/dev/null 2>&1 || python=python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "Zaffre needs Python 3.11 or later; '$python' is older. Set PYTHON=/path/to/python3.11." >&2; exit 1; }
if [ ! -x .venv/bin/python ]; then
  if ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
      echo "installing python3-venv"
      apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
      "$python" -m venv .venv
    else
      echo "'$python -m venv' failed; install your system's python3-venv package and try again." >&2; exit 1
    fi
  fi
fi
.venv/bin/python -m uv --version >/dev/null 2>&1 ||
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt
if [ "$kind" = demo ] && [ -f .venv/.ready ] && [ .venv/.ready -nt requirements/dev.txt ]; then
  touch .venv/.demo-ready; exit 0
fi
echo "installing the locked requirements ($kind)"
.venv/bin/python -m uv pip sync --quiet --python .venv/bin/python --require-hashes "requirements/$kind.txt"
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --editable .
# Byte code of what the command line and the server load, once and for all: uv writes none, and where the environment
# forbids Python to write it, every command would compile its libraries anew.
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m compileall -q src
env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -c 'import zaffre.server.app.serve, zaffre.sdk.client, jmespath, rich.progress, yaml'
touch .venv/.demo-ready
[ "$kind" = demo ] || touch .venv/.ready
