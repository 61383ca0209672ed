# A developer's whole life on one screen.
#   make demo    from a trained model to an answering endpoint, on loopback (KEEP=1 leaves it running)
#   make test    everything, against real servers
#   make check   ruff, mypy strict, import order, shape of the house
#   make bench   all benchmarks; make bench-NAME for one
PY := .venv/bin/python
export ORT_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: demo test check format bench lock clean
.DEFAULT_GOAL := check

# The virtual environment; rebuilt when a lock or the package's own metadata changes.
.venv/.ready: requirements/bootstrap.txt requirements/dev.txt pyproject.toml scripts/bootstrap.sh
	sh scripts/bootstrap.sh dev

.venv/.demo-ready: requirements/bootstrap.txt requirements/base.txt requirements/demo.txt pyproject.toml scripts/bootstrap.sh
	sh scripts/bootstrap.sh demo

# What tests need beside Python: PostgreSQL, Azurite; installed when missing (as root by apt).
.tools/.ready: .venv/.ready scripts/system.sh
	sh scripts/system.sh

demo: .venv/.demo-ready
	$(PY) -m examples.demo $(if $(KEEP),--keep)

# Two at a time, because most tests wait for servers and processes. A folder stays together (tests/conftest.py).
# `make test ARGS="tests/unit -n 0"` runs a part of them in one process.
test: .venv/.ready .tools/.ready
	$(PY) -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

check: .venv/.ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-cache
	$(PY) -m pytest -q tests/architecture

format: .venv/.ready
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

BENCHES := $(patsubst benchmarks/bench_%.py,bench-%,$(wildcard benchmarks/bench_*.py))
bench: $(BENCHES)
bench-%: .venv/.ready .tools/.ready
	$(PY) -m benchmarks.bench_$*

lock: .venv/.ready
	sh scripts/lock.sh

clean:
	rm -rf .venv .tools .mypy_cache .ruff_cache benchmarks/.venvs benchmarks/.work
