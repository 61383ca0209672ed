"""Data assets: files, folders and tables whose content never changes under their version."""
