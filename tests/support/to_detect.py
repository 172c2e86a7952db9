"""A few crosses to be detected, each of a patient of its own."""

from red_herring.generation.crosses_detection import crosses, object_free
from red_herring.generation.detection_data import DetectionData, Owned
from red_herring.generation.examples import together


def owned(examples, name):
    return Owned(examples, [f"{name}{number}" for number in range(len(examples))])


REAL, FREE = owned(crosses(1, 6, "train"), "real"), owned(object_free(1, 5, "train"), "free")
VALID = owned(together([crosses(1, 3, "valid"), object_free(1, 2, "valid")]), "valid")
TEST = owned(together([crosses(1, 5, "test"), object_free(1, 2, "test")]), "test")
DATA = DetectionData(REAL, FREE, VALID, TEST)
