"""Folders of image files."""

from pathlib import Path

import pytest
from red_herring.data.folders import locate_images
from red_herring.runtime.files import StudyError


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_images_are_located(tmp_path):
    make(tmp_path, "a/1.png", "a/2.png", "thumbnails/1.png", "deep/down/1.png", "deep/down/2.png", "deep/down/3.png")
    assert locate_images(tmp_path, ["1.png", "2.png", "3.png", "4.png"]) == tmp_path / "deep/down"
    assert locate_images(tmp_path / "a", {"1.png"}) == tmp_path / "a"


def test_images_in_sub_folders_are_located(tmp_path):
    make(tmp_path, "set/p1/1.png", "set/p2/1.png", "p1/1.png", "1.png")
    assert locate_images(tmp_path, ["p1/1.png", "p2/1.png"]) == tmp_path / "set"
    assert locate_images(tmp_path, ["p1/1.png", "1.png"]) == tmp_path


def test_images_that_are_not_there_are_described(tmp_path):
    make(tmp_path, "a/x.jpg", "a/y.jpg")
    with pytest.raises(
        StudyError, match=r"none of the 4 images .* such as 1.png, 2.png, 3.png, but there are a/[xy].jpg, a/[xy].jpg;"
    ):
        locate_images(tmp_path, ["1.png", "2.png", "3.png", "4.png"])
    with pytest.raises(StudyError, match="there are no files"):
        locate_images(tmp_path / "empty", ["1.png"])
