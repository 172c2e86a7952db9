"""The segmentation of anatomical structures."""

import pickle

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image
from red_herring.networks.pspnet import Segmenter, load_segmenter, structures_inside
from red_herring.runtime.files import StudyError
from red_herring.study.anatomy import STRUCTURES
from support.made_segmenter import FULL, made_weights, published
from torchvision.transforms import Normalize
from torchxrayvision.baseline_models.chestx_det import PSPNet


@pytest.fixture(scope="module")
def weights():
    return made_weights()


@pytest.fixture
def images():
    return torch.rand((2, 1, 40, 40), generator=torch.Generator().manual_seed(1))


def test_the_structures_are_torchxrayvisions():
    assert list(STRUCTURES) == PSPNet.targets


def test_images_are_prepared_as_torchxrayvision_does(weights, images, capsys):
    """By its own function, around the same network, from the range that it expects."""
    ours = Segmenter(weights).eval()
    theirs = PSPNet.__new__(PSPNet)
    torch.nn.Module.__init__(theirs)
    theirs.transform, theirs.model = Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), ours.network
    with torch.no_grad():
        found, expected = ours(images), theirs(2048 * images - 1024)
    assert found.shape == (2, 14, 512, 512)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
    assert found.std() > 0.01


@pytest.mark.slow
def test_the_whole_network_does_what_torchxrayvision_does(real_images, tmp_path, capsys):
    """Of the published depth and width, in the published file's form, on two X-rays; only the weights are made."""
    file = published(made_weights(3, FULL, thinner=1), tmp_path / "pspnet_chestxray_best_model_4.pth")
    files = sorted((real_images / "nih_chestxray14" / "images").iterdir())[:2]
    pictures = [np.asarray(Image.open(picture).convert("L").resize((96, 96))) for picture in files]
    images = torch.from_numpy(np.stack(pictures))[:, None].float() / 255
    with torch.no_grad():
        expected = PSPNet(cache_dir=str(tmp_path))(2048 * images - 1024)
        found = load_segmenter(file)(images)
    assert torch.isfinite(found).all()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("form", ["published", "state_dict", "safetensors"])
def test_weights_are_read_from_any_of_their_forms(weights, images, tmp_path, form):
    file = tmp_path / "weights"  # what it is its content says
    if form == "published":
        published(weights, file)
    elif form == "state_dict":
        torch.save(weights, file)
    else:
        safetensors.torch.save_file(weights, file)
    with torch.no_grad():
        found, expected = load_segmenter(file)(images), Segmenter(weights).eval()(images)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


class Malicious:
    """What PyTorch's format could do before it was read as weights only."""

    def __reduce__(self):
        return print, ("this was run",)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("nothing", "is no file of weights"),
        ("text", "is no file of weights"),
        ("half", "is no file of weights"),
        ("half safetensors", "is no file of weights"),
        ("pickle", "is no file of weights"),
        ("malicious", "is no file of weights"),
        ("list", "holds more than weights by their names"),
        ("checkpoint", "holds more than weights by their names"),
        ("fewer", "has weights for 13 structures, expected those of torchxrayvision's PSPNet, for 14"),
        ("another", "has weights for 0 structures"),
        ("lacking", r"lacks the weights 'res_block5\.layers\.0\.cbr1\.cbr_unit\.0\.weight'"),
    ],
)
def test_other_files_are_refused_in_a_sentence(weights, tmp_path, capsys, written, sentence):
    file = tmp_path / "weights.pth"
    lacking = {name: tensor for name, tensor in weights.items() if name != "res_block5.layers.0.cbr1.cbr_unit.0.weight"}
    saved = {
        "malicious": {"module.weight": Malicious()}, "list": [torch.ones(1)], "checkpoint": {"epoch": 3, "state": weights},
        "fewer": weights | {"classification.bias": torch.zeros(13)}, "another": {"fc.bias": torch.zeros(2)}, "lacking": lacking,
    }  # fmt: skip
    if written in saved:
        torch.save(saved[written], file)
    elif written.startswith("half"):
        safetensors.torch.save_file(weights, file) if "safetensors" in written else torch.save(weights, file)
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.write_bytes(
            {"nothing": b"", "text": b"<html>Not Found</html>", "pickle": pickle.dumps([Malicious()])}[written]
        )
    with pytest.raises(StudyError, match=rf"^{file}: {sentence}"):
        load_segmenter(file)
    assert "this was run" not in capsys.readouterr().out


def test_a_pixel_is_inside_by_the_mean_probability_of_what_it_covers():
    """As Pillow scales the probabilities; 512 is no multiple of 56."""
    logits = torch.randn((1, 14, 512, 512), generator=torch.Generator().manual_seed(2))
    logits = torch.nn.functional.avg_pool2d(logits, 33, 1, 16) * 40
    inside = structures_inside(logits, 56)
    assert inside.dtype == torch.bool
    for number in (0, 8, 13):
        probability = (1 / (1 + np.exp(-logits[0, number].double().numpy()))).astype(np.float32)
        expected = np.asarray(Image.fromarray(probability).resize((56, 56), Image.Resampling.BILINEAR))
        certain = np.abs(expected - 0.5) > 1e-4
        np.testing.assert_array_equal(inside[0, number].numpy()[certain], expected[certain] >= 0.5)
        assert 0.2 < inside[0, number].float().mean() < 0.8
        assert certain.mean() > 0.99
