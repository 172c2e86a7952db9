"""Generators and discriminators against each other: who learns from what, and the terms of equation 4."""

import copy

import pytest
import torch
from red_herring.generation import cycle_gan
from red_herring.generation.boxes import mask_of
from red_herring.generation.cycle_gan import Pairs, Weights, detector_terms, initialised_gan, objective
from red_herring.generation.detector import initialised_detector
from red_herring.generation.discriminators import crops, discriminator_loss, generator_loss
from red_herring.generation.examples import Examples
from red_herring.generation.unroll import unrolled_loss

SIDE = 16
CPU = torch.device("cpu")
RATE = 0.01
NEITHER, BOTH = Weights(0.0, 0.0, RATE), Weights(0.2, 1.0, RATE)
UNROLLED = Weights(0.0, 1.0, RATE)


def numbers(seed=0):
    return torch.Generator().manual_seed(seed)


def pairs(n=3, seed=0):
    images = torch.rand(2 * n, 1, SIDE, SIDE, generator=numbers(seed)) * 2 - 1
    boxes = torch.tensor([[1, 2, 9, 11], [4, 4, 9, 9], [0, 3, 16, 14]])[:n]
    return Pairs(images[:n], boxes.flip(0), Examples(images[n:], list(boxes.unsqueeze(1))), boxes)


def made(seed=0):
    return initialised_gan(SIDE, 2, seed, CPU)


def values(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(module, before):
    return all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_step_changes_every_weight_of_generators_and_discriminators_and_nothing_of_the_detector():
    gan, detector = made(), initialised_detector(1, 0)
    before = [values(module) for module in (gan.generators, gan.judges, detector)]
    terms = gan.update(pairs(), detector, BOTH, numbers())
    assert set(terms) == {"adversarial", "local", "cycle", "detector", "unrolled", "discriminators"}
    assert all(term.shape == () and not term.requires_grad and term.isfinite() for term in terms.values())
    for module, old in zip((gan.generators, gan.judges), before, strict=False):
        assert not any(torch.equal(value, old[name]) for name, value in module.state_dict().items())
    assert same(detector, before[2])
    assert detector.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in detector.parameters())


def test_discriminators_learn_nothing_from_the_step_of_the_generators(monkeypatch):
    gan, seen = made(), []
    judges = values(gan.judges)
    monkeypatch.setattr(
        gan, "_step_judges", lambda *_: seen.append([p.grad for p in gan.judges.parameters()]) or torch.zeros(())
    )
    gan.update(pairs(), None, NEITHER, numbers())
    assert same(gan.judges, judges)
    assert seen == [[None] * len(list(gan.judges.parameters()))]
    assert all(parameter.requires_grad for parameter in gan.judges.parameters())


def test_generators_learn_nothing_from_the_step_of_the_discriminators():
    gan, batch = made(), pairs()
    fakes = gan._fakes(batch, numbers())
    gan._step_judges(batch, fakes, numbers())
    assert all(parameter.grad is None for parameter in gan.generators.parameters())


def test_the_terms_of_the_generators():
    gan, batch = made(), pairs()
    fakes = gan._fakes(batch, numbers())
    found = gan.generator_terms(batch, fakes, numbers(1))
    drawn = numbers(1)
    back = gan.erase(fakes.inserted, batch.places, torch.randn(batch.free.shape, generator=drawn))
    forth = gan.insert(fakes.erased, batch.erased, torch.randn(batch.free.shape, generator=drawn))
    cycle = (back - batch.free).abs().mean() + (forth - batch.real.images).abs().mean()
    adversarial = generator_loss(gan.judges.y(fakes.inserted)) + generator_loss(gan.judges.x(fakes.erased))
    torch.testing.assert_close(found["cycle"], cycle)
    torch.testing.assert_close(found["adversarial"], adversarial)
    torch.testing.assert_close(found["local"], generator_loss(gan.judges.local(crops(fakes.inserted, batch.places))))


def test_the_loss_of_the_discriminators():
    """While the pools are not full they are shown what was made last."""
    gan, batch = made(), pairs()
    fakes, judges = gan._fakes(batch, numbers()), gan.judges
    expected = discriminator_loss(judges.x(batch.free), judges.x(fakes.erased))
    expected = expected + discriminator_loss(judges.y(batch.real.images), judges.y(fakes.inserted))
    real, fake = crops(batch.real.images, batch.erased), crops(fakes.inserted, batch.places)
    expected = expected + discriminator_loss(judges.local(real), judges.local(fake))
    torch.testing.assert_close(gan._judged(batch, fakes, numbers()), expected)
    assert torch.equal(gan.pools["inserted"].images[:3], fakes.inserted)
    assert torch.equal(gan.pools["inserted"].boxes[:3], batch.places.float())
    assert torch.equal(gan.pools["erased"].images[:3], fakes.erased)


