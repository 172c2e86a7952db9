"""Faithfulness of maps whose faithfulness is known, against a slow reference of the scores."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import faithfulness
from red_herring.data.dataset import Dataset
from red_herring.runtime.files import StudyError
from red_herring.saliency.attribution import Maps
from sklearn.metrics import auc
from support.given import Given
from torch import nn

SIZE = 14
INSIDE = np.zeros((SIZE, SIZE), bool)
INSIDE[3:9, 4:10] = True
SHARES = [0.1, 0.3, 0.5, 0.7, 0.9]


class Linear(nn.Module):
    """y1 is the weighted sum of the pixels less a threshold, y0 is 0."""

    def __init__(self, weights, threshold=0.0):
        super().__init__()
        self.register_buffer("weights", torch.from_numpy(weights.astype(np.float32)))
        self.threshold = threshold

    def forward(self, x):
        y1 = (x[:, 0] * self.weights).sum(dim=(1, 2)) - self.threshold
        return torch.stack([torch.zeros_like(y1), y1], dim=1)


EVIDENCE = Linear(INSIDE / INSIDE.sum(), 0.4)
"""The mean of the pixels inside, of which positives have 0.8 and their surroundings 0.2."""


def pool(n=12, masks=INSIDE):
    random = np.random.default_rng(0)
    levels = np.where(INSIDE, 204, 51) + random.integers(-20, 21, (n, SIZE, SIZE))
    table = pd.DataFrame({"split": "test", "source": "s", "image": [f"i{row}" for row in range(n)]})
    return Dataset(levels.astype(np.uint8), masks, table.assign(label=1, nuisance=0), (0.0, 1.0))


def settings(*attributions, images=99, shares=SHARES, sigma=0.0):
    saliency = {"attributions": list(attributions), "smoothing_sigma": sigma, "steps": 200}
    return {"images": images, "shares": shares, "saliency": saliency}


@pytest.fixture
def given(monkeypatch):
    """given(attribution=maps, ...): those are its maps, [height, width] for all images or one for each."""

    def give(**maps):
        def attribute(name, model, data, *_, **__):
            return Maps(np.broadcast_to(maps[name], data.levels.shape).astype(np.float32))

        monkeypatch.setattr(faithfulness, "attribute", attribute)

    return give


def rows_of(attributions, model=EVIDENCE, data=None, seed=0, **how):
    analysed = faithfulness.analyse(Given(model, data or pool(), seed), settings(*attributions, **how))
    return analysed.table.set_index("attribution"), analysed.per_image, analysed.arrays


def test_a_true_map_is_better_than_chance_and_its_reverse_worse(given):
    true = INSIDE + np.random.default_rng(1).random((SIZE, SIZE)) / 2
    given(gradient=true, edges=true.max() - true)
    rows, _, _ = rows_of(["gradient", "edges"])
    right, wrong = rows.loc["gradient"], rows.loc["edges"]
    for score in ("morf_accuracy", "lerf_change", "deletion"):
        assert right[score] < right[f"chance_{score}"] <= wrong[score], score
    for score in ("lerf_accuracy", "morf_change", "insertion"):
        assert right[score] > right[f"chance_{score}"] >= wrong[score], score
    assert right["road"] > 0.1
    assert wrong["road"] == pytest.approx(-right["road"], abs=0.02)
    assert right["accuracy"] == 1


def test_it_is_faithful_to_know_the_pixels_that_speak_against_the_class(given):
    """As in the crosses, where the positives have one and the negatives two: without any, the answer is surer yet."""
    given(gradient=INSIDE + np.random.default_rng(1).random((SIZE, SIZE)) / 2)
    against = Linear(-EVIDENCE.weights.numpy(), -1.0)
    rows, _, _ = rows_of(["gradient"], against)
    assert rows.loc["gradient", "road"] > 0.1
    assert rows.loc["gradient", "without_inside"] > 0.1
    assert rows_of(["gradient"])[0].loc["gradient", "road"] == pytest.approx(rows.loc["gradient", "road"], abs=1e-6)


def test_the_gradient_of_a_linear_classifier_is_a_true_map():
    """Through the real attributions, smoothed."""
    rows, _, _ = rows_of(["gradient", "random"], sigma=1.0)
    assert rows.loc["gradient", "road"] > 0.3
    assert abs(rows.loc["random", "road"]) < 0.1


def test_a_random_map_scores_the_chance_level(given):
    """Mean over 60 images; of either order four standard errors."""
    random, data = np.random.default_rng(5), pool(60)
    given(random=random.random((60, SIZE, SIZE)))
    _, images, _ = rows_of(["random"], data=data, images=60)
    for score in (
        "morf_change",
        "lerf_change",
        "morf_accuracy",
        "deletion",
        "insertion",
        "inside_change",
        "outside_change",
    ):
        difference = images[score] - images[f"chance_{score}"]
        assert abs(difference.mean()) <= 4 * difference.std() / np.sqrt(60) + 1e-9, score
    assert (images["chance_morf_change"] == images["chance_lerf_change"]).all()


def test_chance_is_of_maps_as_smooth_as_those_of_the_attribution(given):
    """Blobs that are removed are harder to make up for than single pixels; occlusion is not smoothed."""
    given(gradient=INSIDE, occlusion=INSIDE)
    rows, _, _ = rows_of(["gradient", "occlusion"], sigma=1.5)
    assert rows.loc["gradient", "chance_morf_change"] > rows.loc["occlusion", "chance_morf_change"] + 0.01


def test_what_the_outside_is_worth(given):
    """A classifier that sees the outside only loses nothing with the inside, and the other way round."""
    given(gradient=np.random.default_rng(0).random((SIZE, SIZE)))
    for seen, kept in ((INSIDE, "outside"), (~INSIDE, "inside")):
        lost = {"inside": "outside", "outside": "inside"}[kept]
        rows, _, _ = rows_of(["gradient"], Linear(seen / seen.sum()))
        row = rows.loc["gradient"]
        assert row[f"without_{kept}"] == row[f"{kept}_change"] == row[f"chance_{kept}_change"] == 0
        assert abs(row[f"without_{lost}"]) > 0.1
        assert abs(row[f"{lost}_change"]) > 1e-4


def slow_imputation(levels, removed, noise):
    """The mean of the neighbours by their weights, until nothing changes."""
    values = np.where(removed, levels.mean(), levels.astype(float))
    for _ in range(1500):
        around, weights = np.zeros(values.shape), np.zeros(values.shape)
        for dy, dx in [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]:
            weight = 1 / 12 if dy and dx else 1 / 6
            for target, source in [
                (
                    np.s_[max(dy, 0) : SIZE + min(dy, 0), max(dx, 0) : SIZE + min(dx, 0)],
                    np.s_[max(-dy, 0) : SIZE + min(-dy, 0), max(-dx, 0) : SIZE + min(-dx, 0)],
                )
            ]:
                around[target] += weight * values[source]
                weights[target] += weight
        values = np.where(removed, around / weights, values)
    return np.clip(np.rint(np.where(removed, values + noise, values)), 0, 255)


def test_road_is_that_of_a_slow_reference(given):
    maps = np.random.default_rng(2).random((2, SIZE, SIZE))
    given(gradient=maps)
    data, shares = pool(2), [0.25, 0.6]
    _, images, arrays = rows_of(["gradient"], data=data, shares=shares)
    weights = EVIDENCE.weights.numpy().astype(float)
    for row in range(2):
        image = data.table["image"].tolist().index(images["image"][row])
        levels = data.levels[image].numpy()
        drawn = faithfulness._drawn_for(data.subset(np.array([image] * (row + 1))), row, 0)
        logit = (levels / 255 * weights).sum() - 0.4
        changes, right = {"morf": [], "lerf": []}, {"morf": [], "lerf": []}
        for share in shares:
            threshold = np.sort(maps[row].ravel())
            k = round(share * SIZE * SIZE)
            for which, gone in (("morf", maps[row] >= threshold[-k]), ("lerf", maps[row] <= threshold[k - 1])):
                assert gone.sum() == k
                answer = (slow_imputation(levels, gone, drawn.noise) / 255 * weights).sum() - 0.4
                changes[which].append(answer - logit)
                right[which].append(answer > 0)
        for which in changes:
            assert images[f"{which}_change"][row] == pytest.approx(np.mean(np.abs(changes[which])), abs=2e-4)
            assert images[f"{which}_accuracy"][row] == np.mean(right[which])
            np.testing.assert_allclose(arrays[f"{which}/gradient"][row] - logit, changes[which], atol=2e-4)
        road = np.mean(np.abs(changes["morf"])) - np.mean(np.abs(changes["lerf"]))
        assert images["road"][row] == pytest.approx(road, abs=4e-4)


def test_deletion_and_insertion_by_hand(given):
    values = np.arange(SIZE * SIZE, 0, -1.0).reshape(SIZE, SIZE)  # row by row
    given(gradient=values)
    data = pool(1)
    _, images, arrays = rows_of(["gradient"], data=data)
    levels, mean = data.levels[0].numpy(), round(float(data.levels.numpy().mean()))
    blurred = faithfulness._variants(faithfulness._drawn_for(data, 0, 0), values, np.array([0.5]), np.uint8(mean))[
        "insertion"
    ][0]
    for which, before, after in (("deletion", levels, np.full(levels.shape, mean)), ("insertion", blurred, levels)):
        logits = []
        for step in range(11):
            flat = before.ravel().copy()
            k = round(step / 10 * SIZE * SIZE)
            flat[:k] = after.ravel()[:k]
            logits.append((flat.reshape(SIZE, SIZE) / 255 * EVIDENCE.weights.numpy()).sum() - 0.4)
        np.testing.assert_allclose(arrays[f"{which}/gradient"][0], logits, atol=1e-5)
        probability = 1 / (1 + np.exp(-np.array(logits)))
        assert images[which][0] == pytest.approx(auc(np.linspace(0, 1, 11), probability), abs=1e-6)
    assert blurred.std() < levels.std()
    assert abs(blurred.mean() - levels.mean()) < 1


@pytest.mark.parametrize(
    "values", [np.random.default_rng(0).random((SIZE, SIZE)), np.zeros((SIZE, SIZE)), INSIDE * 1.0]
)
def test_exactly_the_share_goes_and_the_most_relevant_of_it(values):
    image = faithfulness._drawn_for(pool(1), 0, 0)
    flat = np.arange(256).repeat(SIZE)[: SIZE * SIZE].reshape(SIZE, SIZE).astype(np.uint8)
    order = image.ties[np.argsort(-values.ravel()[image.ties], kind="stable")]
    assert sorted(order) == list(range(flat.size))
    for share, gone in zip(SHARES, faithfulness._first(order, np.array(SHARES), flat.shape), strict=True):
        assert gone.sum() == round(share * flat.size)
        assert values[gone].min() >= values[~gone].max()


def test_the_order_of_equal_values_is_drawn_with_the_seed(given):
    given(gradient=INSIDE * 1.0)
    one, again, other = (rows_of(["gradient"], seed=seed)[1] for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, again)
    assert not np.allclose(one["lerf_change"], other["lerf_change"])


def test_an_image_is_the_same_whatever_others_there_are(given):
    given(gradient=np.random.default_rng(0).random((SIZE, SIZE)))
    _, all_images, _ = rows_of(["gradient"])
    rows, few, _ = rows_of(["gradient"], images=3)
    assert rows.loc["gradient", "images"] == 3
    pd.testing.assert_frame_equal(all_images[:3], few)


def test_removing_inside_leaves_the_outside_and_the_other_way_round():
    image = faithfulness._drawn_for(pool(1), 0, 0)
    variants = faithfulness._variants(
        image, np.random.default_rng(0).random((SIZE, SIZE)), np.array([0.5, 1.0]), np.uint8(9)
    )
    assert (variants["inside"][:, ~INSIDE] == image.levels[~INSIDE]).all()
    assert (variants["outside"][:, INSIDE] == image.levels[INSIDE]).all()
    changed = variants["inside"] != image.levels
    assert 0.3 * INSIDE.sum() < changed[0].sum() <= INSIDE.sum() / 2 < changed[1].sum()
    np.testing.assert_array_equal(variants["morf"][1], variants["lerf"][1])


def test_a_constant_map_has_no_scores_and_is_counted(given):
    maps = np.random.default_rng(0).random((12, SIZE, SIZE))
    maps[4] = 0.5
    given(gradient=maps)
    rows, images, _ = rows_of(["gradient"])
    assert rows.loc["gradient", ["images", "undefined"]].tolist() == [12, 1]
    assert images.loc[4, ["road", "morf_change", "chance_morf_change"]].isna().all()
    assert images[["without_inside", "without_outside"]].notna().all(axis=None)
    assert rows.loc["gradient", "road"] == pytest.approx(images["road"].mean())


def test_a_mask_of_the_whole_image_has_no_outside_to_lose():
    rows, _, _ = rows_of(["edges"], data=pool(masks=np.ones((SIZE, SIZE), bool)))
    row = rows.loc["edges"]
    assert row["outside_change"] == row["without_outside"] == 0
    assert row["inside_change"] == row["morf_change"]


def test_what_is_declared_is_in_the_table_and_a_run_without_masks_says_so():
    rows, _, arrays = rows_of(["gradient", "edges"])
    assert {*faithfulness.BY, *faithfulness.COLUMNS} == {*rows.reset_index()}
    assert arrays["chance/morf/edges"].shape == (12, len(SHARES))
    with pytest.raises(StudyError, match=r"^t: no positive test image has a mask, so nothing can be removed inside"):
        rows_of(["edges"], data=pool(masks=np.zeros((SIZE, SIZE), bool)))
