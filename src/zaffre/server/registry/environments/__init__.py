"""Environment versions: the definition, and the lock that is made once and kept with it."""
