"""Environments: what a definition asks for becomes a lock, and a lock becomes a built environment, shared and cached.

Pure: definitions, requirements, matchspecs, substitutes, curated, locks. At the rim: pythons, uv (with sources and
sandbox), conda, solving, overlays, bytecode, builds. `workshop` puts them together, `service` keeps the locks. The
registry keeps the versions; this room keeps their locks and what is built from them.
"""
