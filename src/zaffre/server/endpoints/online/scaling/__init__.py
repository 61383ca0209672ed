"""How many instances a deployment should have: what is asked for, what was measured, what follows. Pure; `scaler` acts."""
