"""The optimiser that does not import the compiler."""

import pytest
import torch
from red_herring.methods.base import Adam
from torch import nn


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_is_pytorchs_own_to_the_bit_and_goes_on_from_its_state(decay):
    torch.manual_seed(0)
    mine, theirs = (nn.Parameter(torch.linspace(-1, 1, 12)) for _ in range(2))
    gradients = torch.randn(6, 12)
    optimizer, other = Adam([mine], 1e-2, decay), torch.optim.Adam([theirs], lr=1e-2, weight_decay=decay, fused=True)
    for number, gradient in enumerate(gradients):
        if number == 3:
            state = optimizer.state_dict()
            optimizer = Adam([mine], 1.0)
            optimizer.load_state_dict(state)
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        optimizer.step(), other.step()
        optimizer.zero_grad()
        assert torch.equal(mine, theirs)
        assert mine.grad is None
