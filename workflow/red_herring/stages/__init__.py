"""One function per rule of the workflow, whose parameters are its command line: call the library, write the outputs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from red_herring.runtime.preload import hand_over

# Before Matplotlib is imported, which a notebook's or a window's backend would end where it is not installed.
os.environ["MPLBACKEND"] = "Agg"

hand_over()  # A command line of a stage goes no further where another process takes it.


def make_runnable() -> None:
    """Let the commands that this process starts find the package and, behind a conda environment's, this Python; and
    let them take file names for UTF-8, whatever the locale.
    """
    os.environ["PYTHONUTF8"] = "1"
    packages = str(Path(__file__).parents[2])
    python_path = [packages, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(python_path)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
