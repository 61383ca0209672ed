"""What all registered nouns share: versions that never change, tags, aliases, search, and who uses what."""
