"""The parts of `make bench-serving`: the model, the peers in environments of their own, the load, and our own side."""
