"""The detector: which level a box is on, its targets and back, its loss and the derivatives of that."""

import pytest
import torch
from red_herring.generation.boxes import iou
from red_herring.generation.detector import (
    BEND,
    LONGEST,
    STRIDES,
    Detector,
    Level,
    decode,
    focal_loss,
    initialised_detector,
    level_of,
    targets,
)
from torch.func import functional_call

BOXES = [torch.tensor([[3, 4, 8, 9], [12, 13, 23, 24]]), torch.zeros(0, 4), torch.tensor([[2.5, 1.0, 26.0, 27.5]])]
"""Of three images, on each level one box, and an image without any."""


def images(n=3, side=28, dtype=torch.float32, seed=0):
    return torch.rand(n, 1, side, side, dtype=dtype, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def perfect(boxes, like):
    """The outputs that say exactly what the targets are."""
    found = []
    for level, target in zip(like, targets(like, boxes), strict=True):
        maps = [torch.zeros_like(part) for part in level]
        for part, values in ((maps[1], target.sizes), (maps[2], target.offsets)):
            number, row, column = target.cells
            part[number, :, row, column] = values
        found.append(Level(torch.logit(target.heat, eps=1e-7), *maps[1:]))
    return tuple(found)


def test_levels_are_of_stages_2_to_4():
    outputs = Detector(2).eval()(images())
    assert [tuple(level.heat.shape) for level in outputs] == [(3, 1, 14, 14), (3, 1, 7, 7), (3, 1, 4, 4)]
    assert all(level.sizes.shape == level.offsets.shape == (3, 2, *level.heat.shape[2:]) for level in outputs)


def test_a_box_belongs_to_a_level_by_its_longer_side():
    sides = torch.tensor([[1, 1], [8, 8], [8, 9], [16, 2], [16.5, 16], [3, 200]])
    assert level_of(torch.cat([torch.zeros(6, 2), sides], dim=1)).tolist() == [0, 0, 1, 1, 2, 2]
    assert level_of(torch.zeros(0, 4)).tolist() == []


@pytest.mark.parametrize("side", [27, 28, 64])
def test_boxes_are_the_same_after_targets_and_back(side):
    like = Detector(1).eval()(images(side=side))
    boxes = [own.clamp(max=side) for own in BOXES]
    for (found, scores), own in zip(decode(perfect(boxes, like), side), boxes, strict=True):
        certain = found[scores > 0.5]
        assert len(certain) == len(own)
        if len(own):
            assert iou(own.float(), certain).amax(dim=1).tolist() == pytest.approx([1.0] * len(own), abs=1e-5)


def test_perfect_outputs_cost_next_to_nothing_and_others_more():
    detector = Detector(1).eval()
    like = detector(images())
    exact = perfect(BOXES, like)
    assert detector.loss(exact, BOXES).item() < 0.01
    moved = [own + 2 if len(own) else own for own in BOXES]
    assert detector.loss(exact, moved).item() > 1
    assert detector.loss(like, BOXES).item() > 0.1


def test_the_loss_by_hand():
    """One box of 5 pixels around cell (2, 3) of the finest level, of which all outputs are 0 but for one."""
    outputs = tuple(
        Level(torch.full((1, 1, s, s), -30.0), torch.zeros(1, 2, s, s), torch.zeros(1, 2, s, s)) for s in (14, 7, 4)
    )
    outputs[0].heat[0, 0, 2, 3] = 0.0
    box = torch.tensor([[3, 4, 8, 9]])  # its centre is (5.5, 6.5), so (2.75, 3.25) of cells
    size = abs(torch.log(torch.tensor(5 / (STRIDES[0] * LONGEST)))).item()
    expected = 0.25 * 0.6931472 + 2 * (size - BEND / 2) + 2 * (0.25 - BEND / 2)
    assert Detector(1).loss(outputs, [box]).item() == pytest.approx(expected, rel=1e-5)


def test_the_focal_loss_by_hand():
    logits, heat = torch.tensor([0.0, 0.0, 2.0]), torch.tensor([1.0, 0.5, 0.0])
    p = torch.sigmoid(torch.tensor(2.0)).item()
    expected = 0.25 * 0.6931472 + 0.5**4 * 0.25 * 0.6931472 - p**2 * torch.log(torch.tensor(1 - p)).item()
    assert focal_loss(logits, heat).item() == pytest.approx(expected, rel=1e-5)


def test_two_boxes_in_one_cell_both_count():
    detector = Detector(1).eval()
    outputs = detector(images(1))
    box, wider = torch.tensor([[3, 3, 8, 8]]), torch.tensor([[3, 2, 8, 9]])
    (target, *_) = targets(outputs, [torch.cat([box, wider])])
    assert [part.tolist() for part in target.cells] == [[0, 0], [2, 2], [2, 2]]
    one_way, other_way = (detector.loss(outputs, [torch.cat(order)]) for order in ([box, wider], [wider, box]))
    torch.testing.assert_close(one_way, other_way)  # sums in another order: equal to rounding, not to the bit


def test_no_box_at_all_has_a_loss_and_a_gradient_for_every_weight():
    detector = Detector(1)
    detector.loss(detector(images(2)), [torch.zeros(0, 4)] * 2).backward()
    assert all(parameter.grad is not None for parameter in detector.parameters())


def test_predictions_are_within_the_image_the_best_first_and_no_duplicates():
    detector = initialised_detector(2, 3)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    found = detector.predict(images(seed=1))
    assert detector.training
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    for boxes, scores in found:
        assert len(boxes) == len(scores) > 0
        assert scores.tolist() == sorted(scores.tolist(), reverse=True)
        assert boxes.min() >= 0
        assert boxes.max() <= 28
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert iou(boxes, boxes).fill_diagonal_(0).max() <= 0.5


def test_a_pass_in_training_updates_every_statistic_once():
    detector = Detector(1)
    detector(images())
    counts = [value.item() for name, value in detector.named_buffers() if name.endswith("num_batches_tracked")]
    assert counts == [1] * len(counts)


def test_functional_calls_with_cloned_buffers_leave_the_detector_alone():
    detector = initialised_detector(1, 0)
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    own = dict(detector.named_parameters()) | {name: value.clone() for name, value in detector.named_buffers()}
    found = functional_call(detector, own, (images(),))
    assert all(torch.equal(value, before[name]) for name, value in detector.state_dict().items())
    expected = detector(images())
    assert all(torch.equal(a.heat, b.heat) for a, b in zip(found, expected, strict=True))


def derivative(function, x, direction, step):
    with torch.no_grad():
        return (function(x + step * direction) - function(x - step * direction)) / (2 * step)


@pytest.mark.parametrize("training", [True, False])
def test_first_and_second_derivatives_agree_with_finite_differences(training):
    """Of the loss along the images, and of the squared gradient of all weights along the images, best of three steps."""
    detector = initialised_detector(2, 5).double().train(training)
    generator = torch.Generator().manual_seed(1)
    x = images(dtype=torch.float64).requires_grad_()
    direction = torch.randn(x.shape, dtype=torch.float64, generator=generator)
    direction /= direction.norm()

    def loss(x):
        return detector.loss(detector(x), BOXES)

    def squared_gradient(x):
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss(x), list(detector.parameters()), create_graph=True)
        return sum(gradient.square().sum() for gradient in gradients)

    for function in (loss, squared_gradient):
        (gradient,) = torch.autograd.grad(function(x), x)
        exact = (gradient * direction).sum()
        found = [derivative(function, x.detach(), direction, step) for step in (1e-5, 1e-6, 1e-7)]
        assert min(abs(value - exact) for value in found) < 1e-6 * gradient.norm()


def test_the_same_seed_gives_the_same_detector_and_leaves_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    a, b = initialised_detector(1, 7), initialised_detector(1, 7)
    assert torch.rand(1) == expected
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
