"""The artifacts room: bytes by SHA-256 digest, trees of them by manifest, and what may be collected."""
