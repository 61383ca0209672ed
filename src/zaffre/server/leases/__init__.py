"""Who works on what, when several servers share one database: a named lease that expires unless renewed."""
