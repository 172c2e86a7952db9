"""Archives from elsewhere: unpacked whole, or refused whole."""

import gzip
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from red_herring.data import unpack as module
from red_herring.data.unpack import BadArchive, is_archive, unpack
from red_herring.runtime.files import StudyError

CONTENT = {"images/1.png": bytes(range(256)) * 40, "images/more/2.png": b"two", "empty.txt": b""}


def make_zip(path: Path, content: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def make_tar(path: Path, content: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def tar_member(path: Path, name: str, kind: bytes, target: str = "") -> Path:
    """A harmless file and then one member of another kind."""
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("harmless.txt"))
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return path


def zip_member(path: Path, name: str, mode: int) -> Path:
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, mode << 16
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("harmless.txt", "")
        archive.writestr(member, "/etc/passwd")
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(archive: Path, *words: str) -> None:
    folder = archive.parent / "out" / "files"
    with pytest.raises(BadArchive) as error:
        unpack(archive, folder)
    for word in (archive.name, "get another copy", *words):
        assert word in str(error.value)
    assert list(archive.parent.glob("out/*")) == [], "nothing of it is left"


MAKERS = {
    "zip": make_zip,
    "tar": make_tar,
    "tar.gz": lambda path, content: make_tar(path, content, "w:gz"),
    "tar.bz2": lambda path, content: make_tar(path, content, "w:bz2"),
    "tar.xz": lambda path, content: make_tar(path, content, "w:xz"),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_an_archive_is_known_by_its_content(tmp_path, kind):
    archive = MAKERS[kind](tmp_path / "archive.of.some.kind", CONTENT)
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "files") == 3
    assert content(tmp_path / "files") == CONTENT


def test_other_files_are_no_archives(tmp_path):
    image = tmp_path / "image.zip"
    # zipfile takes the end for that of a zip.
    image.write_bytes(b"\x89PNG\r\n" + bytes(range(256)) * 40 + b"PK\x05\x06" + b"\0" * 18)
    assert zipfile.is_zipfile(image)
    assert not is_archive(image)
    assert_refused(image, "not a zip or tar archive")
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert not is_archive(tmp_path / "table.csv.gz")
    (tmp_path / "nothing").write_bytes(b"")
    assert not is_archive(tmp_path / "nothing")


def test_archives_merge_into_one_folder(tmp_path):
    files = tmp_path / "files"
    assert unpack(make_tar(tmp_path / "1.tgz", {"images/1.png": b"1", "readme": b"same"}, "w:gz"), files) == 2
    assert unpack(make_zip(tmp_path / "2.zip", {"images/2.png": b"2", "readme": b"same"}), files) == 2
    assert content(files) == {"images/1.png": b"1", "images/2.png": b"2", "readme": b"same"}
    assert {path.name for path in tmp_path.iterdir()} == {"1.tgz", "2.zip", "files"}


def test_archives_that_contradict_each_other_are_not_merged(tmp_path):
    files = tmp_path / "files"
    unpack(make_zip(tmp_path / "1.zip", {"images/1.png": b"1"}), files)
    with pytest.raises(StudyError, match=r"images/1.png differs from the file by that name"):
        unpack(make_zip(tmp_path / "2.zip", {"images/0.png": b"0", "images/1.png": b"another"}), files)
    assert content(files) == {"images/1.png": b"1"}


@pytest.mark.parametrize("name", ["../out.png", "images/../../out.png", "/tmp/out.png", "images\\..\\..\\out.png"])
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_paths_that_lead_out_are_refused(tmp_path, name, make):
    assert_refused(make(tmp_path / "archive", {"images/1.png": b"1", name: b"out"}), "outside", "out.png")


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc"),
        (tarfile.SYMTYPE, "harmless.txt"),
        (tarfile.LNKTYPE, "/etc/passwd"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.GNUTYPE_SPARSE, ""),
    ],
)
def test_a_tar_with_more_than_files_and_folders_is_refused(tmp_path, kind, target):
    assert_refused(tar_member(tmp_path / "archive.tar", "odd", kind, target), "'odd' is a link, a device or sparse")


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFCHR | 0o600, stat.S_IFIFO | 0o600])
def test_a_zip_with_more_than_files_and_folders_is_refused(tmp_path, mode):
    assert_refused(zip_member(tmp_path / "archive.zip", "odd", mode), "'odd' is a link or a device")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused(tmp_path, kind):
    archive = tmp_path / f"bomb.{kind}"
    zeros = b"\0" * 30_000_000
    if kind == "zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
            opened.writestr("zeros.png", zeros)
    else:
        make_tar(archive, {"zeros.png": zeros}, "w:gz")
    assert archive.stat().st_size < 100_000
    assert_refused(archive, "more than 20 times its size")


