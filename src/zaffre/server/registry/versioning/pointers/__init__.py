"""What points at versions: aliases, which people move, and uses, which keep a version from being deleted."""
