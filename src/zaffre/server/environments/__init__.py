"""Environments: what a definition asks for becomes a lock, and a lock becomes a built environment, shared and cached.

Pure: definitions, requirements, matchspecs, substitutes, curated, locks. At the rim: pythons, uv, conda, solving,
overlay, builds. The registry keeps the versions; this room keeps their locks and what is built from them.
"""
