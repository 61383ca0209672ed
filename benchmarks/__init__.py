"""Side-by-side measurements; `make bench-NAME` runs `benchmarks.bench_NAME`, which prints one JSON object as its last line."""
