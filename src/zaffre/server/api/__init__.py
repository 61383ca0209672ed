"""The REST face: parse, call a service, shape the answer."""
