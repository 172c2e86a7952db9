"""Images of a drawn split in memory."""

import numpy as np
import pandas as pd
import pytest
import torch
from red_herring.data.dataset import check_masks, load
from red_herring.data.masks import BITS
from red_herring.runtime.files import StudyError, write_json


def prepared(folder, name, levels, masks=None, pixel_range=(-1024.0, 1024.0)):
    (folder / name).mkdir()
    np.save(folder / name / "images.npy", levels)
    np.save(folder / name / "masks.npy", np.zeros((0, *levels.shape[1:]), np.uint8) if masks is None else masks)
    write_json(folder / name / "source.json", {"size": levels.shape[1], "pixel_range": pixel_range})
    return folder / name


@pytest.fixture
def two_sources(tmp_path):
    levels = np.arange(2 * 4 * 9, dtype=np.uint8).reshape(2, 4, 3, 3)
    masks = np.zeros((4, 3, 3), np.uint8)
    masks[2, 1, 1] = 1
    return levels, [prepared(tmp_path, "a", levels[0], masks), prepared(tmp_path, "b", levels[1], masks)]


SPLIT = pd.DataFrame(
    {
        "source": ["b", "a", "b", "a"], "image": list("wxyz"), "row": [3, 0, 2, 2], "patient": list("wxyz"),
        "label": [0, 1, 1, 1], "nuisance": [1, 0, 1, 0], "split": ["train", "train", "train", "test"],
    }
)  # fmt: skip


def test_rows_come_from_their_source_in_the_order_of_the_split(two_sources):
    levels, folders = two_sources
    train, test = load(SPLIT, folders, {"kind": "source"}, ["train", "test"])
    np.testing.assert_array_equal(train.levels, np.stack([levels[1, 3], levels[0, 0], levels[1, 2]]))
    np.testing.assert_array_equal(test.levels, levels[0, 2:3])
    assert train.labels.tolist() == [0, 1, 1]
    assert train.groups.tolist() == [1, 0, 1]
    assert train.cells.tolist() == [2, 1, 3]
    assert train.masks.flatten(1).sum(1).tolist() == [0, 0, 1]


def test_levels_become_the_pixel_range_and_batches_follow_the_order(two_sources):
    levels, folders = two_sources
    (train,) = load(SPLIT, folders, {"kind": "ellipse", "semi_axis": 0.4}, ["train"])
    first, second = train.batches(2, order=torch.tensor([2, 0, 1]))
    assert (first.images.shape, second.images.shape) == ((2, 1, 3, 3), (1, 1, 3, 3))
    expected = (2 * levels[1, 2] / 255 - 1) * 1024  # torchxrayvision's normalize
    np.testing.assert_allclose(first.images[0, 0], expected, rtol=1e-5)
    assert first.labels.tolist() == [1, 0]
    assert (first.groups.tolist(), first.cells.tolist()) == ([1, 1], [3, 2])
    assert first.groups.dtype == torch.int64
    assert (len(first), len(second)) == (2, 1)
    assert first.masks.dtype == torch.bool
    assert first.masks[0, 0].tolist() == [[False, True, False], [True, True, True], [False, True, False]]


def test_normalisation_is_torchxrayvisions(two_sources):
    import torchxrayvision

    levels, folders = two_sources
    (train,) = load(SPLIT, folders, {"kind": "ellipse", "semi_axis": 0.4}, ["train"])
    theirs = torchxrayvision.utils.normalize(levels[1, 3].astype(np.float32), 255)
    np.testing.assert_allclose(train.batch(slice(0, 1)).images[0, 0], theirs, rtol=1e-5, atol=1e-3)


def test_guidance_leaves_the_original_alone(two_sources):
    (train,) = load(SPLIT, two_sources[1], {"kind": "source"}, ["train"])
    guidance = {"negatives": "empty", "control": "none", "budget": 1.0, "blur_sigma": 0.5}
    guided = train.guided(guidance, 0, train.labels)
    # One negative, all outside; a positive without a mask, so without guidance; one whose only pixel grew to all nine.
    assert guided.masks.flatten(1).sum(1).tolist() == [0, 9, 9]
    assert train.masks.flatten(1).sum(1).tolist() == [0, 0, 1]
    assert guided.levels.data_ptr() == train.levels.data_ptr(), "the images are not copied"


