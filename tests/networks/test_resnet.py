"""The classifier."""

import pytest
import torch
from red_herring.networks.resnet import ResNet18
from torch import nn
from torchvision.models import resnet18


def torchvisions():
    """torchvision's ResNet-18 with the changes of the paper's appendix A.1."""
    model = resnet18(num_classes=2)
    model.conv1 = nn.Conv2d(1, 64, kernel_size=3, stride=1, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def test_it_is_torchvisions_resnet18_with_a_small_stem():
    ours, theirs = ResNet18(64), torchvisions()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(4, 1, 28, 28)
    for mode in (True, False):
        torch.testing.assert_close(ours.train(mode)(images), theirs.train(mode)(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [1, 8])
def test_width_scales_every_layer(width):
    model = ResNet18(width)
    assert model.features(torch.randn(2, 1, 28, 28)).shape == (2, 8 * width)
    assert model(torch.randn(2, 1, 64, 64)).shape == (2, 2)


def test_convolutions_are_initialised_kaiming_fan_out():
    torch.manual_seed(0)
    weight = ResNet18(64).layer3[0].conv2.weight
    assert weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.01)


def test_every_relu_is_a_module_of_its_own_and_not_in_place():
    relus = [module for module in ResNet18(4).modules() if isinstance(module, nn.ReLU)]
    assert len(relus) == 17
    assert not any(relu.inplace for relu in relus)


@pytest.mark.parametrize("graphs", [True, False])
def test_features_outlive_the_next_pass_though_a_cuda_graph_overwrites_what_it_gave(graphs, monkeypatch):
    """With a compiler that does so, as none does without a GPU."""
    asked, given = [], torch.empty(2, 8)

    def compiler(function, dynamic, options):
        asked.append((dynamic, options["triton.cudagraphs"]))
        return lambda x: given.copy_(function(x)) if graphs else function(x)

    monkeypatch.setattr(torch, "compile", compiler)
    torch.manual_seed(0)
    model, images = ResNet18(1).train(), torch.rand(2, 2, 1, 8, 8)
    model.compile_features(graphs)
    with torch.no_grad():
        first = model.features(images[0])
        kept = first.clone()
        model.features(images[1])
    assert torch.equal(first, kept)
    assert asked == [(True, graphs)]
