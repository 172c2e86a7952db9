"""The mean maps of all attributions of a task."""

import numpy as np
from red_herring.report.figures import mean_saliency_attributions
from safetensors.numpy import load_file, save_file
from support.mean_maps import RAMP, both, write


def test_rows_of_attributions(tmp_path):
    files, study = write(tmp_path, both(RAMP), attributions=["gradient", "grad_cam"])
    file = tmp_path / "localisation/t/actdiff/seed=2.safetensors"
    save_file(load_file(file) | {"mean/grad_cam": RAMP.T.copy(), "mean_image": RAMP}, file)
    figure = mean_saliency_attributions.draw(files, study)
    first, second = np.reshape(figure.axes, (2, 3))
    assert [row[0].get_ylabel() for row in (first, second)] == ["Gradient", "Grad-CAM"]
    assert not np.allclose(first[2].images[0].get_array(), second[2].images[0].get_array())
    np.testing.assert_allclose(first[1].images[0].get_array(), second[1].images[0].get_array())


def test_of_one_method_rows_are_no_higher_than_of_three(tmp_path):
    files, study = write(tmp_path, both(RAMP), attributions=["gradient", "grad_cam"])
    (one, *_) = study["methods"]
    alone = mean_saliency_attributions.draw(files, {**study, "methods": {one: study["methods"][one]}})
    width, height = alone.get_size_inches()
    assert height < 2 * 2.1 + 0.35
    assert width == 3.5
