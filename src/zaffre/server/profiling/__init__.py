"""Load profiles: what one replica of a model needs, found by trying sizes under real limits. `docs/profile.md` has the rule."""
