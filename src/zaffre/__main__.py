"""`python -m zaffre`: the command line."""

from zaffre.cli import main

main.main()
