"""Boxes as tables, which give back what was measured, and images to be shown with one box each."""

import numpy as np
import pandas as pd
import torch
from red_herring.generation.detection_data import Owned
from red_herring.generation.detection_metrics import detection_measures
from red_herring.generation.detection_tables import PREDICTIONS, TRUTHS, predictions_table, shown_arrays, truths_table
from red_herring.generation.examples import Examples
from red_herring.generation.experiment import SHOWN
from red_herring.generation.study_data import levels_of
from support.to_detect import TEST


def boxes(*rows):
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 4)


IMAGES = torch.linspace(-1, 1, 4 * 16).view(4, 1, 4, 4)
FOUR = Examples(IMAGES, [boxes([0, 0, 2, 2], [2, 2, 4, 4]), boxes(), boxes([1, 0, 3, 2]), boxes()])
OWNED = Owned(FOUR, ["p", "p", "NA", "q"], ["a", "b", "c", "NA"])
FOUND = [(torch.tensor([[0.5, 0, 2, 2.5]]), torch.tensor([0.9])), (torch.zeros(0, 4), torch.zeros(0))] * 2


def test_every_true_box_has_a_row_and_so_has_an_image_without_one():
    table = truths_table(OWNED)
    assert table.columns.tolist() == TRUTHS
    assert table.to_csv(index=False).splitlines()[1:] == [
        "a,p,0,0,2,2", "a,p,2,2,4,4", "b,p,,,,", "c,NA,1,0,3,2", "NA,q,,,,",
    ]  # fmt: skip


def test_every_predicted_box_has_a_row():
    table = predictions_table(FOUND, OWNED)
    assert table.columns.tolist() == PREDICTIONS
    assert table.to_csv(index=False).splitlines()[1:] == [
        f"{own},0.5,0.0,2.0,2.5,0.8999999761581421" for own in ("a,p", "c,NA")
    ]


def test_no_prediction_at_all_is_a_table_without_rows():
    table = predictions_table([FOUND[1]] * 4, OWNED)
    assert table.to_csv(index=False) == ",".join(PREDICTIONS) + "\n"


def test_measures_can_be_computed_from_the_tables():
    """Those of a paired bootstrap are."""
    names = [f"i{row}" for row in range(len(TEST.examples))]
    test = Owned(TEST.examples, TEST.patients, names)
    random = torch.Generator().manual_seed(0)
    found = [(own.float().repeat(3, 1) + torch.rand(3 * len(own), 4, generator=random), torch.rand(3 * len(own)))
             for own in test.examples.boxes]  # fmt: skip
    truths, predictions = truths_table(test), predictions_table(found, test)
    whole = truths.dropna()
    true = [boxes(*whole.loc[whole["image"] == name, TRUTHS[2:]].to_numpy(np.int64).tolist()) for name in names]
    again = [
        (torch.tensor(own[PREDICTIONS[2:6]].to_numpy()), torch.tensor(own["score"].to_numpy()))
        for own in (predictions[predictions["image"] == name] for name in names)
    ]
    patients = truths.drop_duplicates("image")["patient"]
    expected = detection_measures(found, test.examples.boxes, test.patients, 20)
    pd.testing.assert_frame_equal(detection_measures(again, true, patients.tolist(), 20), expected)


def test_what_is_shown_has_one_box_in_each_row():
    shown = shown_arrays(FOUR, TEST.examples)
    assert shown["boxes"].tolist() == [[0, 0, 2, 2], [2, 2, 4, 4], [1, 0, 3, 2]]
    assert np.array_equal(shown["images"].numpy(), levels_of(IMAGES)[[0, 0, 2]])
    assert shown["images"].dtype == torch.uint8
    assert shown["real_images"].shape == (5, 28, 28)
    assert shown["real_boxes"].dtype == torch.int64
    many = Examples(IMAGES[:1].expand(12, -1, -1, -1), [boxes([0, 0, 2, 2])] * 12)
    assert len(shown_arrays(many, FOUR)["boxes"]) == SHOWN
