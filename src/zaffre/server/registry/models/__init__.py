"""Registered models: one file or a folder of many under one version."""
