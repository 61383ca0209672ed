"""The registry: models, data and environments, each a noun on one versioning core."""
