"""The main job from nothing: two models, one endpoint, a rollout under load. `make demo` runs it."""
