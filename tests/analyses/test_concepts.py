"""TCAV scores of networks whose answer to a concept is known."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import concepts
from red_herring.data.dataset import Dataset, with_carriers
from red_herring.runtime.files import StudyError
from red_herring.saliency.concepts import LinearClassifier
from scipy import stats
from support.given import Given
from torch import nn

SIZE, TRAIN, TEST, SEED = 28, 60, 16, 5
TAG = {"kind": "tag", "share": 1.0, "of": "positives", "area": 0.02}
SETS = 12
SETTINGS = {"layers": ["layer3"], "sets": SETS, "images": 8, "accuracy": 0.7}
CORNERS = np.zeros((SIZE, SIZE))
for _rows in (slice(0, 8), slice(-8, None)):
    for _columns in (slice(0, 8), slice(-8, None)):
        CORNERS[_rows, _columns] = 1


class Linear(nn.Module):
    """y1 - y0 is a weighted sum of the pixels, so that its gradient is the weights."""

    def __init__(self, weights):
        super().__init__()
        self.layer3, self.weights = nn.Identity(), torch.tensor(weights, dtype=torch.float32)

    def forward(self, x):
        score = (self.layer3(x)[:, 0] * self.weights).sum(dim=(1, 2))
        return torch.stack([-score, score], dim=1)


def pool(train=TRAIN, patients=None):
    n = train + TEST
    levels = np.random.default_rng(0).integers(75, 125, (n, SIZE, SIZE), dtype=np.uint8)
    masks = np.zeros(levels.shape, bool)
    masks[:, 12:16, 12:16] = True
    images = [f"i{row}" for row in range(n)]
    table = pd.DataFrame({"split": ["train"] * train + ["test"] * TEST, "source": "s", "image": images})
    table["patient"] = [f"p{row % patients}" for row in range(train)] + images[train:] if patients else images
    return Dataset(levels, masks, table.assign(label=np.arange(n) % 2, nuisance=0), (0.0, 1.0))


def a_run(own=CORNERS, normal=-CORNERS, signal=TAG, **of_pool):
    images = pool(**of_pool)
    base = Given(Linear(normal), images, SEED, task="clean")
    return Given(Linear(own), with_carriers(images, signal, SEED), SEED, base=base, signal=signal)


@pytest.fixture(scope="module")
def analysed():
    return concepts.analyse(a_run(), SETTINGS)


@pytest.fixture
def rows(analysed):
    return analysed.table.set_index("concept")


def test_a_network_that_answers_to_the_tag_alone_scores_1_and_one_that_answers_against_it_0(rows):
    row = rows.loc["tag"]
    assert row[["score", "score_sd", "refused"]].tolist() == [1, 0, 0]
    assert row[["normal_score", "normal_score_sd", "normal_refused"]].tolist() == [0, 0, 0]
    assert row[["images", "sets", "difference", "ks"]].tolist() == [TEST / 2, SETS, 1, 1]
    assert row["ks_p"] == pytest.approx(stats.ks_2samp(np.ones(SETS), np.zeros(SETS)).pvalue)


def test_a_score_against_the_class_is_an_alarm_but_none_towards_it(rows, analysed):
    random = analysed.per_image.query("concept == 'random_images'")
    row = rows.loc["tag"]
    assert set(random["score"]) == {0, 1}, "of random directions either"
    assert row["random_score"] == random["score"].mean()
    assert row["random_score_sd"] == random["score"].std()
    assert row["normal_t_p"] == pytest.approx(
        stats.ttest_ind([0] * SETS, random["normal_score"], equal_var=False).pvalue
    )
    assert row["normal_t_p"] < 0.05
    assert row[["alarm", "alarm_towards"]].tolist() == [1, 0]
    other = concepts.analyse(a_run(normal=CORNERS), SETTINGS).table.set_index("concept").loc["tag"]
    assert other[["alarm", "alarm_towards"]].tolist() == [1, 1]


def test_the_signal_comes_first_then_another_one_then_noise(analysed):
    assert analysed.table["concept"].tolist() == ["tag", "stripe", "random_patches"]
    of_stripe = concepts.analyse(a_run(signal={"kind": "stripe", "share": 1.0, "of": "negatives"}), SETTINGS)
    assert of_stripe.table["concept"].tolist() == ["stripe", "tag", "random_patches"]
    assert of_stripe.table.set_index("concept").loc["tag", "score"] == 0, "the corners speak against the negatives"


def test_a_vector_that_cannot_tell_its_concept_has_no_score(analysed):
    own = analysed.per_image.query("concept == 'random_patches'")
    least = own["accuracy"].max()
    found = concepts.analyse(a_run(), SETTINGS | {"accuracy": least})
    row, refused = found.table.set_index("concept").loc["random_patches"], own["accuracy"] < least
    assert 0 < row["refused"] == refused.sum() < SETS
    assert row["accuracy"] == own["accuracy"].mean(), "of all"
    assert row["score"] == own["score"][~refused].mean()
    pd.testing.assert_frame_equal(found.per_image, analysed.per_image)
    scores = found.arrays["explained/concepts/own/tcav"][:, 1]
    assert np.isnan(scores).tolist() == refused.tolist()


def test_without_any_vector_that_can_there_are_no_numbers_but_the_accuracy():
    given = pd.DataFrame({"score": np.nan, "normal_score": np.nan, "accuracy": 0.5, "normal_accuracy": 0.6}, range(4))
    random = pd.DataFrame({"score": [0.0, 0.5, 1.0], "normal_score": [0.0, 0.5, 1.0]})
    row = pd.Series(concepts._row(given, random))
    counts = ["refused", "normal_refused", "accuracy", "normal_accuracy", "random_score", "normal_random_score"]
    assert row[counts].tolist() == pytest.approx([4, 4, 0.5, 0.6, 0.5, 0.5])
    assert row.drop([*counts, "random_score_sd", "normal_random_score_sd"]).isna().all()


def test_arrays_hold_the_scores_of_the_signal_and_of_the_other_concepts(analysed):
    shapes = {name: values.shape for name, values in analysed.arrays.items()}
    who = ("own", "normal")
    assert shapes == {f"explained/known/{name}/tcav": (SETS, 1) for name in who} | {
        f"explained/concepts/{name}/tcav": (SETS, 2) for name in who
    }
    stripe = analysed.per_image.query("concept == 'stripe'")
    np.testing.assert_allclose(analysed.arrays["explained/concepts/normal/tcav"][:, 0], stripe["normal_score"])


def test_no_image_is_on_both_sides():
    """Of those with a concept, those that vectors are tried on, and those of random sets no two are of one patient."""
    run = a_run(train=120, patients=40)
    asked = concepts._asked(run, SETTINGS)
    random = [asked.sets[str(number)].table for number in range(2 * SETS)]
    parts = [asked.sets["tag"].table, asked.held["tag"].table, pd.concat(random).drop_duplicates("image")]
    patients = [set(part["patient"]) for part in parts]
    assert [len(part) for part in patients] == [8, 8, 24]
    assert len(set.union(*patients)) == 40, "all of them"
    assert all(len(part) == part["patient"].nunique() == 8 for part in random)
    assert asked.held["random_images"].table["image"].tolist() == asked.held["stripe"].table["image"].tolist()
    assert set(asked.scored.table["split"]) == {"test"}
    assert set(asked.scored.labels.tolist()) == {1}


def test_patches_are_squares_of_noise_that_follow_the_image():
    data = pool()
    found = concepts.patched(data, 1)
    changed = (found.levels != data.levels).numpy()
    for image in changed:
        places = np.argwhere(image)
        assert np.ptp(places, axis=0).max() < 7
    assert 0.95 * 49 < changed.sum(axis=(1, 2)).mean() <= 49
    rows = np.array([9, 2])
    assert (concepts.patched(data.subset(rows), 1).levels == found.levels[rows]).all()
    assert (concepts.patched(data, 2).levels != found.levels).any()


def test_too_few_patients_and_spoilt_weights_are_named():
    with pytest.raises(
        StudyError,
        match=r"^t, seed 5: its training images are of 31 patients, expected 4 times analyses.concepts.images, 32, or more;",
    ):
        concepts.analyse(a_run(patients=31), SETTINGS)
    run = a_run(normal=CORNERS)
    run.base.model.layer3 = nn.Threshold(-1, 0).requires_grad_(False)
    run.base.model.layer3.forward = lambda x: x * float("nan")
    run.base.__dict__["weights"] = "model.safetensors"
    with pytest.raises(StudyError, match=r"^model.safetensors: its activations are not finite"):
        concepts.analyse(run, SETTINGS)


@pytest.mark.parametrize(
    ("first", "second"), [([1.0], [0.0, 1.0]), ([], [0.0, 1.0]), ([1.0, 1.0], [0.0, 0.0]), ([1.0, 1.0], [1.0, 1.0])]
)
def test_too_few_scores_or_such_as_never_vary_have_no_p(first, second):
    assert np.isnan(concepts.welch_p(np.array(first), np.array(second)))


def simulated(random, features=20, images=30, sets=20, scored=40):
    """p and accuracy of a concept of nothing: activations of 1 + 2 sets of images are all of one distribution."""
    gradients = random.normal(0, 1, features) + random.normal(0, 1, (scored, features))
    classifier = LinearClassifier()

    def vector(first, second):
        labels = torch.repeat_interleave(torch.tensor([0, 1]), images)
        intercepts = classifier.train_and_eval([(torch.from_numpy(np.concatenate([second, first])), labels)])
        return classifier.weights()[1].numpy(), intercepts["intercepts"][1]

    concept, held, plain = random.normal(0, 1, (3, images, features))
    others, random_ones = random.normal(0, 1, (2, sets, images, features))
    of_concept = [vector(concept, other) for other in others]
    scores = np.array([(gradients @ weights > 0).mean() for weights, _ in of_concept])
    right = [((held @ w + b > 0).mean() + (plain @ w + b <= 0).mean()) / 2 for w, b in of_concept]
    of_random = np.array([(gradients @ vector(*pair)[0] > 0).mean() for pair in zip(random_ones, others, strict=True)])
    return concepts.welch_p(scores, of_random), np.array(right)


@pytest.mark.slow
def test_a_concept_of_nothing_is_often_significant_and_refused_by_its_accuracy():
    """As all vectors share the images of the concept, t_p is too small, which is why accuracies decide first."""
    random = np.random.default_rng(0)
    p, right = zip(*(simulated(random) for _ in range(30)), strict=True)
    assert 0.3 < np.mean(np.array(p) < 0.05) < 0.8
    assert (np.array(right) < 0.7).mean() > 0.95
