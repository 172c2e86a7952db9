"""How many images of each cell a split has; tests/data/test_splits.py compares with what is drawn."""

import pytest
from red_herring.study.cells import Sizes, cell_counts


@pytest.mark.parametrize(("ratio", "train", "opposed"), [(0.98, 40, 0), (0.98, 60, 1), (0.98, 500, 5), (1.0, 500, 0)])
def test_opposed_images_of_training_by_hand(ratio, train, opposed):
    """Half of 40 are 20 of a class, of which 19.6 are aligned, rounded to all 20."""
    counts = cell_counts(Sizes(train, 40, 40), ratio)
    assert [counts["train", 0, 1], counts["train", 1, 0]] == [opposed, opposed]


@pytest.mark.parametrize(
    ("selection", "empty"), [("shifted", [(0, 0), (1, 1)]), ("in_distribution", [(0, 1), (1, 0)]), ("balanced", [])]
)
def test_cells_of_validation_that_ratio_1_leaves_empty(selection, empty):
    counts = cell_counts(Sizes(500, 128, 128), 1.0, selection)
    assert [cell for split, *cell in counts if split == "valid" and not counts["valid", *cell]] == list(
        map(list, empty)
    )
