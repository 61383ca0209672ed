"""The control plane: decides and remembers. Rooms import only what stands below them."""
