"""Alembic's migrations, run by `migrate` in the composition root."""
