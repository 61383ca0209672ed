"""The Python client: one module per noun, HTTP alone."""
