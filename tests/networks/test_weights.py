"""What is read of the file of a run: its classifier, and the masker that may be in it."""

import pytest
import safetensors.torch
import torch
from red_herring.methods import make_method
from red_herring.networks.resnet import ResNet18
from red_herring.networks.weights import joint_masker, load_classifier, load_part
from red_herring.runtime.files import StudyError
from support.small_classifier import small_batch


def saved(model, path):
    safetensors.torch.save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return path


def trained_together():
    """A classifier with its masker, after a step."""
    model = ResNet18(2).train()
    given = {"lr": 1e-2, "masker_lr": 1e-2, "lambda_in": 1.0, "lambda_out": 1.5, "lambda_tv": 1e-3}
    make_method("joint_masking", model, given).update(small_batch(4, 12, torch.float32), torch.Generator())
    return model.eval()


def test_the_classifier_is_the_same_with_a_masker_in_the_file_or_without(tmp_path):
    model, images = trained_together(), small_batch(4, 12, torch.float32).images
    expected = model(images)
    found = load_classifier(saved(model, tmp_path / "with.safetensors"))
    assert found.masker is None
    assert torch.equal(found(images), expected)
    model.masker = None
    plain = load_classifier(saved(model, tmp_path / "without.safetensors"))
    assert found.state_dict().keys() == plain.state_dict().keys()
    assert all(map(torch.equal, found.state_dict().values(), plain.state_dict().values()))
    assert not any(parameter.requires_grad for parameter in found.parameters())


def test_the_masker_of_a_run_makes_the_masks_that_it_made(tmp_path):
    model, images = trained_together(), small_batch(4, 12, torch.float32).images
    found = joint_masker(saved(model, tmp_path / "model.safetensors"))
    _, stages = model.logits_and_stages(images)
    assert torch.equal(found(stages, 12), model.masker(stages, 12))
    assert not found.training
    assert not any(parameter.requires_grad for parameter in found.parameters())


def test_a_run_without_a_masker_has_none(tmp_path):
    assert joint_masker(saved(ResNet18(2), tmp_path / "model.safetensors")) is None


@pytest.mark.parametrize("read", [load_classifier, joint_masker])
def test_a_file_that_is_cut_off_is_refused(read, tmp_path):
    path = saved(ResNet18(2), tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(StudyError, match=r"model\.safetensors: is not a whole safetensors file .*make it again$"):
        read(path)


def test_a_part_of_a_file_is_that_whose_names_begin_with_it(tmp_path):
    file = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({"a/w": torch.ones(1), "ab/w": torch.zeros(1), "a/b/w": torch.ones(2)}, file)
    assert {name: len(values) for name, values in load_part(file, "a").items()} == {"w": 1, "b/w": 2}
    assert load_part(file, "c") == {}
