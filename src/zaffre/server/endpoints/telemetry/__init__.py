"""What deployments did and do: sampled from router, replicas and processes, kept for a while, asked for by people."""
