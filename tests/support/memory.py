"""What the jobs of a study took."""

import re
from pathlib import Path


def most_memory(results: Path) -> float:
    """MiB that a job of the study took at most, as the logs have it; 0 without a job."""
    said = [re.findall(r"(\d+) MiB of memory at most", file.read_text()) for file in (results / "logs").rglob("*.log")]
    return max((float(of_job[-1]) for of_job in said if of_job), default=0.0)
