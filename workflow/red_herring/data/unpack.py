"""Unpack an archive that came from elsewhere: plain files and folders only, all of them or none."""

from __future__ import annotations

import bz2
import errno
import filecmp
import gzip
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from red_herring.runtime.files import StudyError

MAX_EXPANSION = 20
"""Most bytes to unpack for each byte of the archive; X-rays as PNG or JPEG hardly shrink, an empty DICOM may."""

MAX_ENTRIES = 2_000_000
"""Most members; the largest collections of X-rays have fewer than half a million images."""

ALLOWANCE = 2**20
"""Bytes that any archive may unpack to, as a tiny text may shrink by more than MAX_EXPANSION."""

MAX_HEADER = 2**20
"""Most bytes of a tar header that is read into memory, such as a long name."""

CHUNK = 2**20

ZIP_MAGIC = b"PK\x03\x04"
COMPRESSED = {b"\x1f\x8b": gzip.GzipFile, b"BZh": bz2.BZ2File, b"\xfd7zXZ": lzma.LZMAFile}
DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError, ValueError,
    NotImplementedError, struct.error,
)  # fmt: skip


class BadArchive(StudyError):
    """Another copy of the archive is needed: this one is damaged or has what no archive of images should have."""


class _Damaged(Exception):
    """The archive is not as its own format says it should be."""


def is_archive(path: Path) -> bool:
    """Whether the content is a zip or tar archive, compressed or not, whatever the name."""
    # zipfile alone takes any file for a zip in whose last 64 KiB the bytes PK\5\6 happen to be: one image in 65,000.
    if _magic(path).startswith(ZIP_MAGIC):
        return zipfile.is_zipfile(path)
    try:
        tarfile.open(path, tarinfo=_Header).close()
    except DAMAGE:
        return False
    return True


def _magic(path: Path) -> bytes:
    with open(path, "rb") as content:
        return content.read(8)


def unpack(archive: Path, folder: Path) -> int:
    """Extract a zip or tar archive into `folder`, beside what is there already; returns the number of its files.

    The bytes go through a folder beside `folder`, so that a refused or interrupted archive leaves nothing behind; only
    one process at a time may unpack into a folder. The files get the modes that new files of the user get. Memory does
    not grow with the size of the archive; a zip's list of members is read as a whole.
    Raises BadArchive for one that is damaged, that has members other than plain files and folders, or with paths
    outside of `folder`, or that unpacks to more than MAX_EXPANSION times its size or to more than MAX_ENTRIES members;
    StudyError when there is no space, or when `folder` has a different file by the same name.
    """
    if not is_archive(archive):
        raise BadArchive(f"{archive}: is not a zip or tar archive, or is damaged; get another copy")
    aside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        with _explained(archive, folder):
            files = _extract(archive, aside)
        _merge(archive, aside, folder)
        return files
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def _explained(archive: Path, folder: Path) -> Iterator[None]:
    """What goes wrong while an archive is read, as one sentence."""
    try:
        yield
    except (_Damaged, *DAMAGE) as error:
        raise _damaged(archive, error) from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise BadArchive(
            f"{archive}: has two members for the path {Path(error.filename).name!r}, expected one; get another copy"
        ) from error
    except OSError as error:
        if error.errno is None:  # bz2's way to say it
            raise _damaged(archive, error) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_space(archive, folder) from error
        raise


def _damaged(archive: Path, error: Exception) -> BadArchive:
    return BadArchive(f"{archive}: the archive is damaged ({error}); get another copy")


def _no_space(archive: Path, folder: Path, needed: int | None = None) -> StudyError:
    free = shutil.disk_usage(folder.parent).free
    amount = "more space" if needed is None else f"{needed / 1e9:.2f} GB"
    return StudyError(
        f"{archive}: needs {amount} to be unpacked into {folder}, where {free / 1e9:.2f} GB are free, or less by a "
        "quota; make space there and run again"
    )


