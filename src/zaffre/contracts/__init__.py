"""The nouns as the world sees them: each is YAML file, REST body and SDK object at once."""