def test_the_objective_of_equation_4():
    terms = {name: torch.tensor(value) for name, value in {"adversarial": 1.0, "local": 2.0, "cycle": 3.0}.items()}
    assert objective(terms, BOTH).item() == pytest.approx(1 + 1 * 2 + 10 * 3)
    terms |= {"detector": torch.tensor(5.0), "unrolled": torch.tensor(7.0)}
    assert objective(terms, BOTH).item() == pytest.approx(1 + 1 * 2 + 10 * 3 + 0.2 * 5 + 1.0 * 7)


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        (NEITHER, set()),
        (Weights(1.0, 0.0, RATE), {"detector"}),
        (UNROLLED, {"unrolled"}),
        (BOTH, {"detector", "unrolled"}),
    ],
)
def test_the_detector_is_asked_what_has_a_weight(weights, names):
    gan, batch = made(), pairs()
    assert set(detector_terms(batch, gan._fakes(batch, numbers()), initialised_detector(1, 0), weights)) == names


def test_the_detector_is_in_evaluation_mode_for_the_generators_loss():
    """So what it says of each image does not depend on the others."""
    gan, batch, detector = made(), pairs(), initialised_detector(1, 0)
    fakes = gan._fakes(batch, numbers())
    found = detector_terms(batch, fakes, detector, BOTH)
    generated = Examples(fakes.inserted, [box.unsqueeze(0) for box in batch.places])
    detector.eval()
    torch.testing.assert_close(found["detector"], detector.loss(detector(generated.images), generated.boxes))
    torch.testing.assert_close(found["unrolled"], unrolled_loss(detector, generated, batch.real, RATE))


def test_the_unrolled_term_reaches_the_generator_that_inserts_and_no_other():
    gan, batch = made(), pairs()
    fakes = gan._fakes(batch, numbers())
    terms = detector_terms(batch, fakes, initialised_detector(1, 0), UNROLLED)
    torch.autograd.backward(terms["unrolled"])
    assert all(parameter.grad.abs().max() > 0 for parameter in gan.insert.parameters())
    assert all(parameter.grad is None for parameter in gan.erase.parameters())


def test_the_gradient_of_the_generators_is_clipped(monkeypatch):
    gan = made()
    monkeypatch.setattr(cycle_gan, "CLIPPED", 1e-3)
    gan._step_generators(1e3 * gan.generator_terms(pairs(), gan._fakes(pairs(), numbers()), numbers())["cycle"])
    squares = [parameter.grad.square().sum() for parameter in gan.generators.parameters()]
    assert torch.stack(squares).sum().sqrt().item() == pytest.approx(1e-3, rel=1e-3)


def test_images_are_generated_in_the_boxes_and_by_the_random_numbers():
    gan, batch = made(), pairs()
    found = gan.generate(batch.free, batch.places, numbers(3))
    assert not found.requires_grad
    assert torch.equal((found != batch.free), mask_of(batch.places, SIDE))
    assert torch.equal(found, gan.generate(batch.free, batch.places, numbers(3)))
    assert not torch.equal(found, gan.generate(batch.free, batch.places, numbers(4)))


def test_a_state_goes_on_to_the_bit():
    gan, drawn = made(), numbers()
    for seed in range(20):  # more images than a pool holds
        gan.update(pairs(seed=seed), None, NEITHER, drawn)
    state, position = copy.deepcopy(gan.state_dict()), drawn.get_state()
    other = made(seed=1)
    other.load_state_dict(state)
    results = []
    for each in (gan, other):
        drawn.set_state(position)
        results.append([each.update(pairs(seed=seed), None, NEITHER, drawn) for seed in (30, 31)])
    assert results[0] == results[1]
    assert same(gan.generators, values(other.generators))
    assert same(gan.judges, values(other.judges))


def test_the_same_seed_gives_the_same_networks_and_leaves_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    gan = made(seed=4)
    assert torch.rand(1) == expected
    assert same(gan.generators, values(made(seed=4).generators))
    assert not same(gan.generators, values(made(seed=5).generators))
    assert gan.generator_optimizer.param_groups[0]["betas"] == (0.5, 0.999)
    assert gan.judge_optimizer.param_groups[0]["lr"] == 1e-3
