"""Long work that a caller can poll: what was asked, how far it is, how it ended."""
