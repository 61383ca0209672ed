"""The first file that a replica's interpreter runs: puts the overlay behind the environment's own packages.

Called as `<env>/bin/python <overlay>/zaffre_boot.py zaffre_runtime.scoring`. The overlay is the folder that holds
this file (or, in a source tree, the folder above the package). It moves to the END of `sys.path`, so that whatever the
user's environment has wins. This file imports nothing but the standard library and knows no module by name.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def overlay_folder(boot_file: Path) -> str:
    here = boot_file.resolve().parent
    return str(here.parent if (here / "__init__.py").exists() else here)


def boot(arguments: list[str]) -> None:
    if not arguments:
        sys.exit("zaffre_boot.py: name the module to run, for example zaffre_runtime.scoring")
    here = str(Path(__file__).resolve().parent)
    overlay = overlay_folder(Path(__file__))
    sys.path[:] = [
        entry for entry in sys.path if str(Path(entry or ".").resolve()) not in (here, overlay)
    ] + [overlay]
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    boot(sys.argv[1:])