def _extract(archive: Path, folder: Path) -> int:
    magic = _magic(archive)
    members = _zip_members(archive, folder) if magic.startswith(ZIP_MAGIC) else _tar_members(archive, magic)
    left = MAX_EXPANSION * archive.stat().st_size + ALLOWANCE
    files = 0
    for entries, (name, size, content) in enumerate(members, 1):
        if entries > MAX_ENTRIES:
            raise BadArchive(f"{archive}: has more than {MAX_ENTRIES} members and was refused; get another copy")
        path = folder / _inside(archive, name)
        if content is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        written = _copy(content, path, left)
        left -= written
        if left < 0:
            raise BadArchive(
                f"{archive}: unpacks to more than {MAX_EXPANSION} times its size and was refused; get another copy"
            )
        if written != size:
            raise _Damaged(f"{name} has {written} bytes, expected {size}")
        files += 1
    return files


def _inside(archive: Path, name: str) -> PurePosixPath:
    """The member's path if it stays below the folder that it is unpacked into."""
    # Some archivers on Windows write backslashes.
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise _refused(archive, name, "a path outside of the archive's folder")
    return PurePosixPath(name)


def _refused(archive: Path, name: str, what: str) -> BadArchive:
    return BadArchive(
        f"{archive}: member {name!r} is {what}, expected only plain files and folders; the archive was refused, "
        "get another copy"
    )


def _copy(content: IO[bytes], path: Path, most: int) -> int:
    """Write `content` to a new file and count; stops soon after `most` bytes."""
    written = 0
    with open(path, "xb") as file:
        while written <= most and (chunk := content.read(CHUNK)):
            written += file.write(chunk)
    return written


def _zip_members(archive: Path, folder: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """(name, size, content) of each member; the content of a folder is None."""
    with zipfile.ZipFile(archive) as opened:
        members = opened.infolist()
        needed = sum(member.file_size for member in members)
        if needed > shutil.disk_usage(folder).free:
            raise _no_space(archive, folder, needed)
        for member in members:
            # The upper half is the mode on Unix; zero where the archiver knows no modes.
            if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, member.filename, "a link or a device")
            if member.flag_bits & 1:
                raise _refused(archive, member.filename, "encrypted")
            if member.is_dir():
                yield member.filename, 0, None
                continue
            with opened.open(member) as content:
                yield member.filename, member.file_size, content


class _Header(tarfile.TarInfo):
    """A tar header that must be whole: tarfile itself takes a damaged one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # is in no stub
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    def _proc_member(self, tar: tarfile.TarFile) -> _Header:
        # tarfile's hook for subclasses: before the rest of a long header is read into memory.
        if not self.isreg() and self.size > MAX_HEADER:
            raise tarfile.ReadError(f"a header has {self.size} bytes")
        whole: _Header = super()._proc_member(tar)  # type: ignore[misc]  # in no stub either
        return whole


def _tar_members(archive: Path, magic: bytes) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """(name, size, content) of each member; the content of a folder is None."""
    packer = next((packer for start, packer in COMPRESSED.items() if magic.startswith(start)), None)
    with (
        packer(archive) if packer else open(archive, "rb") as stream,
        tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as opened,
    ):
        while member := opened.next():
            opened.members = []  # type: ignore[attr-defined]  # tarfile would keep them all
            if member.isdir():
                yield member.name, 0, None
            elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
                yield member.name, member.size, opened.extractfile(member)
            else:
                raise _refused(archive, member.name, "a link, a device or sparse")
        # The decompressor compares the checksum at the end of its stream, which tar does not read up to.
        while stream.read(CHUNK):
            pass


def _merge(archive: Path, aside: Path, folder: Path) -> None:
    """Move what is in `aside` into `folder`; nothing is moved when a file there by the same name differs."""
    if not folder.exists():
        os.replace(aside, folder)
        return
    moves = [(path, folder / path.relative_to(aside)) for path in sorted(aside.rglob("*"))]
    for path, place in moves:
        if place.exists() and (
            path.is_dir() != place.is_dir() or (path.is_file() and not filecmp.cmp(path, place, False))
        ):
            raise StudyError(
                f"{archive}: its member {path.relative_to(aside)} differs from the file by that name in {folder}, "
                "expected different names in all archives; unpack them yourself and give `imgpath` that folder"
            )
    for path, place in moves:
        if path.is_dir():
            place.mkdir(exist_ok=True)
        else:
            os.replace(path, place)
