"""DICOM to grey levels: windows, ranges, padding, and every compression against its uncompressed twin."""

import base64
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    MPEG2MPML,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)
from red_herring.data import dicom
from red_herring.data.images import read_picture
from red_herring.data.picture import UnreadableImage

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
VALUES = np.array([[0, 100, 1000], [2047, 3000, 4095]], np.uint16)

# HT_VALUES in 12 bits, compressed by OpenJPH 0.9 from a PGM: another codec than that which reads it.
HT_VALUES = np.fromfunction(lambda r, c: (r * 257 + c * 13 + (r * c) % 7) % 4096, (12, 16), dtype=int)
HT_CODE = base64.b64decode(
    "/0//UQApQAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAABCwEB/1AACAACAAAAB/9SAAwAAgABAAIEBEAB/1wACiBw"
    "eHh4cHB4/2QAFgABT3BlbkpQSCBWZXIgMC45LjAu/5AACgAAAAAAvQAB/5PAAWuA/Y9/5Au/8o/POtUygUYgnwLOIQDQtwDAAKyA"
    "AWhAAKpIwFoA/Ux/+AU2lwDCgBBJiCGC/EBCAe50lZgAIAoBH/os7Om1AMABbUABdPAALaDVBEQmYRsAEKWHEAz+RlLQr4lXE18r"
    "PX3tABEjCFA2LgsBAfgLIACAAP8CABDAAIBjGAL8MYAJuhZUKvTym49RAZvmqEjkKKWmLFzTxSalOobbqn6u8h/7pF4A/9k="
)


def made(values=VALUES, bits=12, syntax=ExplicitVRLittleEndian, **elements) -> FileDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPInstanceUID = syntax, generate_uid()
    meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    content = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    content.SOPClassUID, content.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    content.Rows, content.Columns = values.shape[:2]
    content.SamplesPerPixel, content.PhotometricInterpretation = 1, "MONOCHROME2"
    content.BitsAllocated, content.BitsStored, content.HighBit = 8 * values.itemsize, bits, bits - 1
    content.PixelRepresentation = int(values.dtype.kind == "i")
    content.PixelData = values.tobytes() + b"\0" * (values.nbytes % 2)
    content["PixelData"].VR = "OW"
    for name, value in elements.items():
        setattr(content, name, value)
    return content


@pytest.fixture
def read(tmp_path):
    def through_a_file(content: FileDataset, name: str = "image.dcm", **options):
        content.save_as(tmp_path / name, **options)
        return read_picture(tmp_path / name)

    return through_a_file


@pytest.mark.parametrize("name", ["image.dcm", "image.dicom", "image", "image.IMA", "image.png"])
def test_dicom_is_known_by_its_content(read, name):
    picture = read(made(), name)
    np.testing.assert_array_equal(picture.grey(), VALUES.astype(np.float32) * (255 / 4095))
    assert (picture.format, picture.white, picture.highest) == ("DICOM, 12-bit", 4095, 4095)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_without_preamble_and_header_is_known_by_its_first_element(tmp_path, syntax):
    big = syntax == ExplicitVRBigEndian
    content = made(VALUES.astype(">u2" if big else "<u2"))
    pydicom.dcmwrite(
        tmp_path / "bare", Dataset(content), implicit_vr=False, little_endian=not big, enforce_file_format=False
    )
    np.testing.assert_allclose(read_picture(tmp_path / "bare").grey(), VALUES * (255 / 4095), rtol=1e-6)


def test_bits_stored_of_eight_stay_the_stored_levels(read):
    values = np.array([[0, 7, 255, 90]], np.uint8)
    np.testing.assert_array_equal(read(made(values, 8)).grey(), values)


