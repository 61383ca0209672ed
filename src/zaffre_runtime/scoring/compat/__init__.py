"""The two modules that scoring scripts import from Azure's packages, in our own words and without Flask.

`install.py` puts them into `sys.modules`; `scripts.py` calls it before the user's code is imported.
"""
