"""The plain loop that the benchmarks measure against computes what the methods compute."""

import sys

import pytest
import torch
from benchmarks.measuring import crosses
from benchmarks.plain import PlainResNet18, Training, resnet, shuffled
from red_herring.methods import make_method
from red_herring.networks.layers import SpectralLinear
from red_herring.networks.resnet import ResNet18

GIVEN = {"lr": 1e-3, "lambda": 0.1, "discriminator_steps": 2, "discriminator_lr": 1e-3}


@pytest.mark.parametrize("method", ["classification", "masked", "actdiff", "gradmask", "rrr"])
def test_its_loss_is_that_of_the_method(method):
    """With one pixel outside each mask, so that shuffling changes nothing."""
    torch.manual_seed(0)
    plain, model = Training(method, GIVEN), ResNet18(64).train()
    plain.model.load_state_dict(dict(list(model.state_dict().items())[:-2]))
    plain.fc.load_state_dict(model.fc.state_dict())
    data = crosses(4)
    data.masks = torch.ones_like(data.masks)
    data.masks[:, 3, 4] = False
    batch = data.batch(slice(None))
    terms = make_method(method, model, GIVEN).losses(batch, torch.Generator())
    expected = terms["classification"] + GIVEN["lambda"] * terms.get("penalty", 0)
    images = batch.images.detach().clone().requires_grad_()
    assert plain.loss(images, batch.masks, batch.labels).item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_discriminators_loss_is_that_of_the_method():
    torch.manual_seed(0)
    trainer, plain = make_method("adversarial", ResNet18(64), GIVEN), Training("adversarial", GIVEN)
    mine, other = trainer.discriminator.eval(), plain.discriminator.eval()  # in training every pass changes the norms
    with torch.no_grad():
        for one, plain_one in zip(mine, other, strict=True):
            if isinstance(one, SpectralLinear):
                norm = plain_one.parametrizations.weight[0]
                one.left, one.right, one.bias = norm._u, norm._v, plain_one.bias
                one.weight = plain_one.parametrizations.weight.original
            elif isinstance(one, torch.nn.Linear):
                one.load_state_dict(plain_one.state_dict())
    ones, zeros = torch.rand(2, 4, 512)
    torch.testing.assert_close(plain.told_apart(ones, zeros), trainer._tell_apart(ones, zeros, torch.ones(4)))


def test_it_shuffles_only_what_is_outside():
    images, masks = torch.rand(3, 1, 8, 8), torch.rand(3, 1, 8, 8) > 0.5
    found = shuffled(images, masks)
    assert torch.equal(found[masks], images[masks])
    for one, other, mask in zip(found, images, masks, strict=True):
        assert torch.equal(one[~mask].sort().values, other[~mask].sort().values)
        assert not torch.equal(one, other)


def test_it_takes_every_image_once_an_epoch():
    assert len(Training("classification", GIVEN).epoch(crosses(8), 4)) == 2


def test_without_torchvision_the_network_is_the_same(monkeypatch):
    theirs = resnet().eval()
    monkeypatch.setitem(sys.modules, "torchvision", None)
    mine = resnet().eval()
    assert type(mine) is PlainResNet18
    mine.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 1, 28, 28)
    torch.testing.assert_close(mine(images), theirs(images))
