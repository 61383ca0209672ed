"""Endpoints: what answers requests. Deployments, their revisions, traffic, and the router in front of them."""
