"""The face of time: threads that relay events and bring the world to what is wanted."""
