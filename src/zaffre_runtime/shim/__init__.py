"""The parent of every detached process: replicas, the router, later jobs. Standard library only, Python 3.9.

`python -S -E .../zaffre_runtime/shim/__main__.py FOLDER`, started by `zaffre.server.compute`, keeps the process that
`FOLDER/spec.json` describes alive, also while the server is down. It decides nothing about endpoints or jobs.
"""
