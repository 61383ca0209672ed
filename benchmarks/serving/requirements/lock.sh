#!/bin/sh
# Writes the peers' locked requirements again: newest versions, hashes, no addresses. From the repository's root.
set -eu
for wish in benchmarks/serving/requirements/*.in; do
  .venv/bin/python -m uv pip compile --quiet --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-header --output-file "${wish%.in}.txt" "$wish"
done
