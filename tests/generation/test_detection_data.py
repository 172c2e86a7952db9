"""What an experiment is made on: no common patients, real images that nest, faults refused."""

from dataclasses import replace

import pytest
import torch
from red_herring.generation.detection_data import Owned
from red_herring.runtime.files import StudyError
from support.to_detect import DATA, FREE, REAL, TEST, VALID, crosses, owned


def test_real_images_of_a_smaller_number_are_among_those_of_a_larger_one():
    chosen = [DATA.first_real(count, 7) for count in range(1, 7)]
    for number, own in enumerate(chosen, 1):
        assert torch.equal(own.images, chosen[-1].images[:number])
    assert len(chosen[-1].images.flatten(1).unique(dim=0)) == 6
    assert not torch.equal(DATA.first_real(6, 8).images, chosen[-1].images)


@pytest.mark.parametrize("kept", ["valid", "test"])
@pytest.mark.parametrize("trained", ["real", "free"])
def test_a_patient_of_training_among_validation_or_test_is_refused(kept, trained):
    leaking = replace(getattr(DATA, kept), patients=[*getattr(DATA, kept).patients[:-1], f"{trained}2"])
    with pytest.raises(StudyError, match=f"patients: 1 of them, such as {trained}2, have training and {kept}"):
        replace(DATA, **{kept: leaking})


def test_a_patient_of_validation_and_test_is_refused():
    with pytest.raises(StudyError, match="have validation and test images"):
        replace(DATA, test=Owned(TEST.examples, [*TEST.patients[:-1], "valid0"]))


def test_a_patient_may_have_real_and_object_free_training_images():
    replace(DATA, free=Owned(FREE.examples, REAL.patients[:5]))


def test_data_that_no_experiment_can_be_made_on_is_refused():
    with pytest.raises(StudyError, match="real: every image needs a box"):
        replace(DATA, real=FREE)
    floats = replace(REAL.examples, boxes=[boxes.float() for boxes in REAL.examples.boxes])
    with pytest.raises(StudyError, match="int64"):
        replace(DATA, real=replace(REAL, examples=floats))
    with pytest.raises(StudyError, match="free: an image has a box"):
        replace(DATA, free=REAL)
    with pytest.raises(StudyError, match="valid: has no object-free image"):
        replace(DATA, valid=owned(crosses(1, 2, "valid"), "valid"))
    with pytest.raises(StudyError, match="test: has 7 images and 6 patients"):
        replace(DATA, test=replace(TEST, patients=TEST.patients[1:]))


def test_object_free_images_are_those_without_a_box():
    assert torch.equal(VALID.object_free(), VALID.examples.images[3:])


@pytest.mark.parametrize("count", [0, 7])
def test_more_real_images_than_there_are_or_none_are_refused(count):
    with pytest.raises(StudyError, match=f"n_real: is {count}, and there are 6"):
        DATA.first_real(count, 7)
