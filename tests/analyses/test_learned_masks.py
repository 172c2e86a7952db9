"""Scores of masks that are made by hand, beside those to set them against."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.analyses import _masks, learned_masks
from red_herring.analyses.base import Run, check_declared
from red_herring.networks.masker import initialised_masker
from red_herring.networks.resnet import ResNet18
from red_herring.runtime.files import StudyError, write_json
from red_herring.runtime.hardware import Hardware
from red_herring.saliency.localisation import measured
from scipy import ndimage
from sklearn.metrics import average_precision_score
from support.prepared_crosses import prepared_crosses

BOX = 100.0
"""What the classifier of these tests adds to y1 for a pixel in the left corner, and takes for one in the right."""


class ByTheBox(ResNet18):
    """y1 - y0 is how much brighter the box is at the left than at the right."""

    def __init__(self):
        torch.manual_seed(0)
        super().__init__(2)

    def forward(self, x):
        difference = x[:, 0, 21:23, :3].mean(dim=(1, 2)) - x[:, 0, 21:23, 25:].mean(dim=(1, 2))
        answer = torch.stack([torch.zeros_like(difference), BOX * difference], dim=1)
        return answer + 0 * super().forward(x)  # for attributions that look at its layers


class Everywhere(torch.nn.Module):
    """A masker whose mask is the same for all images."""

    def __init__(self, mask, collapsed=False):
        super().__init__()
        self.mask, self.collapsed = torch.from_numpy(mask).float(), torch.tensor(collapsed)

    def forward(self, activations, side):
        return torch.where(self.mask > 0, 50.0, -50.0).expand(len(activations[0]), 1, side, side)


def a_run(folder, model=None, maskers=None, record=None, signal=None, **settings):
    table = prepared_crosses(folder / "crosses", **settings)
    table["patient"] = table["image"]
    pd.concat([table, table.assign(split="train")])[
        ["source", "image", "row", "patient", "label", "nuisance", "split"]
    ].to_csv(folder / "split.csv", index=False)
    write_json(folder / "maskers.json", {"arms": record or {}})
    run = Run(
        "t", "m", 0, folder / "model", folder / "split.csv", [folder / "crosses" / "images.npy"], {"kind": "source"}, 5,
        Hardware(torch.device("cpu"), "float32"), signal=signal, masker_file=folder / "maskers.safetensors",
    )  # fmt: skip
    vars(run).update({"model": (model or ResNet18(2)).eval().requires_grad_(False), "maskers": maskers or {}})
    return run


def analysed(run):
    found = learned_masks.analyse(run, {})
    check_declared("learned_masks", found.table, learned_masks.BY, learned_masks.COLUMNS)
    return found, found.table.set_index("arm")


FITTED = {
    "kept_0": 0.95,
    "kept_1": 1.0,
    "collapsed": False,
    "settings": {"infill": "mean", "examples": None, "draw": 1},
}
LEFT = np.zeros((28, 28), bool)
LEFT[21:23, :3] = True


@pytest.fixture(scope="module")
def by_the_box(tmp_path_factory):
    """A classifier that goes by the box, two maskers that cover the left box, and one that has collapsed."""
    few = {**FITTED, "settings": {"infill": "mean", "examples": 10, "draw": 2}}
    maskers = {"fixed": Everywhere(LEFT), "few": Everywhere(LEFT), "joint": Everywhere(LEFT, collapsed=True)}
    record = {"fixed": FITTED, "few": few, "joint": {"kept_0": 0.0, "kept_1": 1.0, "collapsed": True}}
    run = a_run(tmp_path_factory.mktemp("run"), ByTheBox(), maskers, record)
    return run, *analysed(run)


def test_every_masker_and_everything_to_set_it_against_has_a_row(by_the_box):
    _, found, table = by_the_box
    assert list(table.index) == ["fixed", "few", "joint", *_masks.REFERENCES]
    assert table["reference"].tolist() == [0, 0, 0] + [1] * len(_masks.REFERENCES)
    assert table.loc["few", ["examples", "draw", "kept_0"]].tolist() == [10, 2, 0.95]
    assert table.loc["fixed", ["examples", "draw"]].isna().all()
    assert len(found.per_image) == 24 * len(table)


def test_a_collapsed_masker_has_no_score(by_the_box):
    _, found, table = by_the_box
    joint = table.loc["joint"]
    assert joint[["collapsed", "kept_0", "kept_1"]].tolist() == [1, 0, 1]
    scores = [*learned_masks.SCORES, *learned_masks.ON_NUISANCE, "pxap", "iou_0"]
    assert joint[scores].isna().all()
    assert (
        found.per_image.query("arm == 'joint'")[[*learned_masks.SCORES, *learned_masks.ON_NUISANCE]]
        .isna()
        .all(axis=None)
    )
    assert joint["mean_mask"] == pytest.approx(6 / 784)
    assert table.loc["fixed", scores].notna().all()


def test_a_mask_of_ones_has_the_scores_that_can_be_counted(by_the_box):
    run, _, table = by_the_box
    ones = table.loc["ones"]
    boxes = [np.ptp(np.nonzero(mask), axis=1) + 1 for mask in run.test.masks.numpy()[run.test.labels == 1]]
    areas = np.prod(boxes, axis=1)
    assert ones["f1"] == pytest.approx(np.mean(2 * areas / (areas + 784)))
    assert (ones["le"], ones["mean_mask"], ones["undefined"]) == (1, 1, 12)
    assert ones[["test_kept_0", "test_kept_1"]].tolist() == [1, 1], "all is inside"
    assert ones["pxap"] == pytest.approx(run.test.masks.numpy()[run.test.labels == 1].mean())
    assert table.loc["zeros", ["f1", "mean_mask", "undefined"]].tolist() == [0, 0, 12]


def test_the_true_box_is_found_and_counts_as_om_only_where_the_classifier_is_right(by_the_box):
    run, found, table = by_the_box
    true = table.loc["true_box"]
    assert (true["le"], true["f1"]) == (0, 1)
    right = (run.test.groups == run.test.labels).numpy()
    assert true["om"] == pytest.approx(1 - right[run.test.labels == 1].mean())
    images = found.per_image.query("arm == 'true_box' and label == 0")
    masks = _masks.reference_masks(run, "true_box", run.test)[(run.test.labels == 0).numpy()]
    apart = np.array([ndimage.label(mask)[1] == 2 for mask in masks])
    assert (images["le"][apart] == 0).all(), "one of two boxes is enough"
    assert 0 < apart.sum() < len(apart)
    assert images["f1a"].mean() < 0.75


def test_the_saliency_metric_is_of_the_label_and_the_area(by_the_box):
    run, found, _ = by_the_box
    images = found.per_image.query("arm == 'ones'")
    logits = run.model(run.test.batch(slice(None)).images).double()
    expected = -logits.log_softmax(dim=1).gather(1, run.test.labels[:, None])[:, 0]
    np.testing.assert_allclose(images["sm"], expected, atol=1e-6)
    # The left box alone, which is below the floor: white where it is there, and if not black or part of a cross.
    fixed = found.per_image.query("arm == 'fixed' and nuisance == 1")
    p = 1 / 2  # a crop of one level is as bright at the left as at the right
    np.testing.assert_allclose(fixed["sm"], np.log(0.05) - np.log(p), atol=1e-6)


def test_scores_of_pixels_are_those_of_localisation(by_the_box):
    run, found, table = by_the_box
    masks = run.test.masks.numpy()
    inputs = run.test.levels.numpy() / 255
    images = found.per_image.query("arm == 'input'")
    for measure, values in measured(inputs, masks)[[*learned_masks.PIXELS]].items():
        np.testing.assert_allclose(images[measure], values, atol=1e-6)
    positive = (run.test.labels == 1).numpy()
    expected = average_precision_score(masks[positive].ravel(), inputs[positive].ravel())
    assert table.loc["input", "pxap"] == pytest.approx(expected)
    assert table.loc["input", "iou_0"] == pytest.approx(images.query("label == 0")["iou"].mean())


def test_what_is_inside_is_what_the_classifier_needs(by_the_box):
    run, found, table = by_the_box
    images = found.per_image.query("arm == 'fixed'").reset_index(drop=True)
    np.testing.assert_array_equal(images["right"] == 1, run.test.groups == run.test.labels)
    assert table.loc["fixed", "test_kept_1"] == 1, "the left box stays"
    assert images["kept"].notna().all(), "also of those that are told wrong"
    assert table.loc["zeros", ["test_kept_0", "test_kept_1"]].tolist() == [0.5, 0.5], "an empty image is of class 0"


def test_what_is_outside_is_filled_as_the_masker_was_fitted(tmp_path, monkeypatch):
    record = {"mine": {**FITTED, "settings": {"infill": "shuffled", "examples": 1, "draw": 1}}}
    run = a_run(tmp_path, maskers={"mine": Everywhere(LEFT)}, record=record)
    asked, fill = [], learned_masks.fill

    def noting(images, infill, mean, generator):
        asked.append((infill, mean))
        return fill(images, infill, mean, generator)

    monkeypatch.setattr(learned_masks, "fill", noting)
    analysed(run)
    mean = pytest.approx(run.data("train").levels.double().mean().item() / 255)
    batches = 5  # of 24 images
    assert asked[:batches] == [("shuffled", mean)] * batches
    assert {infill for infill, _ in asked[batches:]} == {"mean"}


def test_the_mask_that_covers_the_box_has_it_and_its_loss_changes_the_answer(by_the_box):
    _, found, table = by_the_box
    fixed = found.per_image.query("arm == 'fixed'")
    clear = fixed[fixed["chance_nuisance_iou"] == fixed["chance_nuisance_iou"].max()]  # no stroke lies over the box
    assert (clear.query("nuisance == 1")["nuisance_iou"] == 1).all()
    assert (clear.query("nuisance == 0")["nuisance_mass"] < 1e-6).all()
    assert table["nuisance_images"].eq(24).all()
    assert (table["nuisance_change"] == table["nuisance_change"].iloc[0]).all()
    assert table["nuisance_change"].iloc[0] == pytest.approx(BOX, rel=0.2)
    assert table["logit_sd"].iloc[0] == pytest.approx(BOX, rel=0.2)


def test_its_change_has_the_sign_of_the_class(tmp_path):
    run = a_run(tmp_path, ByTheBox())
    table = run.listed("test", "train")
    keep = table["label"] != table["nuisance"]  # positives have the box at the right, as in a shifted test
    pd.read_csv(run.split)[lambda rows: rows["image"].isin(table["image"][keep])].to_csv(run.split, index=False)
    row = analysed(run)[1].loc["ones"]
    assert row["nuisance_change_1"] > 0.8 * BOX
    assert row["nuisance_change_0"] < -0.8 * BOX
    # Without the box all are of class 0, as which negatives were told wrong before.
    assert row[["nuisance_flips_0", "nuisance_flips_1"]].tolist() == [1, 0], "without the box all are of class 0"


def test_a_planted_signal_is_the_nuisance_of_its_task(tmp_path):
    signal = {"kind": "tag", "area": 0.02, "share": 1.0, "of": "positives"}
    run = a_run(tmp_path, signal=signal, equalise="pixels", box="none")
    planted, pixels = run.planted(run.test)
    found, table = analysed(run)
    images = found.per_image.query("arm == 'input'")
    expected = measured(planted.levels.numpy() / 255, pixels)
    np.testing.assert_allclose(images["nuisance_mass"], expected["mass"], rtol=1e-6)
    np.testing.assert_allclose(images["mass"], measured(run.test.levels.numpy() / 255, run.test.masks.numpy())["mass"])
    assert (table["nuisance_images"] == 24).all()
    assert (table["nuisance_change"] > 0).all()


def test_where_nobody_knows_the_nuisance_nothing_is_said_of_it(tmp_path):
    table = analysed(a_run(tmp_path, box="none"))[1]
    assert table[[*learned_masks.ON_NUISANCE, "nuisance_change", "logit_sd"]].isna().all(axis=None)
    assert (table["nuisance_images"] == 0).all()


def test_masks_to_set_others_against(by_the_box):
    run = by_the_box[0]
    masks = {name: _masks.reference_masks(run, name, run.test) for name in _masks.REFERENCES}
    for name, own in masks.items():
        assert own.dtype == np.float32, name
        assert (own.shape, own.min() >= 0, own.max() <= 1) == (run.test.levels.shape, True, True), name
    assert masks["centre_box"][0].nonzero()[0].min() == 4
    assert masks["centre_box"][0].sum() == 20 * 20
    np.testing.assert_array_equal(masks["centre_gaussian"][0], masks["centre_gaussian"][1][::-1, ::-1])
    for name in ("centre_gaussian", "grad_cam", "guided_backprop", "gradient"):
        span = np.ptp(masks[name], axis=(1, 2))
        assert np.isclose(span, 1, atol=1e-6).sum() + (span == 0).sum() == len(span), name


def test_of_224_pixels_the_box_in_the_middle_is_half_of_the_image():
    assert [round(end * 224) for end in _masks.CENTRE] == [33, 191]
    assert abs((191 - 33) ** 2 / 224**2 - 1 / 2) < 0.01


def test_a_masker_reads_the_classifier_and_gives_the_same_in_any_batches(tmp_path):
    torch.manual_seed(0)
    run = a_run(tmp_path, ResNet18(2).eval())
    masker = initialised_masker(2, "all", 28, 0).eval()
    found = _masks.learned_masks(run, masker, run.test)
    with torch.no_grad():
        _, activations = run.model.logits_and_stages(run.test.batch(slice(None)).images)
        expected = masker(activations, 28).sigmoid()[:, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.std() > 0


def test_examples_are_of_both_classes_and_as_they_are(by_the_box):
    run, found, _ = by_the_box
    rows = found.arrays["example_rows"]
    assert run.test.labels.numpy()[rows].tolist() == [1] * 4 + [0] * 4
    assert found.arrays["example_label"].tolist() == [1] * 4 + [0] * 4
    np.testing.assert_array_equal(found.arrays["example_image"], run.test.levels.numpy()[rows])
    np.testing.assert_array_equal(found.arrays["example/fixed"] > 127, np.broadcast_to(LEFT, (8, 28, 28)))
    assert found.arrays["example/zeros"].max() == 0


def test_without_a_mask_there_is_nothing_to_localise(tmp_path):
    run = a_run(tmp_path)
    np.save(tmp_path / "crosses" / "masks.npy", np.zeros((24, 28, 28), np.uint8))
    with pytest.raises(StudyError, match="no positive test image has a mask"):
        learned_masks.analyse(run, {})
