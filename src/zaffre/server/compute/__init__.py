"""The compute room: how services run on a machine, and what its machines can do. Knows no endpoint and no job."""
