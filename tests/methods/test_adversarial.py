"""The discriminator and the game."""

import copy

import pytest
import torch
from red_herring.methods import make_method
from red_herring.methods.adversarial import HIDDEN, Discriminator
from red_herring.networks.resnet import Batch, ResNet18
from torch import nn


def batch(n=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(n, 1, 12, 12, generator=generator)
    masks = torch.zeros_like(images, dtype=torch.bool)
    masks[:, :, 3:8, 3:8] = True
    return Batch(images, torch.arange(n) % 2, masks, torch.zeros(n, dtype=torch.int64))


def method(model, schedule="batch", steps=3, weight=0.5):
    hyperparameters = {"lr": 1e-3, "lambda": weight, "discriminator_steps": steps, "discriminator_lr": 1e-3}
    return make_method("adversarial", model, hyperparameters, {"schedule": schedule})


def test_three_hidden_layers_of_1024_whose_spectral_norm_is_one():
    torch.manual_seed(0)
    discriminator = Discriminator(64)
    linear = [layer for layer in discriminator if isinstance(layer, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in linear] == [
        (64, HIDDEN),
        (HIDDEN, HIDDEN),
        (HIDDEN, HIDDEN),
        (HIDDEN, 1),
    ]
    with torch.no_grad():
        for layer in linear[:3]:
            layer.weight.mul_(7)
            layer.bias.zero_()
        for _ in range(60):  # one power iteration a pass
            logits = discriminator(torch.randn(2, 64))
    assert logits.shape == (2,)
    discriminator.eval()
    for layer in linear[:3]:
        product = layer(torch.eye(layer.in_features))
        # Power iteration approaches the norm from below, slowly when the two largest singular values are close.
        assert torch.linalg.matrix_norm(product, 2).item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("schedule", "steps", "batches", "discriminator_steps", "encoder_steps"),
    [("batch", 3, 4, 12, 4), ("released", 3, 7, 7, 2), ("released", 2, 4, 4, 2)],
)
def test_steps_of_discriminator_and_encoder(schedule, steps, batches, discriminator_steps, encoder_steps):
    trainer = method(ResNet18(2), schedule, steps)
    counts = {"encoder": 0, "discriminator": 0}
    for name, optimizer in (("encoder", trainer.optimizer), ("discriminator", trainer.discriminator_optimizer)):
        optimizer.register_step_post_hook(lambda *_, name=name: counts.update({name: counts[name] + 1}))
    for number in range(batches):
        terms = trainer.update(batch(seed=number), torch.Generator())
    assert counts == {"encoder": encoder_steps, "discriminator": discriminator_steps}
    assert "discriminator" in terms


def test_the_discriminator_learns_to_tell_masked_from_unmasked_and_the_encoder_to_fool_it():
    torch.manual_seed(0)
    trainer = method(ResNet18(2))
    features, masked = torch.randn(32, 16), torch.randn(32, 16) + 1
    everyone = torch.ones(32, dtype=torch.bool)
    losses = [trainer._step_discriminator(masked, features, everyone).item() for _ in range(40)]
    assert losses[-1] < 0.5 < losses[0]
    with torch.no_grad():
        assert trainer.discriminator(masked).mean() > 0 > trainer.discriminator(features).mean()
    # The encoder's penalty is the same loss with the labels changed round, so it is high where the discriminator is right.
    assert trainer._tell_apart(ones=features, zeros=masked, guided=everyone).item() > 2


def test_each_step_moves_its_own_player_only():
    torch.manual_seed(0)
    model = ResNet18(2)
    trainer = method(model)
    encoder, discriminator = copy.deepcopy(model.state_dict()), copy.deepcopy(trainer.discriminator.state_dict())
    features = torch.randn(8, 16)
    trainer._step_discriminator(features + 1, features, torch.ones(8, dtype=torch.bool))
    assert all(torch.equal(value, encoder[key]) for key, value in model.state_dict().items())
    assert not torch.equal(trainer.discriminator[0].weight, discriminator["0.weight"])
    discriminator = copy.deepcopy([*trainer.discriminator.parameters()])
    trainer.step(trainer.losses(batch(), torch.Generator()))
    assert all(torch.equal(a, b) for a, b in zip(trainer.discriminator.parameters(), discriminator, strict=True))
    assert not torch.equal(model.conv1.weight, encoder["conv1.weight"])


@pytest.mark.parametrize("schedule", ["batch", "released"])
def test_its_whole_state_can_be_stored_and_restored(schedule):
    def advance(trainer, numbers):
        for number in numbers:
            trainer.update(batch(seed=number), torch.Generator().manual_seed(number))

    torch.manual_seed(0)
    model = ResNet18(2)
    trainer = method(model, schedule)
    advance(trainer, range(2))
    weights, state = copy.deepcopy(model.state_dict()), copy.deepcopy(trainer.state_dict())
    advance(trainer, range(2, 5))
    restored = ResNet18(2)
    restored.load_state_dict(weights)
    again = method(restored, schedule)
    again.load_state_dict(state)
    advance(again, range(2, 5))
    assert all(torch.equal(value, restored.state_dict()[key]) for key, value in model.state_dict().items())