def test_a_window_says_what_is_black_and_white(read):
    """PS3.3 C.11.2.1.2.1: center 2048 and width 2001 run from 1047.5 to 3047.5."""
    picture = read(made(WindowCenter="2048", WindowWidth="2001"))
    expected = np.clip(((VALUES - 2047.5) / 2000 + 0.5) * 255, 0, 255)
    np.testing.assert_allclose(picture.grey(), expected, atol=1e-4)
    assert (picture.format, picture.white) == ("DICOM, window", 255)
    inverted = read(made(WindowCenter="2048", WindowWidth="2001", PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(inverted.grey(), 255 - expected, atol=1e-4)


def test_of_several_windows_the_first_is_taken_and_an_empty_one_is_none(read):
    picture = read(made(WindowCenter=["2048", "1"], WindowWidth=["4096", "2"]))
    np.testing.assert_allclose(picture.grey(), VALUES * (255 / 4095), atol=1e-3)
    assert read(made(WindowCenter="", WindowWidth="")).format == "DICOM, 12-bit"


@pytest.mark.parametrize(("function", "middle"), [("LINEAR_EXACT", 127.5), ("SIGMOID", 127.5)])
def test_other_functions_of_a_window(read, function, middle):
    values = np.array([[0, 1000, 2000, 3000]], np.uint16)
    grey = read(made(values, WindowCenter="2000", WindowWidth="1000", VOILUTFunction=function)).grey()
    assert grey[0, 2] == pytest.approx(middle, abs=0.01)
    assert grey[0, 0] < 1
    assert grey[0, 3] > 250


def test_a_window_is_in_rescaled_units(read):
    values = np.array([[-1000, 0, 400, 1000]], np.int16)
    picture = read(
        made(values + 24, 16, RescaleSlope="1", RescaleIntercept="-24", WindowCenter="0.5", WindowWidth="2001")
    )
    np.testing.assert_allclose(picture.grey(), (values + 1000) * (255 / 2000), atol=1e-3)


def test_a_rescale_without_a_window_changes_nothing_but_a_negative_slope_inverts(read):
    plain = read(made()).grey()
    np.testing.assert_array_equal(read(made(RescaleSlope="2", RescaleIntercept="-500")).grey(), plain)
    np.testing.assert_array_equal(read(made(RescaleSlope="-1", RescaleIntercept="4095")).grey(), 255 - plain)


def lookup(table, first, depth):
    item = Dataset()
    item.LUTDescriptor = [len(table), first, depth]
    item.LUTData = np.asarray(table, "<u2").tobytes()
    item["LUTData"].VR = "OW"
    return [item]


def test_a_lookup_table_comes_before_a_window_and_its_white_is_that_of_its_entries(read):
    """The descriptor says 16 bits, the entries are of 10; 1000 and above are the last entry, below 998 the first."""
    values = np.array([[0, 998, 999, 1000, 4000]], np.uint16)
    content = made(values, VOILUTSequence=lookup([0, 400, 1023], 998, 16), WindowCenter="1", WindowWidth="2")
    picture = read(content)
    np.testing.assert_allclose(picture.grey(), [[0, 0, 400 / 1023 * 255, 255, 255]], atol=1e-3)
    assert picture.format == "DICOM, VOI lookup table"
    eight = lookup([0, 10, 255], 998, 8)  # more values than 8 bits can count are looked up in 8 bits
    np.testing.assert_allclose(read(made(values, VOILUTSequence=eight)).grey(), [[0, 0, 10, 255, 255]], atol=1e-3)


def test_a_modality_lookup_table_is_applied_before_the_window(read):
    table = lookup(np.arange(4096)[::-1], 0, 12)
    np.testing.assert_allclose(read(made(ModalityLUTSequence=table)).grey(), 255 - VALUES * (255 / 4095), atol=1e-3)
    windowed = read(made(ModalityLUTSequence=table, WindowCenter="2048", WindowWidth="4096"))
    np.testing.assert_allclose(windowed.grey(), 255 - VALUES * (255 / 4095), atol=1e-3)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("window", [{}, {"WindowCenter": "2048", "WindowWidth": "4096"}])
def test_padding_is_black_and_does_not_count_as_a_value(read, photometric, window):
    values = np.array([[65535, 100, 1000, 65535]], np.uint16)
    content = made(values, 16, PixelPaddingValue=65535, PhotometricInterpretation=photometric, **window)
    picture = read(content)
    assert picture.highest == 1000
    assert picture.grey()[0, [0, 3]].tolist() == [0, 0]
    assert picture.grey(1023)[0, 2] != 0


def test_padding_may_be_a_range_and_signed_in_an_unsigned_type(read):
    values = np.array([[-2000, -1990, 0, 100]], np.int16)
    content = made(values, 16, WindowCenter="50", WindowWidth="101")
    content.add_new("PixelPaddingValue", "US", 65536 - 2000)
    content.add_new("PixelPaddingRangeLimit", "US", 65536 - 1990)
    picture = read(content)
    assert picture.padding.tolist() == [[True, True, False, False]]


def test_an_image_of_nothing_but_padding_is_black(read):
    assert read(made(np.full((2, 2), 7, np.uint16), PixelPaddingValue=7)).grey().max() == 0


def test_signed_values_need_a_window_unless_none_is_negative(read):
    with pytest.raises(
        UnreadableImage, match="values from -5 to 100 and no window that says which are black and white"
    ):
        read(made(np.array([[-5, 100]], np.int16), 16))
    picture = read(made(np.array([[5, 4095]], np.int16), 16))
    assert (picture.white, picture.highest) == (32767, 4095)


def test_values_beyond_the_bits_stored_are_graphics_or_a_wrong_header(read):
    with pytest.raises(UnreadableImage, match="says its values end at 1023 and has values to 4095; fix BitsStored"):
        read(made(bits=10))
    drawn = VALUES % 1024 + (np.uint16(1) << 12)
    content = made(drawn, 12)
    content.add_new((0x6000, 0x0102), "US", 12)
    np.testing.assert_allclose(read(content).grey(), VALUES % 1024 * (255 / 4095), rtol=1e-6)


def test_colour_becomes_luminance(read):
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    content = made(red, 8, SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0)
    assert np.all(read(content).grey() == 76)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (made(NumberOfFrames="2", PixelData=VALUES.tobytes() * 2), "is DICOM of 2 frames; expected one image"),
        (made(PhotometricInterpretation="PALETTE COLOR"), "is DICOM in PALETTE COLOR of 16 bits"),
        (made(VALUES.astype(np.uint32), 32), "is DICOM in MONOCHROME2 of 32 bits; expected"),
        (made(PixelData=VALUES.tobytes()[:-4]), "cannot be decoded: The number of bytes"),
        (made(WindowCenter="1", WindowWidth="0"), "Window Width must be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(read, content, words):
    with pytest.raises(UnreadableImage, match=words) as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_no_shipped_file_brings_up_a_second_line_or_another_error():
    unreadable = 0
    for file in SHIPPED.rglob("*"):
        if file.is_file():
            try:
                assert read_picture(file).grey().ndim == 2
            except UnreadableImage as error:
                assert "\n" not in str(error), file
                unreadable += 1
    assert unreadable > 30
    with pytest.raises(UnreadableImage, match=r"is DICOM without an image \(RT Structure Set Storage\)"):
        read_picture(SHIPPED / "rtstruct.dcm")


# Compression


@pytest.mark.parametrize("twin", ["RLE", "jp2klossless", "jpeg_ls_lossless", "bigendian", "implicit"])
def test_shipped_twins_of_an_uncompressed_file_are_the_same_picture(twin):
    plain, compressed = (read_picture(SHIPPED / f"MR_small{name}.dcm") for name in ("", f"_{twin}"))
    np.testing.assert_array_equal(compressed.grey(), plain.grey())


def test_jpeg_lossless_of_a_shipped_colour_image_is_its_rle_twin():
    plain, compressed = (read_picture(SHIPPED / f"SC_rgb_{name}.dcm") for name in ("rle", "jpeg_gdcm"))
    np.testing.assert_array_equal(compressed.grey(), plain.grey())


@pytest.mark.parametrize(("file", "bits"), [("JPEGLSNearLossless_08", 8), ("JPEGLSNearLossless_16", 16)])
def test_near_lossless_jpeg_ls_is_read(file, bits):
    picture = read_picture(SHIPPED / f"{file}.dcm")
    assert picture.format == f"DICOM, {bits}-bit"
    assert picture.highest == 2**bits - 1


@pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless, RLELossless])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_what_is_compressed_without_losses_is_what_it_was(tmp_path, read, syntax, bits):
    import gdcm

    values = np.random.default_rng(bits).integers(0, 2**bits, (33, 40)).astype(np.uint8 if bits == 8 else np.uint16)
    plain = read(made(values, bits), "plain.dcm")
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(tmp_path / "plain.dcm"))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(str(syntax))))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(tmp_path / "compressed.dcm"))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    assert pydicom.dcmread(tmp_path / "compressed.dcm").file_meta.TransferSyntaxUID == syntax
    compressed = read_picture(tmp_path / "compressed.dcm")
    np.testing.assert_array_equal(compressed.grey(), plain.grey())
    assert compressed.format == plain.format


