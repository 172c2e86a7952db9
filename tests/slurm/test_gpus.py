"""What a job on a cluster does with the GPU that Slurm gives it, when PyTorch can use none."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here, and PyTorch can use it")


@pytest.mark.slow
def test_a_gpu_that_slurm_gave_and_pytorch_cannot_use_is_an_error(cluster):
    """The cluster's GPUs are none, as is one whose driver is too old."""
    environment = cluster.environment | {"PYTHONPATH": str(ROOT / "workflow")}
    code = "from red_herring.runtime.hardware import pick; print(pick('{}', 'float32').device)"

    def computes(device, *asked):
        command = ["srun", "--mem=2500", *asked, sys.executable, "-c", code.format(device)]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)

    refused = computes("auto", "--partition=gpu", "--gpus=1")
    assert refused.returncode != 0
    assert re.search(
        r"training\.device: is auto and CUDA_VISIBLE_DEVICES is [01], but PyTorch cannot use", refused.stderr
    )
    for done in (computes("cpu", "--partition=gpu", "--gpus=1"), computes("auto", "--partition=cpu")):
        assert done.stdout == "cpu\n", done.stderr
