"""Figure 2: every method of the paper has its place, and nothing is outside the page."""

import numpy as np
import pytest
from red_herring.report import style
from red_herring.report.figures import figure_2
from red_herring.study.catalogue import method_card


@pytest.fixture(scope="module")
def drawn():
    figure = figure_2.draw([], {"tasks": {}, "methods": {}})
    figure.canvas.draw()
    return figure


def test_it_names_every_method_in_its_colour(drawn):
    (axes,) = drawn.axes
    said = [text.get_text() for text in axes.texts]
    assert {method_card(method).title for method in style.COLOURS} <= set(said)
    edges = {tuple(np.round(patch.get_edgecolor()[:3], 3)) for patch in axes.patches}
    for colour in style.COLOURS.values():
        assert tuple(np.round([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)], 3)) in edges


def test_all_text_is_legible_and_on_the_page(drawn):
    for text in drawn.axes[0].texts:
        box = text.get_window_extent()
        assert text.get_fontsize() >= style.SMALL
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= drawn.bbox.x1, text.get_text()
        assert 0 <= box.y0 < box.y1 <= drawn.bbox.y1, text.get_text()


def test_no_text_lies_on_another(drawn):
    boxes = {text.get_text(): text.get_window_extent() for text in drawn.axes[0].texts}
    names = list(boxes)
    for number, first in enumerate(names):
        for second in names[number + 1 :]:
            assert not boxes[first].overlaps(boxes[second]), (first, second)


def test_the_example_is_shuffled_outside_its_mask_only():
    image, mask, shuffled = figure_2.example()
    np.testing.assert_array_equal(image[mask], shuffled[mask])
    assert sorted(image[~mask]) == sorted(shuffled[~mask])
    assert (image != shuffled).any()
