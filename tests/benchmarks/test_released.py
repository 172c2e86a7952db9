"""The authors' code is measured where it is given, and only there."""

import sys

import pytest
from benchmarks.measuring import crosses
from benchmarks.released import Released, Shown, folder_of, imported

TRAINING = """
import gc
import activmask.utils.configuration as configuration
import activmask.utils.monitoring
from activmask.manager.mlflow import logger

@logger.log_metric("train_loss")
def train_epoch(model, device, train_loader, optimizer, epoch):
    gc.collect()
    return sum(float((seg - 1).sum()) for _, seg, _ in train_loader), {}
"""
NETWORK = """
import torch

class ResNetModel(torch.nn.Module):
    def __init__(self, **given):
        super().__init__()
        self.given, self.encoder = given, torch.nn.Linear(1, 1)
"""


def checkout(folder):
    """One that has what is needed, and nothing to read a configuration or to log with."""
    for name in ("models", "utils", "manager/mlflow"):
        (folder / "activmask" / name).mkdir(parents=True)
    (folder / "activmask/training.py").write_text(TRAINING)
    (folder / "activmask/models/resnet.py").write_text(NETWORK)
    return folder


def test_without_it_the_benchmark_is_skipped_and_says_how_to_give_it():
    with pytest.raises(
        pytest.skip.Exception, match=r"^RELEASED is not set: make bench RELEASED=folder, with a checkout"
    ):
        folder_of({})


def test_a_folder_without_it_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"^RELEASED: .* holds no activmask/training.py; give a folder with a checkout"
    ):
        folder_of({"RELEASED": str(tmp_path)})


def test_it_trains_by_its_own_loop_without_what_reads_its_configuration_or_logs(tmp_path):
    folder, data = folder_of({"RELEASED": str(checkout(tmp_path))}), crosses(8)
    given = {"lambda": 0.5, "lr": 0.1, "discriminator_lr": 0.2, "discriminator_steps": 3}
    with imported(folder) as modules:
        made = Released(modules, "adversarial", given, data, 4)
        assert made.model.given == {"disc_lamb": 0.5, "disc_lr": 0.2, "disc_iter": 3}
        outside = data.masks.numel() - data.masks.sum().item()
        assert made.epoch() == made.epoch(collects=False) == -outside
    assert not [name for name in sys.modules if name.startswith("activmask")]
    assert str(folder) not in sys.path


def test_masked_images_are_zero_outside_as_its_data_sets_make_them():
    image, mask, label = Shown(crosses(4), zeroed=True)[0]
    assert not image[mask == 0].any()
    assert image[mask == 1].any()
    assert isinstance(label, int)
