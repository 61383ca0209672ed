"""The data plane: runs beside the user's code. Python 3.9 and later; knows nothing of the control plane."""
