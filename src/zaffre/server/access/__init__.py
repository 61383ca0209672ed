"""Who may do what: workspaces, callers, roles, tokens, and `require`."""
