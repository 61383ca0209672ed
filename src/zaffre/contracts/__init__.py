"""The nouns as the world sees them: each is YAML file, REST body and SDK object at once.

One module per noun; `files` reads and writes them, `wire` is what crosses HTTP, `events` what happened.
"""
