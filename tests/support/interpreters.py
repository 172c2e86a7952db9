"""The versions of Python that the project supports, as far as this machine has them."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

SUPPORTED = ("3.11", "3.12", "3.13")
SAYS = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2], sep='\\n')"


@cache
def interpreter(version: str) -> str | None:
    """An interpreter of this version from PATH or pyenv, or None. That a name is there does not mean that it runs."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"{version}.*/bin/python{version}"))]
    for candidate in filter(None, candidates):
        done = subprocess.run([candidate, "-c", SAYS], capture_output=True, text=True, check=False)
        if done.returncode == 0 and done.stdout.split("\n")[1] == version:
            return done.stdout.split("\n")[0]
    return None
