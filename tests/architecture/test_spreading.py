"""`make test` gives a folder's tests to one process: they share servers, and follow each other in a module."""

import os
import pathlib
import re
import subprocess
import sys

FOLDERS = ("tests/unit/zaffre/core", "tests/unit/zaffre/contracts")


def test_no_folder_is_divided():
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-n",
        "2",
        "--dist",
        "loadscope",
        "--no-loadscope-reorder",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    root = pathlib.Path(__file__).parents[2]
    found = subprocess.run(
        [*command, "-k", "test_names or test_manifests", *FOLDERS],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    ran = set(re.findall(r"\[(gw\d)\].* (\S+?)/[^/\s]+\.py::", found.stdout))
    assert {folder for _, folder in ran} == set(FOLDERS), found.stdout[-2000:]
    assert len(ran) == len(FOLDERS)
