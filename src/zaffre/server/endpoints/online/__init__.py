"""Online endpoints: what people want (services), what is so (the reconciler), and the tables between the two."""
