"""The folders in which stages run."""

import json
import shutil

import pytest
from support.prepared_images import draw, draw_images, index, prepare


@pytest.fixture
def folder(tmp_path):
    """The folder in which stages run, with images and their table."""
    return draw_images(tmp_path)


@pytest.fixture(scope="module")
def prepared_once(stage_in, tmp_path_factory):
    """A folder with its images prepared, a split drawn and hyperparameters given."""
    folder = draw_images(tmp_path_factory.mktemp("prepared"))
    stage = stage_in(folder)
    for done in (index(stage), prepare(stage), draw(stage)):
        assert done.returncode == 0, done.stderr
    (folder / "best.json").write_text(json.dumps({"hyperparameters": {"lr": 1e-3, "lambda": 0.1}}))
    return folder


@pytest.fixture
def prepared(prepared_once, tmp_path):
    """The folder in which stages run, a copy of that."""
    return shutil.copytree(prepared_once, tmp_path, dirs_exist_ok=True)
