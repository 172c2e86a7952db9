"""What masks do to the answers of a classifier: what is kept, and when a masker has collapsed."""

import numpy as np
import pytest
import torch
from conftest import make_tiny_data
from red_herring.data.dataset import Dataset
from red_herring.networks.masker import Masker
from red_herring.networks.resnet import Batch, ResNet18
from red_herring.runtime.hardware import Hardware
from red_herring.training.masking import Answers, Masking, Measured, Tally, mean_of, measured

CPU = Hardware(torch.device("cpu"), "float32")


class Bright(ResNet18):
    """Tells an image as 1 where its pixels sum to more than one; activations are the image itself."""

    def logits_and_stages(self, x):
        return self(x), [x]

    def forward(self, x):
        return torch.stack([torch.ones(len(x)), x.flatten(1).sum(dim=1)], dim=1)


class Uniform(Masker):
    """The same everywhere, or open where the activations are above a threshold."""

    def __init__(self, value, above=None):
        super().__init__(1, (1,), 1)
        self.value, self.above = value, above

    def forward(self, activations, side):
        if self.above is not None:
            return torch.where(activations[0] > self.above, 100.0, -100.0)
        return torch.full_like(activations[0], self.value).logit()


def pictures(values, labels):
    """2 x 2 pixels of these levels of 255."""
    data = make_tiny_data(len(values), 16)
    table = data.table.assign(label=labels)
    levels = np.array(values, np.uint8).reshape(-1, 2, 2)
    return Dataset(levels, np.ones((2, 2), bool), table, (0.0, 1.0))


DATA = pictures([[255, 255, 0, 0], [255, 0, 0, 0], [51, 255, 0, 0], [255] * 4, [0] * 4], [1, 0, 1, 0, 0])
"""Sums 2, 1, 1.2, 4 and 0: told as 1, 0, 1, 1 and 0, so all are right but the fourth."""


def measure(masker, data=DATA, batch_size=2):
    return measured(Bright(1).eval(), masker, data, "mean", batch_size, 0, CPU)


def test_the_mean_is_that_of_the_pixels_in_their_range():
    levels = np.random.default_rng(0).integers(0, 256, (5, 3, 3), dtype=np.uint8)
    data = Dataset(levels, np.ones((3, 3), bool), DATA.table, (-1024.0, 1024.0))
    assert mean_of(data) == pytest.approx((levels.astype(float) / 255 * 2048 - 1024).mean())
    assert mean_of(data) == pytest.approx(data.batch(slice(None)).images.mean().item(), rel=1e-5)


def test_of_an_open_mask_all_is_kept_and_its_area_is_one():
    assert measure(Uniform(1 - 1e-7)) == Measured(1.0, 1.0, pytest.approx(1.0))


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_what_is_kept_is_a_share_of_what_is_told_right(batch_size):
    """Open at white pixels alone, black is filled with the mean, (2 + 1 + 1.2 + 4) / 20 = 0.41: sums 2 + 0.82 and
    1 + 1.23, told as 1, which is wrong for the second; 1 + 1.23 still right; the fourth is none of them; 1.64 wrong.
    """
    found = measure(Uniform(0, above=0.9), batch_size=batch_size)
    assert (found.kept_0, found.kept_1) == (0.0, 1.0)
    assert found.area == pytest.approx((2 + 1 + 1 + 4 + 0) / 20)


def test_an_empty_mask_is_one_image_to_the_classifier():
    """All are told as 1: the fill sums to 1.64."""
    assert measure(Uniform(1e-7)) == Measured(0.0, 1.0, pytest.approx(0.0, abs=1e-6))


def test_what_is_told_right_by_its_fill_alone_is_not_kept():
    """Of an empty mask all sum to 4 / 3, told as 1; the second, black, is told as 0 as it is, which is wrong."""
    found = measure(Uniform(1e-7), pictures([[255] * 4, [0] * 4, [0] * 4], [1, 1, 0]))
    assert (found.kept_0, found.kept_1) == (0.0, 1.0)


def test_of_a_class_that_is_never_told_right_nothing_is_kept():
    data = pictures([[255] * 4, [255] * 4], [0, 1])
    found = measure(Uniform(1 - 1e-7), data)
    assert (found.kept_0, found.kept_1) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("kept", "objectives", "collapsed"),
    [
        ((1.0, 1.0), "both", False),
        ((0.9, 0.9), "both", False),
        ((0.89, 1.0), "both", True),
        ((1.0, 0.89), "in", True),
        ((0.0, 1.0), "out", False),
    ],
)
def test_below_nine_in_ten_of_either_class_it_has_collapsed(kept, objectives, collapsed):
    assert Measured(*kept, area=0.2).collapsed(objectives) is collapsed


def test_the_tally_counts_images_not_batches():
    tally = Tally()
    for size, area in ((3, 0.2), (1, 0.6)):
        logits = torch.tensor([[1.0, 0.0]]).expand(size, 2)
        mask = torch.full((size, 1, 2, 2), area)
        tally.add(torch.zeros(size, dtype=torch.int64), Answers(mask, torch.ones(size, dtype=torch.bool), logits, None))
    assert tally.measured() == Measured(1.0, 0.0, pytest.approx(0.3))


def test_only_what_is_asked_for_passes_in_one_batch():
    seen = []

    class Seeing(Bright):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    batch: Batch = DATA.batch(slice(0, 3))
    for objectives, passes, given in (("in", 1, (True, False)), ("out", 1, (False, True)), ("both", 2, (True, True))):
        seen.clear()
        answers = Masking(Seeing(1).eval(), Uniform(0.5), "mean", 0.4, CPU).answers(
            batch, objectives, torch.Generator()
        )
        assert seen == [3, 3 * passes], "the images as they are, and then what is masked"
        assert (answers.inside is not None, answers.outside is not None) == given


def test_inside_and_outside_are_not_mixed_up():
    """Open at white: of (1, 0.2, 0, 0) there is 1 inside and 0.2 outside, the rest black by a fill of 0."""
    answers = Masking(Bright(1).eval(), Uniform(0, above=0.9), "mean", 0.0, CPU).answers(
        DATA.batch(slice(2, 3)), "both", torch.Generator()
    )
    assert answers.inside[0, 1].item() == pytest.approx(1.0)
    assert answers.outside[0, 1].item() == pytest.approx(0.2)
    assert answers.right.tolist() == [True]


def test_a_classifier_in_training_is_refused():
    with pytest.raises(ValueError, match="put it in evaluation mode"):
        Masking(ResNet18(1), Uniform(0.5), "mean", 0.0, CPU)


def test_a_random_fill_is_the_same_each_time():
    masker = Uniform(0.5)
    twice = [
        torch.cat([answers.inside for _, answers in
                   Masking(Weighing(1).eval(), masker, "shuffled", 0.0, CPU).over(DATA, "in", 2, seed)])
        for seed in (0, 0, 1)
    ]  # fmt: skip
    assert torch.equal(twice[0], twice[1])
    assert not torch.equal(twice[0], twice[2])


class Weighing(Bright):
    """Its answer depends on where pixels are."""

    def forward(self, x):
        return x.flatten(1)[:, :2]