def test_a_zip_that_lies_about_its_sizes_is_refused(tmp_path):
    """The directory says 10 bytes; what is unpacked counts."""
    archive = tmp_path / "lie.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("zeros.png", b"\0" * 30_000_000)
        opened.filelist[0].file_size = 10
    assert_refused(archive, "lie.zip")


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    assert_refused(make_zip(tmp_path / "many.zip", CONTENT), "more than 2 members")


def test_a_long_header_is_not_read_into_memory(tmp_path):
    archive = tmp_path / "long.tar"
    header = tarfile.TarInfo("long")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 50_000_000
    long = header.tobuf(tarfile.GNU_FORMAT) + b"n" * 100_000
    archive.write_bytes(tarfile.TarInfo("harmless.txt").tobuf() + long)
    assert_refused(archive, "a header has 50000000 bytes")
    archive.write_bytes(long)
    assert_refused(archive, "not a zip or tar archive")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_truncated_archive_is_refused(tmp_path, kind):
    random = b"".join(bytes([(number * number) % 251]) for number in range(200_000))
    archive = MAKERS[kind](tmp_path / "short", {f"images/{number}.png": random for number in range(4)})
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert_refused(archive, "damaged")


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_archive_is_refused(tmp_path, kind):
    """One byte in the middle; a plain tar has checksums for its headers only."""
    archive = MAKERS[kind](tmp_path / "damaged", {f"{number}.png": bytes(range(256)) for number in range(101)})
    damaged = bytearray(archive.read_bytes())
    damaged[50 * 1024 + 20 if kind == "tar" else len(damaged) // 3] ^= 0xFF
    archive.write_bytes(damaged)
    assert_refused(archive, "damaged")


def test_a_tar_that_ends_between_two_members_is_refused(tmp_path):
    archive = make_tar(tmp_path / "short.tar", {"1.png": b"1" * 512, "2.png": b"2" * 512})
    archive.write_bytes(archive.read_bytes()[:1024])
    assert_refused(archive, "damaged")


def test_two_members_for_one_path_are_refused(tmp_path):
    archive = tmp_path / "twice.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("1.png", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            opened.writestr("1.png", "2")
    assert_refused(archive, "two members", "1.png")


def test_no_space_is_said_before_anything_is_written(tmp_path):
    archive = tmp_path / "huge.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("huge.png", b"1")
        opened.filelist[0].file_size = 10**15
    with pytest.raises(StudyError, match=r"huge.zip: needs 1000000.00 GB .* make space") as error:
        unpack(archive, tmp_path / "files")
    assert not isinstance(error.value, BadArchive), "the archive is good"
    assert list(tmp_path.iterdir()) == [archive]


def test_a_disk_that_fills_up_gets_a_sentence_and_leaves_nothing(tmp_path, small_disk):
    """A real file system of 64 KiB; what a tar unpacks to is not known before."""
    archive = make_tar(tmp_path / "images.tar.gz", {f"{n}.png": os.urandom(20_000) for n in range(10)}, "w:gz")
    small = small_disk(tmp_path / "small", "64k")
    with pytest.raises(StudyError, match=r"images.tar.gz: needs more space to be unpacked into .* make space"):
        unpack(archive, small / "files")
    assert list(small.iterdir()) == []


def test_modes_are_those_of_new_files(tmp_path):
    (tmp_path / "new").touch()
    member = tarfile.TarInfo("1.png")
    member.mode, member.uid = 0o4777, 12345
    with tarfile.open(tmp_path / "modes.tar", "w") as archive:
        archive.addfile(member)
    zip_member(tmp_path / "modes.zip", "2.png", stat.S_IFREG | 0o4777)
    for archive in ("modes.tar", "modes.zip"):
        unpack(tmp_path / archive, tmp_path / "files")
    for name in ("1.png", "2.png"):
        got, new = (tmp_path / "files" / name).stat(), (tmp_path / "new").stat()
        assert (got.st_mode, got.st_uid) == (new.st_mode, new.st_uid)


def test_what_an_earlier_process_left_is_not_mixed_in(tmp_path):
    left = tmp_path / ".files.unpacking"
    left.mkdir()
    (left / "old.png").touch()
    unpack(make_zip(tmp_path / "1.zip", CONTENT), tmp_path / "files")
    assert content(tmp_path / "files") == CONTENT