def test_permuted_labels_are_all_that_is_permuted(tiny_data):
    data = tiny_data(40)
    permuted = data.permuted(7)
    assert permuted.labels.tolist() != data.labels.tolist()
    assert sorted(permuted.labels.tolist()) == sorted(data.labels.tolist())
    assert permuted.table["label"].tolist() == permuted.labels.tolist()
    pd.testing.assert_frame_equal(permuted.table.drop(columns="label"), data.table.drop(columns="label"))
    for name in ("levels", "masks", "groups"):
        assert torch.equal(getattr(permuted, name), getattr(data, name))
    assert permuted.levels.data_ptr() == data.levels.data_ptr(), "the images are not copied"
    assert set(permuted.cells.tolist()) == {0, 1, 2, 3}, "label and group are no longer related"


def test_a_permutation_is_the_seeds_and_not_that_of_anything_else(tiny_data):
    data = tiny_data(40)
    assert torch.equal(data.permuted(7).labels, data.permuted(7).labels)
    assert not torch.equal(data.permuted(7).labels, data.permuted(8).labels)


def test_a_source_without_masks_needs_another_kind(tmp_path):
    folder = prepared(tmp_path, "a", np.zeros((4, 3, 3), np.uint8))
    with pytest.raises(StudyError, match="source a: has no masks of its own"):
        load(SPLIT.query("source == 'a'"), [folder], {"kind": "source"}, ["train"])


def test_any_of_several_structures_is_inside(tmp_path):
    levels = np.arange(2 * 4 * 9, dtype=np.uint8).reshape(2, 4, 3, 3)
    folders = [prepared(tmp_path, name, levels[number]) for number, name in enumerate("ab")]
    anatomy = np.zeros((4, 3, 3), np.uint16)
    anatomy[2, 0], anatomy[2, 1], anatomy[3] = BITS["Heart"], BITS["Spine"] | BITS["Aorta"], BITS["Weasand"]
    for folder in folders:
        np.save(folder / "anatomy.npy", anatomy)
    mask = {"kind": "anatomy", "structures": ["Heart", "Aorta"]}
    train, test = load(SPLIT, folders, mask, ["train", "test"])
    assert train.masks.flatten(1).tolist() == [9 * [False], 9 * [False], 6 * [True] + 3 * [False]]
    assert train.has_mask().tolist() == [False, False, True], "an image in which nothing was found has no mask"
    assert test.masks.flatten(1).sum(1).tolist() == [6]
    (train,) = load(SPLIT, folders, mask | {"structures": ["Spine"]}, ["train"])
    assert train.masks.flatten(1).sum(1).tolist() == [0, 0, 3]


def test_sources_of_a_task_must_fit_together(tmp_path):
    folders = [
        prepared(tmp_path, "a", np.zeros((4, 3, 3), np.uint8)),
        prepared(tmp_path, "b", np.zeros((4, 5, 5), np.uint8)),
    ]
    with pytest.raises(StudyError, match="size or pixel range differ"):
        load(SPLIT, folders, {"kind": "ellipse", "semi_axis": 0.4}, ["train"])


def test_a_source_that_is_not_prepared_is_named(two_sources):
    with pytest.raises(StudyError, match="draws from source 'b', but only a is prepared"):
        load(SPLIT, two_sources[1][:1], {"kind": "source"}, ["train"])


def test_positives_without_any_mask_are_named(two_sources):
    (train,) = load(SPLIT, two_sources[1], {"kind": "source"}, ["train"])
    check_masks(train, train.labels)  # one of two is enough
    with pytest.raises(StudyError, match=r"^x: its ROI mask is empty, as in all 1 positive training images"):
        check_masks(train.subset(np.array([0, 1])), train.labels[:2])
