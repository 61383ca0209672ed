"""Models in another form: what `zaffre model convert` and a deployment's `optimize` ask for. The work itself is a job."""
