"""Mask files: two levels or colours are a mask, whatever their edges; more are refused with what was found."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter
from red_herring.data.mask_images import read_mask
from red_herring.data.picture import UnreadableImage

ROWS, COLUMNS = np.mgrid[:96, :80]
DISC = (ROWS - 48) ** 2 + (COLUMNS - 40) ** 2 < 25**2
LUNGS = np.zeros((96, 80), np.uint8)
LUNGS[20:70, 10:32], LUNGS[20:70, 45:70] = 1, 2
BRIGHT = Image.fromarray(DISC.astype(np.uint8) * 255)
BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0)


def read(image, form="PNG", **options):
    content = io.BytesIO()
    image.save(content, form, **options)
    content.seek(0)
    return read_mask(content, (image.height, image.width))


def coloured(*colours):
    """The ground, the first lung and the second in a colour each."""
    return Image.fromarray(np.array(colours, np.uint8)[LUNGS])


def with_alpha(colours, alpha):
    return Image.fromarray(np.dstack([np.broadcast_to(np.uint8(colours), (96, 80, 3)), alpha.astype(np.uint8)]))


def palette(places, *colours):
    image = Image.fromarray(places.astype(np.uint8))
    image.putpalette([channel for colour in colours for channel in colour] + [0] * (768 - 3 * len(colours)))
    return image


@pytest.mark.parametrize(
    ("values", "form"),
    [
        (DISC, "PNG"),
        (DISC.astype(np.uint8), "PNG"),
        (DISC.astype(np.uint8) * 255, "PNG"),
        (DISC.astype(np.uint8) * 200 + 10, "PNG"),
        *((DISC.astype(np.uint16) * highest, "PNG") for highest in (1, 255, 1023, 4095, 65535)),
        (DISC.astype(np.int32), "TIFF"),
        (DISC.astype(np.float32), "TIFF"),
        (DISC.astype(np.float32) * 255, "TIFF"),
    ],
)
def test_two_levels_of_any_type_are_outside_and_inside(values, form):
    np.testing.assert_array_equal(read(Image.fromarray(values), form), DISC)


@pytest.mark.parametrize(
    "image",
    [
        with_alpha(BLACK, DISC * 255),
        with_alpha(WHITE, DISC * 255),
        with_alpha(RED, DISC * 100),
        with_alpha(np.dstack([DISC * 255] * 3), DISC * 0),
        with_alpha(np.dstack([DISC * 255] * 3), DISC * 0 + 255),
        with_alpha(np.dstack([DISC * 255] * 3), (np.abs(ROWS - 48) < 45) * 255),
        Image.merge("LA", [Image.new("L", BRIGHT.size), BRIGHT]),
        palette(DISC, BLACK, (128, 0, 0)),
        palette(DISC, BLACK, (0, 0, 90)),
        palette(DISC, BLACK, (1, 1, 1)),
        palette(~DISC, WHITE, BLACK),
        Image.merge("RGB", [BRIGHT, Image.new("L", BRIGHT.size), BRIGHT]),
    ],
)
def test_one_colour_on_black_or_what_alone_is_opaque_is_inside(image):
    np.testing.assert_array_equal(read(image), DISC)


def test_a_palette_may_make_the_outside_transparent():
    np.testing.assert_array_equal(read(palette(DISC, BLACK, BLACK), transparency=0), DISC)


@pytest.mark.parametrize("quality", [10, 50, 75, 95])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_the_noise_of_jpeg_changes_nothing(quality, mode):
    np.testing.assert_array_equal(read(BRIGHT.convert(mode), "JPEG", quality=quality), DISC)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_the_noise_of_a_coloured_jpeg_changes_next_to_nothing(quality):
    found = read(coloured(BLACK, RED, RED), "JPEG", quality=quality)
    assert (found == (LUNGS > 0)).mean() > 0.999


@pytest.mark.parametrize(
    "image",
    [
        BRIGHT.resize((40, 48), Image.Resampling.BILINEAR),
        *(BRIGHT.resize((80 * times, 96 * times), Image.Resampling.BICUBIC) for times in (2, 10, 20)),
        *(coloured(BLACK, WHITE, WHITE).resize((80 * n, 96 * n), Image.Resampling.BILINEAR) for n in (3, 10)),
        coloured(BLACK, WHITE, WHITE).resize((27, 32), Image.Resampling.BOX),
        *(BRIGHT.resize((400, 480)).filter(ImageFilter.GaussianBlur(sigma)) for sigma in (1, 3, 8, 15)),
        BRIGHT.resize((40, 48), Image.Resampling.BILINEAR).resize((160, 192), Image.Resampling.NEAREST),
    ],
)  # fmt: skip
def test_soft_edges_are_cut_at_half(image):
    np.testing.assert_array_equal(read(image), np.asarray(image.convert("L")) > 127)


@pytest.mark.parametrize(
    "levels",
    [(0, 127, 255), (0, 1, 255), (0, 128, 255), (0, 254, 255), (0, 85, 170), (100, 200, 255), (0, 30, 255)],
)  # fmt: skip
def test_areas_of_a_third_level_are_refused_with_the_levels(levels):
    image = Image.fromarray(np.array(levels, np.uint8)[LUNGS])
    with pytest.raises(
        UnreadableImage, match=f"its mask has areas of the levels {', '.join(map(str, levels))}, expected"
    ):
        read(image)


@pytest.mark.parametrize("levels", [(0, 127, 255), (0, 85, 170), (0, 100, 160)])
@pytest.mark.parametrize("quality", [50, 75, 95])
def test_also_where_jpeg_has_made_many_of_three_levels(levels, quality):
    with pytest.raises(UnreadableImage, match="its mask has areas of the levels"):
        read(Image.fromarray(np.array(levels, np.uint8)[LUNGS]), "JPEG", quality=quality)


def test_more_labels_than_can_be_listed_are_refused():
    labels = np.zeros((200, 200), np.uint8)
    for label in range(24):
        labels[8 * label : 8 * label + 7, 5:190] = 10 + 10 * label
    with pytest.raises(UnreadableImage, match=r"areas of the levels .* and \d+ others, expected"):
        read(Image.fromarray(labels))


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (coloured(BLACK, RED, GREEN), "the colours #000000, #00ff00, #ff0000, expected"),
        (coloured(BLACK, WHITE, RED), "the colours #000000, #ff0000, #ffffff, expected"),
        (coloured(WHITE, RED, RED), "the colours #ff0000, #ffffff, expected"),
        (palette(LUNGS, BLACK, RED, GREEN), "the colours #000000, #00ff00, #ff0000, expected"),
        (with_alpha(np.array([BLACK, RED, GREEN])[LUNGS], (LUNGS > 0) * 255), "the colours #000000, #00ff00, #ff0000"),
        (with_alpha(BLACK, np.array([0, 128, 255])[LUNGS]), "areas of the levels 0, 128, 255"),
        (coloured(BLACK, RED, GREEN).resize((53, 64), Image.Resampling.BICUBIC), "several colours, such as #"),
        (Image.fromarray(LUNGS), "only the levels 0, 1, 2, expected"),
        (Image.fromarray(DISC.astype(np.uint8) * 90), "only the levels 0, 90, expected"),
        (Image.fromarray(DISC.astype(np.uint8) * 50 + 200), "only the levels 200, 250, expected"),
        (Image.fromarray(LUNGS.astype(np.uint16) * 30000), "areas of the levels 0, 117, 233"),
    ],
)
def test_what_may_mean_several_things_is_refused_with_what_was_found(image, words):
    with pytest.raises(UnreadableImage, match=f"its mask has {words}"):
        read(image)


@pytest.mark.parametrize(
    "colours", [(BLACK, RED, GREEN), (BLACK, WHITE, RED), (BLACK, (255, 255, 0), RED), (WHITE, RED, RED)]
)
@pytest.mark.parametrize("quality", [50, 95])
def test_also_in_colour_that_jpeg_has_spoilt(colours, quality):
    with pytest.raises(UnreadableImage, match=r"its mask has several colours|its mask is in colour and has no black"):
        read(coloured(*colours), "JPEG", quality=quality)


@pytest.mark.parametrize("values", [np.where(DISC, np.nan, 0), np.where(DISC, 1, -1), DISC * 1e6])
def test_floats_and_integers_beyond_any_level_are_refused(values):
    with pytest.raises(UnreadableImage, match=r"its mask has levels from .* to .*, expected"):
        read(Image.fromarray(values.astype(np.float32)), "TIFF")


def test_one_level_is_all_outside_or_all_inside():
    assert not read(Image.new("L", (3, 2), 0)).any()
    for value in (1, 255):
        assert read(Image.new("L", (3, 2), value)).all()


def test_several_images_are_not_one_mask():
    with pytest.raises(UnreadableImage, match="its mask holds 2 images"):
        read(BRIGHT, "GIF", save_all=True, append_images=[Image.new("L", BRIGHT.size)])


def test_the_level_inside_may_be_known():
    content = io.BytesIO()
    Image.fromarray(np.array([0, 127, 255], np.uint8)[LUNGS]).save(content, "PNG")
    np.testing.assert_array_equal(read_mask(content, (96, 80), level=255), LUNGS == 2)


def test_a_mask_is_scaled_if_it_has_the_aspect_of_its_image():
    inside = np.array([[0, 1, 1], [0, 0, 1]], bool)
    content = io.BytesIO()
    Image.fromarray(inside).save(content, "PNG")
    np.testing.assert_array_equal(read_mask(content, (4, 6)), np.kron(inside, np.ones((2, 2), bool)))
    with pytest.raises(UnreadableImage, match="its mask has 2 x 3 pixels, which do not fit its 6 x 4"):
        read_mask(content, (6, 4))


def test_a_mask_that_is_not_there_or_broken(tmp_path):
    with pytest.raises(UnreadableImage, match="there is no such mask file"):
        read_mask(tmp_path / "mask.png", (2, 2))
    (tmp_path / "mask.png").write_bytes(b"no mask")
    with pytest.raises(UnreadableImage, match="its mask cannot be decoded"):
        read_mask(tmp_path / "mask.png", (2, 2))
