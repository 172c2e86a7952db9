"""Results that come from another clone are recognised, and so is what changes after that."""

import shutil
import subprocess
from collections import Counter

import pytest
from conftest import ROOT
from support.workflow_checkout import TINY, Checkout, methods_of

pytestmark = pytest.mark.slow


def git(folder, *arguments):
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clones(after, tmp_path):
    """The finished study's checkout, and a clone of it without any results."""
    shutil.copy(ROOT / ".gitignore", after.folder)
    git(after.folder, "init", "--quiet")
    git(after.folder, "add", "--all")
    git(after.folder, "commit", "--quiet", "--message", "a study")
    git(tmp_path, "clone", "--quiet", after.folder, tmp_path / "second")
    return after, Checkout.of(tmp_path / "second")


def pack(first, second, *left_out):
    """The README's way to take results along."""
    packed = first.folder / "results.tar"
    without = [f"--exclude={name}" for name in left_out]
    subprocess.run(["tar", "-cf", packed, *without, "results", ".snakemake/metadata"], cwd=first.folder, check=True)
    subprocess.run(["tar", "-xf", packed], cwd=second.folder, check=True)


TABLES_AND_FIGURES = ("images.npy", "masks.npy", "model.safetensors")


@pytest.mark.parametrize(
    "left_out", [(), ("model.safetensors",), TABLES_AND_FIGURES], ids=["all", "no models", "small"]
)
def test_packed_results_are_recognised_in_another_clone(clones, left_out):
    first, second = clones
    assert second.counted("all", *TINY)["train"] == 4
    pack(first, second, *left_out)
    assert second.planned("all", *TINY) == []


def test_changes_in_the_other_clone_are_noticed(clones):
    first, second = clones
    pack(first, second, "model.safetensors")
    second.edit("workflow/red_herring/report/figures/figure_a1.py", 'ylabel="best validation AUC"', 'ylabel="best AUC"')
    assert second.planned("all", *TINY) == [("render_figure", "study=results, figure=figure_a1")]
    git(second.folder, "checkout", "--quiet", ".")

    second.edit("tiny.yaml", "- 2\n", "- 2\n  - 3\n")
    jobs = Counter(rule for rule, wildcards in second.planned("all", *TINY) if "seed=3" in wildcards)
    assert (jobs["draw_splits"], jobs["train"], jobs["localisation"]) == (1, 2, 2)
    assert second.counted("all", *TINY)["train"] == 2
    git(second.folder, "checkout", "--quiet", ".")

    second.edit("tiny.yaml", "- actdiff\n", "- actdiff\n  - rrr\n")
    assert methods_of(second.planned("all", *TINY)) == {"rrr"}
    git(second.folder, "checkout", "--quiet", ".")

    second.edit(
        "workflow/red_herring/training/loop.py",
        "self.counts[name] = self.counts.get(name, 0) + len",
        "self.counts[name] = len",
    )
    counts = second.counted("all", *TINY)
    assert (counts["tune"], counts["train"], counts["localisation"]) == (2, 4, 4)
    assert "prepare_images" not in counts


def test_results_without_records_are_taken_over_by_touching_them(clones):
    """Copied without Snakemake's records and without their times."""
    first, second = clones
    shutil.copytree(first.folder / "results", second.folder / "results", copy_function=shutil.copyfile)
    assert second.counted("all", *TINY)["train"] == 4
    second.snakemake("-c1", "all", "--touch", *TINY)
    assert second.planned("all", *TINY) == []
    second.edit("tiny.yaml", "epochs: 2", "epochs: 3")
    counts = second.counted("all", *TINY)
    assert (counts["train"], counts["tune"]) == (4, 0), "changes are noticed from then on"
