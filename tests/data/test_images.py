"""Image files of every kind to grey levels, the centre square, the size."""

import numpy as np
import pytest
from PIL import Image
from red_herring.data.images import read_picture
from red_herring.data.mask_images import read_mask
from red_herring.data.picture import UnreadableImage, to_square

GREY = np.array([[0, 50, 100], [150, 200, 255]], np.uint8)


def saved(tmp_path, image, name="image.png"):
    image.save(tmp_path / name)
    return tmp_path / name


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_grey_pixels_survive_every_mode(tmp_path, mode):
    path = saved(tmp_path, Image.fromarray(GREY).convert(mode))
    np.testing.assert_array_equal(read_picture(path).grey(), GREY)


def test_alpha_is_ignored(tmp_path):
    transparent = np.dstack([GREY, GREY, GREY, np.zeros_like(GREY)])
    np.testing.assert_array_equal(read_picture(saved(tmp_path, Image.fromarray(transparent, "RGBA"))).grey(), GREY)


def test_colour_becomes_luminance(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (2, 2), (255, 0, 0)))
    assert np.all(read_picture(path).grey() == 76)  # ITU-R 601: 0.299 * 255


def test_sixteen_bits_are_scaled_to_eight(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY.astype(np.uint16) * 257))
    np.testing.assert_allclose(read_picture(path).grey(), GREY, atol=1e-4)


def test_one_bit_is_black_and_white(tmp_path):
    path = saved(tmp_path, Image.fromarray(GREY > 120))
    np.testing.assert_array_equal(read_picture(path).grey(), np.where(GREY > 120, 255, 0))


def test_png_under_a_jpg_name(tmp_path):
    saved(tmp_path, Image.fromarray(GREY)).rename(tmp_path / "image.jpg")
    np.testing.assert_array_equal(read_picture(tmp_path / "image.jpg").grey(), GREY)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "no such file"), (b"", "empty"), (b"not an image", "cannot be decoded")],
)
def test_what_cannot_be_read_says_why(tmp_path, content, reason):
    path = tmp_path / "image.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason):
        read_picture(path).grey()


def test_a_truncated_image_is_unreadable(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    path = saved(tmp_path, Image.fromarray(noise))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        read_picture(path).grey()


def test_floating_point_pixels_have_no_range(tmp_path):
    with pytest.raises(UnreadableImage, match="no known range"):
        read_picture(saved(tmp_path, Image.fromarray(GREY.astype(np.float32)), "image.tiff"))


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_the_square_is_cut_from_the_centre(shape):
    pixels = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    side = min(shape)
    # torchxrayvision: start = length // 2 - side // 2
    top, left = shape[0] // 2 - side // 2, shape[1] // 2 - side // 2
    np.testing.assert_array_equal(to_square(pixels, side), pixels[top : top + side, left : left + side])


def test_the_crop_is_torchxrayvisions():
    import torchxrayvision

    pixels = np.random.default_rng(0).random((9, 14)).astype(np.float32)
    theirs = torchxrayvision.datasets.XRayCenterCrop()(pixels[None])[0]
    np.testing.assert_array_equal(to_square(pixels, 9), theirs)


def test_resizing_keeps_the_mean_and_smooths_what_is_too_fine():
    checkerboard = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.float32)
    small = to_square(checkerboard, 16)
    assert small.mean() == pytest.approx(127.5, abs=1)
    assert small.std() < 10


def test_real_originals_of_odd_kinds(real_images):
    files = [file for file in (real_images / "raw_samples").rglob("*") if file.suffix in (".png", ".jpg", ".jpeg")]
    assert len(files) > 30
    for file in files:
        grey = read_picture(file).grey()
        assert grey.dtype == np.float32
        assert grey.ndim == 2
        assert 0 <= grey.min() < grey.max() <= 255, file
        assert to_square(grey, 64).shape == (64, 64)


@pytest.mark.parametrize("levels", [(0, 255), (0, 1)])
def test_a_mask_is_bright_inside_or_one(tmp_path, levels):
    inside = np.array([[0, 1, 1], [0, 0, 1]], bool)
    path = saved(tmp_path, Image.fromarray(np.where(inside, levels[1], levels[0]).astype(np.uint8)))
    np.testing.assert_array_equal(read_mask(path, (2, 3)), inside)
    np.testing.assert_array_equal(read_mask(path, (4, 6)), np.kron(inside, np.ones((2, 2), bool)))


def test_a_mask_of_neither_range_is_refused_and_an_empty_one_is_empty(tmp_path):
    with pytest.raises(UnreadableImage, match="only the levels 90, expected 0 and 255, or 0 and 1"):
        read_mask(saved(tmp_path, Image.new("L", (3, 2), 90)), (2, 3))
    assert not read_mask(saved(tmp_path, Image.new("L", (3, 2), 0)), (2, 3)).any()


def test_no_broken_dicom_file_ends_more_than_its_own_reading(real_images, tmp_path):
    """Headers with bytes changed at random bring up errors of many kinds in pydicom."""
    whole = next((real_images / "raw_samples" / "rsna_dicom").glob("*.dcm")).read_bytes()
    random, path = np.random.default_rng(0), tmp_path / "broken.dcm"
    unreadable = 0
    for _ in range(60):
        content = bytearray(whole)
        for place in random.integers(128, 1500, 20):
            content[place] = random.integers(256)
        path.write_bytes(content)
        try:
            assert read_picture(path).grey().ndim == 2
        except UnreadableImage:
            unreadable += 1
    assert unreadable > 10