@pytest.mark.parametrize("syntax", [HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL])
def test_high_throughput_jpeg_2000_is_what_another_codec_compressed(read, syntax):
    content = made(HT_VALUES.astype(np.uint16), syntax=syntax, PixelData=encapsulate([HT_CODE]))
    content["PixelData"].is_undefined_length = True
    np.testing.assert_allclose(read(content).grey(), HT_VALUES * (255 / 4095), rtol=1e-6)


def test_a_compression_that_none_reads_is_named(read, monkeypatch):
    with pytest.raises(UnreadableImage, match=r"compressed as JPEG Extended .*1\.2\.4\.51\), which no package reads"):
        read_picture(SHIPPED / "JPGExtended.dcm")
    content = made(syntax=MPEG2MPML, PixelData=encapsulate([b"1234"]))
    content["PixelData"].is_undefined_length = True
    with pytest.raises(UnreadableImage, match=r"MPEG2 Main Profile / Main Level .* which no package reads"):
        read(content)


def test_a_compression_whose_package_is_absent_names_it(monkeypatch):
    class Without:
        available_plugins = ()

    monkeypatch.setattr(dicom, "get_decoder", lambda syntax: Without)
    with pytest.raises(UnreadableImage, match=r"JPEG-LS Lossless .* which needs the Python package python-gdcm"):
        read_picture(SHIPPED / "MR_small_jpeg_ls_lossless.dcm")
