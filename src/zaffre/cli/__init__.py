"""The command line: one file per noun, each verb is one SDK call."""
