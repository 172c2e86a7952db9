"""Image files of every kind to grey levels, the centre square, the size."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from red_herring.data.images import read_picture
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


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces_become_luminance(tmp_path, mode):
    path = saved(tmp_path, Image.fromarray(np.dstack([GREY] * 3)).convert(mode), "image.tiff")
    np.testing.assert_allclose(read_picture(path).grey(), GREY, atol=1)


def test_an_adobe_cmyk_jpeg_is_not_inverted(tmp_path):
    path = saved(tmp_path, Image.new("RGB", (16, 16), (200, 200, 200)).convert("CMYK"), "image.jpg")
    np.testing.assert_allclose(read_picture(path).grey(), 200, atol=2)


def test_the_files_of_a_format_share_their_white(tmp_path):
    twelve = read_picture(saved(tmp_path, Image.fromarray(np.array([[0, 2048, 4095]], np.uint16))))
    assert (twelve.format, twelve.white, twelve.highest) == ("PNG, 16-bit", 65535, 4095)
    np.testing.assert_allclose(twelve.grey(4095), [[0, 2048 / 4095 * 255, 255]], rtol=1e-6)
    eight = read_picture(saved(tmp_path, Image.fromarray(GREY)))
    assert (eight.format, eight.white, eight.highest) == ("PNG, 8-bit", 255, 255)


@pytest.mark.parametrize("highest", [65536 * 2, -3])
def test_32_bit_integers_are_taken_up_to_16_bits(tmp_path, highest):
    path = saved(tmp_path, Image.fromarray(GREY.astype(np.int32) * 257), "image.tiff")
    np.testing.assert_allclose(read_picture(path).grey(), GREY, atol=1e-4)
    with pytest.raises(UnreadableImage, match="expected at most 16 bits, 0 to 65535"):
        read_picture(saved(tmp_path, Image.fromarray(np.array([[0, highest]], np.int32)), "image.tiff"))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero_in_some_tiff_files(tmp_path, dtype):
    """One strip, little-endian, written by hand: Pillow writes 0 as black only."""
    pixels = np.array([[0, np.iinfo(dtype).max]], dtype)
    bits = 8 * pixels.itemsize
    entries = [(256, 2), (257, 1), (258, bits), (259, 1), (262, 0), (273, 8), (277, 1), (278, 1), (279, pixels.nbytes)]
    data = pixels.tobytes().ljust(4, b"\0")
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, n) for tag, n in entries)
    (tmp_path / "image.tiff").write_bytes(struct.pack("<2sHI", b"II", 42, 12) + data + directory + bytes(4))
    np.testing.assert_array_equal(read_picture(tmp_path / "image.tiff").grey(), [[255, 0]])


def png(tmp_path, channels, kind):
    """A PNG of 16 bits and several channels, which Pillow reads and does not write. channels: uint16 [h, w, n]."""
    height, width, _ = channels.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in channels)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(lines)),
        (b"IEND", b""),
    ]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    (tmp_path / "deep.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return tmp_path / "deep.png"


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_colour_of_16_bits_is_read_where_it_uses_them(tmp_path, kind, channels):
    full = np.dstack([GREY.astype(np.uint16) * 257] * channels)
    picture = read_picture(png(tmp_path, full, kind))
    np.testing.assert_array_equal(picture.grey(), GREY)
    assert picture.format == "PNG, 16-bit colour"
    with pytest.raises(
        UnreadableImage, match=r"16-bit colour that leaves its highest bits unused.*save it as 16-bit grey"
    ):
        read_picture(png(tmp_path, full // 16, kind))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_orientation_of_exif_is_heeded(tmp_path, dtype):
    image = Image.fromarray(GREY.astype(dtype))
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by a quarter
    image.save(tmp_path / "image.png", exif=exif)
    picture = read_picture(tmp_path / "image.png")
    np.testing.assert_array_equal(picture.levels * (257 if dtype == np.uint16 else 1), np.rot90(GREY, -1))
    assert picture.shape == (3, 2)


def test_a_picture_in_the_alpha_channel_is_not_guessed(tmp_path):
    with pytest.raises(UnreadableImage, match="its picture is in the alpha channel"):
        read_picture(saved(tmp_path, Image.merge("LA", [Image.new("L", (3, 2)), Image.fromarray(GREY)])))


@pytest.mark.parametrize("suffix", ["gif", "png", "tiff"])
def test_several_images_in_a_file_are_not_guessed(tmp_path, suffix):
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    frames[0].save(tmp_path / f"image.{suffix}", save_all=True, append_images=frames[1:])
    with pytest.raises(UnreadableImage, match="holds 2 images; expected one"):
        read_picture(tmp_path / f"image.{suffix}")


def test_a_smaller_copy_in_a_tiff_file_is_not_a_second_image(tmp_path):
    small = Image.fromarray(GREY[:1])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    Image.fromarray(GREY).save(tmp_path / "image.tiff", save_all=True, append_images=[small])
    with Image.open(tmp_path / "image.tiff") as image:
        assert image.n_frames == 2
    np.testing.assert_array_equal(read_picture(tmp_path / "image.tiff").grey(), GREY)


def test_an_interlaced_png_is_whole(tmp_path):
    """Adam7 of one pixel: only the first of the seven passes holds any."""
    line = zlib.compress(b"\0\x2a")
    parts = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 1)), (b"IDAT", line), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    ]
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert read_picture(tmp_path / "image.png").grey().tolist() == [[42]]


def test_a_png_under_a_dicom_name_is_a_png(tmp_path):
    saved(tmp_path, Image.fromarray(GREY)).rename(tmp_path / "image.dcm")
    np.testing.assert_array_equal(read_picture(tmp_path / "image.dcm").grey(), GREY)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_no_cut_off_file_is_read(tmp_path, dtype, suffix):
    noise = np.random.default_rng(0).integers(0, 2**8, (64, 64)).astype(dtype)
    path = saved(tmp_path, Image.fromarray(noise), f"image.{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(UnreadableImage) as caught:
        read_picture(path)
    assert "\n" not in str(caught.value)


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
