"""A finished study packed through Snakemake, and an unfinished one refused."""

import shutil
import zipfile
from hashlib import sha256
from urllib.parse import unquote

import pytest
import yaml
from conftest import ROOT
from rocrate.rocrate import ROCrate
from support.workflow_checkout import TINY


@pytest.mark.slow
def test_a_finished_study_is_packed_and_an_unfinished_one_is_not(after):
    results, archive = after.folder / "results", after.folder / "results/release.zip"
    after.snakemake("-c1", "release", *TINY)
    first = archive.read_bytes()
    with zipfile.ZipFile(archive) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    for line in content["checksums.sha256"].decode().splitlines():
        digest, name = line.split("  ")
        assert sha256(content[name]).hexdigest() == digest
    crate = ROCrate(archive)
    assert {unquote(entity.id) for entity in crate.data_entities} == set(content) - {"ro-crate-metadata.json"}
    assert not [name for name in content if name.endswith((".npy", ".safetensors", "predictions.csv"))]
    assert str(after.folder).encode() not in b"".join(content.values()), "no paths of this machine"
    assert {name for name in content if name.startswith("runs/")} == {
        f"runs/synthetic/{method}/seed={seed}/{file}"
        for method in ("classification", "actdiff") for seed in (1, 2) for file in ("run.json", "history.csv")
    }  # fmt: skip
    # The configuration in it is one that Snakemake takes, and plans the same study.
    (after.folder / "again.json").write_bytes(content["config.json"])
    assert after.planned("all", "--configfile=again.json") == []

    assert after.planned("release", *TINY) == []
    after.snakemake("-c1", "release", *TINY, "--forcerun", "release")
    assert archive.read_bytes() == first

    shutil.rmtree(results / "runs/synthetic/actdiff/seed=2")
    done = after.snakemake("-c1", "release", *TINY, check=False)
    assert done.returncode == 1
    assert "error: results: is not finished: 2 of its " in done.stderr
    assert not (results / "runs/synthetic/actdiff/seed=2").exists(), "nothing is trained for it"


def test_the_catalogue_finds_what_it_looks_for():
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert usage["report"] is True
    assert usage["software-stack-deployment"]["conda"] is True
    for needed in ("config/README.md", "config/config.yaml", "workflow/Snakefile"):
        assert (ROOT / needed).is_file()
