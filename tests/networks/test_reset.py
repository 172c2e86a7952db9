"""Networks of which blocks are reset."""

import copy

import pytest
import torch
from red_herring.networks.reset import BLOCKS, randomised
from red_herring.networks.resnet import ResNet18, initialised
from torch import nn


def trained(width=4):
    """With statistics, weights and biases that no untrained network has."""
    model = initialised(width, 0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, mean in ((module.weight, 1.5), (module.bias, 0.5), (module.running_mean, 2.0)):
                nn.init.normal_(values, mean, 0.1)
            nn.init.uniform_(module.running_var, 2, 3)
    return model


def names_of(block):
    """The names in `state_dict` that belong to a block."""
    names = trained().state_dict()
    stems = ("conv1.", "bn1.") if block == "stem" else (f"{block}.",)
    return {name for name in names if name.startswith(stems) and not name.endswith("num_batches_tracked")}


def changed(before, after):
    other = after.state_dict()
    return {name for name, values in before.state_dict().items() if not torch.equal(values, other[name])}


def test_the_blocks_are_the_whole_network_from_the_top_down():
    names = [name for name in trained().state_dict() if not name.endswith("num_batches_tracked")]
    order = {name: place for place, block in enumerate(reversed(BLOCKS)) for name in names_of(block)}
    assert order.keys() == set(names)
    assert sorted(names, key=order.get) == names
    assert len(BLOCKS) == 10


@pytest.mark.parametrize("block", BLOCKS)
def test_a_reset_changes_its_block_and_nothing_else(block):
    model = trained()
    statistics = {name for name in names_of(block) if "running" in name}
    after = randomised(model, [block], 1, keep_statistics=False)
    assert changed(model, after) == names_of(block)
    assert changed(model, randomised(model, [block], 1, keep_statistics=True)) == names_of(block) - statistics
    assert statistics or block == "fc"


@pytest.mark.parametrize("keep", [False, True])
def test_normalisations_are_those_before_training_but_for_statistics_that_are_kept(keep):
    model = trained()
    after = randomised(model, BLOCKS, 1, keep)
    untrained = ResNet18(4).state_dict()
    for name, values in after.state_dict().items():
        if "bn" in name or "downsample.1" in name:
            kept = keep and ("running" in name or "num_batches" in name)
            assert torch.equal(values, model.state_dict()[name] if kept else untrained[name]), name


def test_the_arms_answer_differently():
    model, images = trained(), torch.rand(3, 1, 28, 28)
    kept, reset = (randomised(model, BLOCKS, 1, keep) for keep in (True, False))
    assert torch.equal(kept.layer3[0].conv1.weight, reset.layer3[0].conv1.weight)
    assert (kept(images) - reset(images)).abs().max() > 1e-3


def test_weights_are_drawn_as_those_of_the_untrained_network():
    after, fresh = randomised(trained(16), BLOCKS, 5, keep_statistics=False), initialised(16, 1)
    assert after.fc.bias.abs().max() > 0
    for (name, ours), theirs in zip(after.named_parameters(), fresh.parameters(), strict=True):
        if ours.numel() > 500:
            spread = theirs.std().item()
            assert ours.std().item() == pytest.approx(spread, rel=4 / ours.numel() ** 0.5), name
            assert abs(ours.mean().item()) < 4 * spread / ours.numel() ** 0.5, name
    bound = 1 / 128**0.5
    assert 0.9 * bound < after.fc.weight.abs().max() < bound  # uniform, where convolutions are normal


def test_the_original_and_the_random_numbers_of_torch_are_left_as_they_were():
    model = trained().train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    after = randomised(model, BLOCKS, 1, keep_statistics=False)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(module.training for module in after.modules())
    assert not any(parameter.requires_grad for parameter in after.parameters())
    pointers = {values.data_ptr() for values in model.state_dict().values()}
    assert not pointers & {values.data_ptr() for values in after.state_dict().values()}


def test_same_draw_same_bytes_and_another_seed_another_draw():
    model = trained()
    first, again, other = (randomised(model, BLOCKS, seed, keep_statistics=True) for seed in (3, 3, 4))
    assert not changed(first, again)
    weights = {name for name in changed(first, other) if name.endswith("weight")}
    assert weights == {name for name, values in model.named_parameters() if values.dim() > 1}


def test_what_a_block_draws_does_not_depend_on_the_others():
    """So the first blocks of a cascade are those of a longer one, and each is the one reset by itself."""
    model = trained()
    whole = randomised(model, BLOCKS, 2, keep_statistics=False).state_dict()
    for number in range(1, len(BLOCKS) + 1):
        for blocks in (BLOCKS[:number], [BLOCKS[number - 1]]):
            some = randomised(model, blocks, 2, keep_statistics=False).state_dict()
            for block in blocks:
                assert all(torch.equal(some[name], whole[name]) for name in names_of(block))


def test_a_folded_network_is_refused():
    with pytest.raises(ValueError, match="folded"):
        randomised(trained().eval().folded(), BLOCKS, 1, keep_statistics=True)


def test_blocks_of_one_shape_are_drawn_apart():
    after = randomised(trained(), BLOCKS, 1, keep_statistics=True)
    assert not torch.equal(after.layer4[1].conv1.weight, after.layer4[1].conv2.weight)
    assert not torch.equal(after.layer1[0].conv1.weight, after.layer1[1].conv1.weight)
