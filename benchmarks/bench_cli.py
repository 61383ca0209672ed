"""How long `zaffre --help` and `import zaffre` take: medians of 10, of whole processes. Last line: one JSON object.

The package is compiled first, as an installed one is; nothing else is running here that would help or hinder.
"""

import compileall
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

import zaffre

ROUNDS = 10


def median_ms(words, environment):
    """Median of the wall time of a process, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(words, env=environment, stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(times), 1)


def main():
    for package in (zaffre, click):
        compileall.compile_dir(Path(package.__file__).parent, quiet=1)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    program = str(Path(sys.executable).with_name("zaffre"))
    nothing = median_ms([sys.executable, "-c", "pass"], environment)
    figures = {
        "help_ms": median_ms([program, "--help"], environment),
        "import_ms": median_ms([sys.executable, "-c", "import zaffre"], environment),
    }
    print(f"python alone: {nothing} ms")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
