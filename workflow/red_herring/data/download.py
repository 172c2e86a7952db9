"""Fetch a data set once, from a torrent or a web server, or a single file as it is, from a web server.

downloads/checksums.json   SHA-256 of all that came from a web server, by its URL: our own record
downloads/{key}/files/     the data set, unpacked; {key} is the torrent's info hash or the archive's commit
downloads/{key}/complete.json   written last: what came from where; without it the fetch is not finished
downloads/{key}/partial/   what is there so far
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import logging
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import requests

from red_herring.data.torrent import Progress, fetch_torrent, valid_info_hash
from red_herring.data.unpack import BadArchive, is_archive, unpack
from red_herring.runtime.files import StudyError, read_json, remove_leftovers, sha256, write_json
from red_herring.runtime.locks import sole

log = logging.getLogger(__name__)

WAITS = (2, 10, 60, 300)
"""Seconds before each new attempt at a transfer that failed."""

TIMEOUT = 60
"""Seconds without a byte after which a transfer has failed."""

CHUNK = 2**20

OWN_COPY = {"archive": "`imgpath` to a folder with your own copy", "file": "`anatomy.weights` to your own copy"}
"""What a web server has -> what to set to do without it."""

MARKER = ".complete.json"
"""What becomes complete.json."""


@dataclass(frozen=True)
class Fetched:
    """A data set that is there: the folder of its files, how many, and how many bytes they have."""

    folder: Path
    files: int
    bytes: int
    origin: Mapping[str, str]
    sha256: str | None
    """Of the archive or file, if it came from a web server."""


class _Transient(Exception):
    """What may go better at another attempt."""


def fetch(
    origin: Mapping[str, str],
    downloads: Path,
    trackers: Sequence[str],
    stall_timeout: float,
    waits: Sequence[float] = WAITS,
) -> Fetched:
    """The data set of `origin` below `downloads`, fetched if it is not there yet; what is complete needs no network.

    `origin` is {"torrent": info hash}, {"archive": URL, "sha256": of the archive, if known}, or the same with `file`,
    which is not unpacked; `stall_timeout` is in seconds, `waits` are the seconds before each new attempt at a web
    server. A process that was killed continues with what is missing; one that comes while another fetches waits for
    it. Raises StudyError when the data set cannot be had, has not the checksum that it should have, or has been altered
    since it was fetched.
    """
    home = downloads / _key(origin)
    if fetched := _complete(origin, home):
        return fetched
    home.mkdir(parents=True, exist_ok=True)
    with sole(home / "complete.json"):
        remove_leftovers(home / MARKER)
        # Another process may have finished it while this one waited.
        return _complete(origin, home) or _fetch(origin, home, trackers, stall_timeout, waits)


def _key(origin: Mapping[str, str]) -> str:
    if "torrent" in origin:
        return valid_info_hash(origin["torrent"])
    url = _url(origin)
    _check_address(url)
    commit = re.search("(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])", url)
    return commit.group() if commit else hashlib.sha256(url.encode()).hexdigest()


def _url(origin: Mapping[str, str]) -> str:
    return origin[_served(origin)]


def _served(origin: Mapping[str, str]) -> str:
    """What a web server has: `archive` or `file`."""
    return "file" if "file" in origin else "archive"


def _check_address(url: str) -> None:
    """StudyError unless nobody on the way can alter what comes from there."""
    address = urlsplit(url)
    if address.scheme != "https" and not (address.scheme == "http" and _is_loopback(address.hostname or "")):
        raise StudyError(f"{url}: is not an address that can be trusted, expected https://; give such a one")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _complete(origin: Mapping[str, str], home: Path) -> Fetched | None:
    """The data set if its fetch was finished."""
    return _opened(origin, home) if (home / "complete.json").exists() else None


def _opened(origin: Mapping[str, str], home: Path) -> Fetched:
    """The data set whose fetch was finished; StudyError if it is not as it was then, or of another origin."""
    marker = read_json(home / "complete.json")
    files, size = _measure(home / "files")
    checks: list[tuple[str, object, object]] = [("files", files, marker["files"]), ("bytes", size, marker["bytes"])]
    if "torrent" not in origin:  # two URLs may name one commit; a torrent's key is its identity
        checks.append((_served(origin), _url(origin), marker["origin"].get(_served(origin))))
    if origin.get("sha256"):
        checks.append(("sha256", origin["sha256"].lower(), marker.get("sha256")))
    for what, found, expected in checks:
        if found != expected:
            raise StudyError(
                f"{home}: `{what}` of the data set is {found}, expected {expected} as in its complete.json; delete the "
                "folder and run again"
            )
    return Fetched(home / "files", files, size, origin, marker.get("sha256"))


def _measure(folder: Path) -> tuple[int, int]:
    """Number of files below `folder`, and their bytes."""
    sizes = [Path(root, name).stat().st_size for root, _, names in os.walk(folder) for name in names]
    return len(sizes), sum(sizes)


def _fetch(
    origin: Mapping[str, str], home: Path, trackers: Sequence[str], stall_timeout: float, waits: Sequence[float]
) -> Fetched:
    partial, files, marker = home / "partial", home / "files", home / MARKER
    # What was counted before the files moved to their place; if it is there, only the moves were missing.
    if not marker.exists():
        if files.exists():
            raise StudyError(
                f"{home}: has `files` but no complete.json, expected both; delete the folder and run again"
            )
        partial.mkdir(exist_ok=True)
        if "torrent" in origin:
            checksum = _from_torrent(origin["torrent"], partial, trackers, stall_timeout)
        else:
            checksum = _from_server(origin, partial, home.parent, waits)
        count, size = _measure(partial / "unpacked")
        write_json(marker, {"origin": dict(origin), **checksum, "files": count, "bytes": size})
    if (partial / "unpacked").exists():
        os.replace(partial / "unpacked", files)
    shutil.rmtree(partial, ignore_errors=True)
    os.replace(marker, home / "complete.json")
    fetched = _opened(origin, home)
    log.info("%s: complete, %d files of %.1f MB", files, fetched.files, fetched.bytes / 1e6)
    return fetched


def _from_torrent(info_hash: str, partial: Path, trackers: Sequence[str], stall_timeout: float) -> dict[str, str]:
    """Fill partial/unpacked from a torrent; every archive is deleted as soon as it is unpacked."""
    # This list ends the download: from here on files leave the torrent's folder, which must not count as missing.
    fetched, folder, unpacked = partial / "fetched.json", partial / "torrent", partial / "unpacked"
    if not fetched.exists():
        files = fetch_torrent(info_hash, folder, list(trackers), stall_timeout)
        write_json(fetched, [str(file.relative_to(folder)) for file in files])
    for name in read_json(fetched):
        file = folder / name
        if not file.exists():
            continue
        if is_archive(file):
            log.info("unpacking %s", name)
            unpack(file, unpacked)
            file.unlink()
        else:
            (unpacked / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(file, unpacked / name)
    return {}  # its info hash is its checksum


def _from_server(origin: Mapping[str, str], partial: Path, downloads: Path, waits: Sequence[float]) -> dict[str, str]:
    """Make partial/unpacked of what a web server has; returns its SHA-256, on record once it is of use."""
    url, archive, unpacked = _url(origin), partial / "archive", partial / "unpacked"
    if not archive.exists():
        _transfer(origin, archive, waits)
    found, known = sha256(archive), _known_checksum(origin, downloads)
    if known and found != known:
        archive.unlink()
        raise StudyError(
            f"{url}: the {_served(origin)}'s SHA-256 is {found}, expected {known}; either the server packed it anew, "
            "as GitHub may, or somebody altered it on its way: if you trust it, give this `sha256` or delete the URL's "
            f"entry in {downloads / 'checksums.json'}, and run again"
        )
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        if "file" in origin:
            unpacked.mkdir()
            shutil.copyfile(archive, unpacked / _name(url))
        else:
            unpack(archive, unpacked)
    except BadArchive as error:
        archive.unlink()
        raise StudyError(f"{url}: {error}") from error
    if not known:
        _record_checksum(url, found, downloads)
    return {"sha256": found}


def _name(url: str) -> str:
    """What a file is called, by its address."""
    return Path(unquote(urlsplit(url).path)).name or "file"


def _known_checksum(origin: Mapping[str, str], downloads: Path) -> str | None:
    if given := origin.get("sha256"):
        return given.lower()
    record = downloads / "checksums.json"
    return read_json(record).get(_url(origin)) if record.exists() else None


def _record_checksum(url: str, checksum: str, downloads: Path) -> None:
    record = downloads / "checksums.json"
    # Another data set may be recorded at the same time.
    with sole(record):
        remove_leftovers(record)
        write_json(record, (read_json(record) if record.exists() else {}) | {url: checksum})
    log.info("%s: SHA-256 is %s, recorded in %s", url, checksum, record)


def _transfer(origin: Mapping[str, str], path: Path, waits: Sequence[float]) -> None:
    """Download to `path`, whole or not at all, with a new attempt after each of `waits` (seconds)."""
    url, part = _url(origin), path.with_name(f"{path.name}.part")
    for attempt in range(len(waits) + 1):
        if attempt:
            time.sleep(waits[attempt - 1])
        try:
            _receive(origin, part)
            os.replace(part, path)
            return
        except _Transient as error:
            failure = error
            log.warning("%s: attempt %d of %d failed: %s", url, attempt + 1, len(waits) + 1, failure)
        finally:
            part.unlink(missing_ok=True)
    raise StudyError(
        f"{url}: could not be downloaded in {len(waits) + 1} attempts ({failure}), expected the whole "
        f"{_served(origin)}; run again later or set {OWN_COPY[_served(origin)]}"
    )


def _receive(origin: Mapping[str, str], part: Path) -> None:
    """One attempt; _Transient if another may do."""
    url = _url(origin)
    try:
        # Compression on the way would hide the archive's own size.
        headers = {"Accept-Encoding": "identity"}
        hooks = {"response": _check_redirect}
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers, hooks=hooks) as response:
            _check_answer(origin, response)
            # Some servers compress all the same; then the length is not the archive's.
            encoded = "Content-Encoding" in response.headers
            expected = 0 if encoded else int(response.headers.get("Content-Length", 0))
            _check_space(url, part.parent, expected)
            _save(url, response, part, expected)
    except (
        requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError,
        requests.exceptions.ContentDecodingError,
    ) as error:  # fmt: skip
        raise _Transient(str(error)) from error
    except requests.RequestException as error:
        raise StudyError(f"{url}: cannot be downloaded: {error}; fix the address") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StudyError(f"{part}: {error.strerror} for {url}; make space there and run again") from error
        raise


def _check_redirect(response: requests.Response, **_: object) -> None:
    """Called for each answer before its redirect is followed."""
    if response.is_redirect:
        _check_address(urljoin(response.url, response.headers["Location"]))


def _check_answer(origin: Mapping[str, str], response: requests.Response) -> None:
    answer = f"the server answered {response.status_code} {response.reason}"
    if response.status_code >= 500 or response.status_code == requests.codes.too_many_requests:
        raise _Transient(answer)
    if response.status_code != requests.codes.ok:
        raise StudyError(
            f"{_url(origin)}: {answer}, expected an answer with the {_served(origin)}; fix the address or set "
            f"{OWN_COPY[_served(origin)]}"
        )


def _check_space(url: str, folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if 2 * size > free:
        raise StudyError(
            f"{url}: needs {2 * size / 1e9:.2f} GB in {folder} to be downloaded and unpacked, where "
            f"{free / 1e9:.2f} GB are free; make space there and run again"
        )


def _save(url: str, response: requests.Response, part: Path, expected: int) -> None:
    """Write the answer's body to `part`; _Transient if it is shorter than `expected` bytes, unless that is 0."""
    written = 0
    with open(part, "wb") as file, Progress(url) as progress:
        for chunk in response.iter_content(CHUNK):
            written += file.write(chunk)
            progress.show(written, expected)
        os.fsync(file.fileno())
    if expected and written != expected:
        raise _Transient(f"{written} of {expected} bytes came")
