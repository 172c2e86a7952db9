"""A disk that is full or read-only stops a study with a sentence; with space again it ends as if nothing had been."""

import subprocess

import pytest
from support.workflow_checkout import TINY, Checkout

pytestmark = pytest.mark.slow

TABLES = ("runs.csv", "histories.csv", "trials.csv", "tables/synthetic.md", "tables/splits.md")


def tables(checkout, names=TABLES):
    return {name: (checkout.folder / "results" / name).read_bytes() for name in names}


def remount(folder, option):
    subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True)


def test_results_on_a_full_and_a_read_only_disk(finished, checkout, small_disk):
    (checkout.folder / "tiny.yaml").write_text((finished.folder / "tiny.yaml").read_text())
    results = small_disk(checkout.folder / "results", "200k")
    for size in ("300k", "700k"):
        done = checkout.snakemake("-c2", "all", *TINY, check=False)
        assert done.returncode == 1
        assert "No space left on device; put that right and run again" in done.stderr
        remount(results, f"size={size}")
    remount(results, "ro")
    done = checkout.snakemake("-c2", "all", *TINY, check=False)
    assert done.returncode == 1
    assert "results: Read-only file system; put that right and run again" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    remount(results, "rw,size=64m")
    checkout.snakemake("-c2", *(f"results/{name}" for name in TABLES), *TINY)
    assert tables(checkout) == tables(finished)


def test_a_whole_checkout_on_a_full_disk(finished, tmp_path, small_disk):
    """Snakemake's own records do not fit either."""
    folder = small_disk(tmp_path / "small", "64m")
    checkout = Checkout(folder)
    (folder / "tiny.yaml").write_text((finished.folder / "tiny.yaml").read_text())
    taken = sum(file.stat().st_blocks * 512 for file in folder.rglob("*"))
    remount(folder, f"size={taken + 2**16}")
    done = checkout.snakemake("-c2", "all", *TINY, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stdout + done.stderr
    remount(folder, "size=64m")
    checkout.snakemake("-c2", "results/runs.csv", "--rerun-incomplete", *TINY)
    of_runs = ("runs.csv", "histories.csv", "trials.csv")
    assert tables(checkout, of_runs) == tables(finished, of_runs)
