"""Whatever must load a user's model runs here, as a job of its own: the server never does. Python 3.9 syntax.

Started as `<env>/bin/python <overlay>/zaffre_boot.py zaffre_runtime.tools.<tool>` in the environment that the model needs.
"""
