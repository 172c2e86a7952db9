"""Write requirements.lock: what pip chooses for requirements.in on this platform, every file by its hash.

Usage: python envs/lock.py requirements.in requirements.lock
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HEAD = """\
# Made by `make lock` from requirements.in for CPython 3.11 on x86-64 Linux; do not edit.
# Install with: pip install --require-hashes -r requirements.lock
"""


def main(wanted: Path, lock: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        resolve = ["install", "--dry-run", "--ignore-installed", "--quiet", "--report", str(report), "-r", str(wanted)]
        subprocess.run([sys.executable, "-m", "pip", *resolve], check=True)
        chosen = json.loads(report.read_text())["install"]
    lines = []
    for item in chosen:
        name = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name}=={item['metadata']['version']} \\\n    --hash=sha256:{digest}\n")
    lock.write_text(HEAD + "".join(sorted(lines)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
