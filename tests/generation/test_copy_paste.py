"""Copy-paste: Poisson blending against its equations, boxes to the pixel, which object goes where."""

import pytest
import torch
from red_herring.generation.copy_paste import around, blend, pasted
from red_herring.generation.examples import Examples
from red_herring.generation.places import centred, plausible_centres
from support.to_detect import crosses, object_free

BOX = torch.tensor([4, 5, 9, 12])


def noise(seed, side=16, scale=0.2):
    return (torch.rand(side, side, generator=torch.Generator().manual_seed(seed)) - 0.5) * scale


def place_at(top, left, box=BOX):
    return torch.cat([torch.tensor([top, left]), torch.tensor([top, left]) + box[2:] - box[:2]])


def outside(place, side=16):
    mask = torch.ones(side, side, dtype=torch.bool)
    mask[place[0] : place[2], place[1] : place[3]] = False
    return mask


@pytest.mark.parametrize("corner", [(4, 5), (7, 2), (0, 0), (11, 9), (0, 4)])
@pytest.mark.parametrize("box", [BOX, torch.tensor([0, 0, 5, 7]), torch.tensor([11, 9, 16, 16])])
def test_pixels_outside_the_box_are_the_same_to_the_bit_and_all_inside_solve_the_equations(corner, box):
    image, source, place = noise(1), noise(2), place_at(*corner)
    found = blend(image, place, source, box)
    assert found.dtype == torch.float32
    assert torch.equal(found[outside(place)], image[outside(place)])
    for row in range(place[0], place[2]):
        for column in range(place[1], place[3]):
            total = 0.0
            for down, across in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                r, c = row + down, column + across
                if not (0 <= r < 16 and 0 <= c < 16):
                    continue
                total += float(found[row, column]) - float(found[r, c])
                s, t = row + int(box[0] - place[0]), column + int(box[1] - place[1])
                if 0 <= s + down < 16 and 0 <= t + across < 16:
                    total -= float(source[s, t]) - float(source[s + down, t + across])
            assert abs(total) < 1e-5


def test_an_image_pasted_into_itself_at_its_own_place_is_the_same():
    image = noise(1)
    assert torch.allclose(blend(image, BOX, image, BOX), image, atol=1e-6)


def test_a_source_that_is_lighter_by_a_constant_gives_the_same():
    image, source = noise(1), noise(2)
    assert torch.allclose(blend(image, BOX, source + 0.5, BOX), blend(image, BOX, source, BOX), atol=1e-6)


def test_the_result_stays_within_the_range_of_images():
    found = blend(noise(1) + 0.85, BOX, noise(2, scale=2.0), BOX)
    assert found[~outside(BOX)].max() == 1


def test_what_cannot_be_pasted_is_refused():
    with pytest.raises(ValueError, match="differ in size"):
        blend(noise(1), BOX, noise(2), BOX + torch.tensor([0, 0, 1, 0]))
    whole = torch.tensor([0, 0, 16, 16])
    with pytest.raises(ValueError, match="the whole image"):
        blend(noise(1), whole, noise(2), whole)
    with pytest.raises(ValueError, match="a box of 17 pixels is larger than an image of 16"):
        centred(torch.tensor([[0, 0, 17, 2]]), torch.tensor([8.0, 8.0]), 16)


def test_the_level_around_a_box_is_that_of_its_ring():
    image = torch.zeros(16, 16)
    image[4:9, 5:12] = 1
    assert around(image, BOX[None]) == 0
    image[2:4, 3:14] = 1  # 22 of the 9 x 11 - 5 x 7 pixels of the ring
    assert around(image, BOX[None]).item() == pytest.approx(22 / 64)
    image[:] = 0
    image[:2, :2] = 1
    assert around(image, torch.tensor([[2, 2, 16, 16]])).item() == pytest.approx(4 / 60)
    boxes = torch.stack([BOX, torch.tensor([2, 2, 16, 16])])
    assert around(image, boxes).tolist() == pytest.approx([0, 4 / 60])
    assert around(torch.stack([image + 0.5, image]), boxes).tolist() == pytest.approx([0.5, 4 / 60])


def test_of_the_real_objects_the_nearest_in_grey_level_is_pasted():
    """Three flat images, each with a dot of a contrast of its own in its middle."""
    real = torch.stack([torch.full((16, 16), level) for level in (-0.6, 0.0, 0.6)])
    box = torch.tensor([[6, 6, 9, 9]])
    for image, contrast in zip(real, (0.1, 0.2, 0.3), strict=True):
        image[7, 7] += contrast
    free = torch.stack([torch.full((1, 16, 16), level) for level in (0.5, -0.2, -1.0)])
    found = pasted(free, Examples(real.unsqueeze(1), [box] * 3), torch.Generator().manual_seed(0))
    assert [own.tolist() for own in found.boxes] == [box.tolist()] * 3
    contrasts = (found.images[:, 0, 7, 7] - free[:, 0, 7, 7]).tolist()
    assert contrasts == pytest.approx([0.3, 0.2, 0.1], abs=1e-5)


def test_pasted_crosses_change_their_boxes_only_and_are_the_same_again():
    real, free = crosses(1, 10, "train"), object_free(1, 40, "train")
    before = free.images.clone()
    found, again = (pasted(free.images, real, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(free.images, before)
    assert torch.equal(found.images, again.images)
    sizes = {tuple((box[2:] - box[:2]).tolist()) for own in real.boxes for box in own}
    for image, old, boxes in zip(found.images[:, 0], free.images[:, 0], found.boxes, strict=True):
        (box,) = boxes
        mask = outside(box, 28)
        assert tuple((box[2:] - box[:2]).tolist()) in sizes
        assert box.min() >= 0
        assert box.max() <= 28
        assert torch.equal(image[mask], old[mask])
        assert not torch.equal(image[~mask], old[~mask])
    assert len(torch.cat(found.boxes).unique(dim=0)) > 20


def test_images_without_an_object_give_none_to_paste():
    one, none = crosses(1, 1, "train"), object_free(1, 2, "train")
    mixed = Examples(torch.cat([none.images, one.images]), [*none.boxes, *one.boxes])
    alone, among = (pasted(none.images, real, torch.Generator().manual_seed(1)) for real in (one, mixed))
    assert torch.equal(alone.images, among.images)


def test_places_are_about_where_real_boxes_are():
    real = torch.tensor([[0, 0, 4, 4], [0, 20, 4, 24], [0, 10, 4, 14]])
    found = plausible_centres(real, 4000, torch.Generator().manual_seed(0))
    assert found[:, 0].tolist() == [2.0] * 4000
    assert found[:, 1].mean().item() == pytest.approx(12, abs=0.5)
    spread = (200 / 3) * (1 + 3 ** (-1 / 3))  # variance of the centres and of the kernel
    assert found[:, 1].var().item() == pytest.approx(spread, rel=0.1)
    assert plausible_centres(real[:1], 2, torch.Generator().manual_seed(0)).tolist() == [[2, 2], [2, 2]]


def test_boxes_are_moved_to_a_centre_and_kept_within_the_image():
    boxes = torch.tensor([[3, 3, 6, 8], [0, 0, 16, 2]])
    assert centred(boxes, torch.tensor([8.5, 8.5]), 16).tolist() == [[7, 6, 10, 11], [0, 8, 16, 10]]
    assert centred(boxes, torch.tensor([-5.0, 30.0]), 16).tolist() == [[0, 11, 3, 16], [0, 14, 16, 16]]
