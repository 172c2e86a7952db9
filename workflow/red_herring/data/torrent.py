"""Download the files of a torrent, known by its info hash, and upload none of them."""

from __future__ import annotations

import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import certifi
import libtorrent as lt
from tqdm import tqdm

from red_herring.runtime.files import StudyError, write_bytes

log = logging.getLogger(__name__)

ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz")
"""Endings of the files that will be unpacked, for the estimate of the space that this takes."""

METADATA_LIMITS = {"max_buffer_size": 2**25, "max_decode_tokens": 2_500_000}
"""Bytes and tokens, as libtorrent takes them from peers; it reads less from files unless told otherwise."""

ANNOUNCE_SKIPPED = 180
"""libtorrent's error for a network interface from which the tracker cannot be reached; another interface may."""

REPORT_EVERY = 30.0
"""Seconds between two lines of progress."""

SETTINGS: lt.settings_pack = {
    "user_agent": f"red-herring libtorrent/{lt.version}",
    "alert_mask": int(lt.alert_category.error | lt.alert_category.tracker),
    # Any free port on every interface.
    "listen_interfaces": "0.0.0.0:0,[::]:0",
    # Login nodes of clusters block these, and scanning for peers is not welcome there: peers come from the trackers
    # and from other peers (peer exchange) only.
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    "announce_to_all_trackers": True,
    "announce_to_all_tiers": True,
    # The agreements of some data sets forbid to hand images on: no peer is unchoked, and none gets pieces while choked.
    "unchoke_slots_limit": 0,
    "allowed_fast_set_size": 0,
    # A full disk is an error here, but a memory-mapped write to it would kill the process.
    "disk_write_mode": int(lt.mmap_write_mode_t.always_pwrite),
    "stop_tracker_timeout": 2,
}


def fetch_torrent(info_hash: str, folder: Path, trackers: list[str], stall_timeout: float) -> list[Path]:
    """Download all files of the torrent with this v1 info hash (40 hexadecimal digits) into `folder`; returns them.

    `trackers` are announce URLs; `stall_timeout` is in seconds without a new verified byte. The torrent's metadata are
    kept as `folder/{info_hash}.torrent`. Whatever is in `folder` already is verified and kept, also after a kill.
    Raises StudyError for something that is not an info hash, when the download stalls, when there is no space for what
    is missing and for unpacking the torrent's archives, and for files that would be outside of `folder`.
    """
    info_hash = valid_info_hash(info_hash)
    folder.mkdir(parents=True, exist_ok=True)
    session = _session()
    try:
        files = _download(_Watch(session, info_hash, folder, stall_timeout), trackers)
    finally:
        session.pause()
        del session  # the last reference: libtorrent says goodbye to the trackers and closes its files
    for path, size in files.items():
        if not path.is_file() or path.stat().st_size != size:
            raise StudyError(f"{path}: is not there with its {size} bytes, though all pieces were; run again")
    return list(files)


def _download(watch: _Watch, trackers: list[str]) -> dict[Path, int]:
    """The torrent's files, all there, and their sizes in bytes."""
    torrent = _kept(watch.info_hash, watch.folder) or _from_peers(watch, trackers)
    files = _files(torrent, watch.info_hash, watch.folder)
    _payload(watch, torrent, trackers)
    return files


def valid_info_hash(text: str) -> str:
    """The info hash in lower case; StudyError if it is not 40 hexadecimal digits."""
    if not re.fullmatch("[0-9a-fA-F]{40}", text):
        raise StudyError(f"torrent {text!r}: is not an info hash, expected 40 hexadecimal digits; fix `torrent`")
    return text.lower()


def _session() -> lt.session:
    # The wheels of libtorrent look for the certificates of HTTPS trackers where Debian has them, and nowhere else.
    os.environ.setdefault("SSL_CERT_FILE", certifi.where())
    session = lt.session(SETTINGS)
    # libtorrent unchokes all peers of a local network, be it a cluster's, unless told otherwise.
    local = session.get_peer_class(session.local_peer_class_id)
    session.set_peer_class(session.local_peer_class_id, local | {"ignore_unchoke_slots": False})
    return session


def _kept(info_hash: str, folder: Path) -> lt.torrent_info | None:
    """The metadata of an earlier start, if they are whole."""
    path = folder / f"{info_hash}.torrent"
    if not path.exists():
        return None
    try:
        # Its types leave the limits out.
        torrent: lt.torrent_info | None = lt.load_torrent_file(str(path), METADATA_LIMITS).ti  # type: ignore[call-overload]
    except RuntimeError:
        torrent = None
    if torrent is None or str(torrent.info_hashes().v1) != info_hash:
        log.warning("%s: is not the metadata of torrent %s; asking the peers for them", path, info_hash)
        path.unlink()
        return None
    return torrent


def _from_peers(watch: _Watch, trackers: list[str]) -> lt.torrent_info:
    """The metadata as the peers have them, which libtorrent checks against the info hash; they are kept."""
    log.info("torrent %s: asking for its metadata", watch.info_hash)
    wanted = lt.add_torrent_params()
    wanted.info_hashes = lt.info_hash_t(lt.sha1_hash(bytes.fromhex(watch.info_hash)))
    # No payload before it is known that there is space for it.
    handle = watch.add(wanted, trackers, lt.torrent_flags.default_dont_download)
    for status in watch.statuses(handle):
        if status.has_metadata:
            break
    torrent = handle.torrent_file()
    if torrent is not None:
        write_bytes(watch.folder / f"{watch.info_hash}.torrent", b"d4:info" + torrent.info_section() + b"e")
    watch.session.remove_torrent(handle)
    kept = _kept(watch.info_hash, watch.folder)
    if kept is None:
        raise StudyError(f"torrent {watch.info_hash}: the peers gave no metadata that can be read; run again")
    return kept


def _files(torrent: lt.torrent_info, info_hash: str, folder: Path) -> dict[Path, int]:
    """The torrent's files, without its padding, and their sizes in bytes."""
    layout, files = torrent.layout(), {}
    for number in range(layout.num_files()):
        flags = layout.file_flags(number)
        if flags & lt.file_storage.flag_pad_file:
            continue
        path = folder / layout.file_path(number)
        # libtorrent puts such paths right; this is in case that it misses one, or that a folder became a link.
        if flags & lt.file_storage.flag_symlink or not path.resolve().is_relative_to(folder.resolve()):
            raise StudyError(
                f"torrent {info_hash}: its file {layout.file_path(number)!r} is a link or outside of {folder}, "
                "expected plain files; use another torrent"
            )
        files[path] = layout.file_size(number)
    return files


def _payload(watch: _Watch, torrent: lt.torrent_info, trackers: list[str]) -> None:
    """Verify what is there, see that there is space for the rest, and download it."""
    wanted = lt.add_torrent_params()
    wanted.ti = torrent
    # No resume data: what a process that was killed wrote last is in no record, so every piece there is hashed again.
    # Then the torrent stops until it is resumed.
    handle = watch.add(wanted, trackers, lt.torrent_flags.stop_when_ready)
    for status in watch.statuses(handle):
        if status.is_seeding or status.paused:
            break
    log.info(
        "torrent %s (%s): %.1f of %.1f MB are there and verified",
        watch.info_hash, status.name, status.total_wanted_done / 1e6, status.total_wanted / 1e6,
    )  # fmt: skip
    if status.is_seeding:
        return
    _check_space(watch, torrent, status.total_wanted - status.total_wanted_done)
    handle.resume()
    for status in watch.statuses(handle):
        if status.is_seeding:
            return


def _check_space(watch: _Watch, torrent: lt.torrent_info, missing: int) -> None:
    layout = torrent.layout()
    sizes = [
        layout.file_size(number)
        for number in range(layout.num_files())
        if layout.file_path(number).lower().endswith(ARCHIVES)
    ]
    needed, free = missing + sum(sizes), shutil.disk_usage(watch.folder).free
    if needed > free:
        raise StudyError(
            f"torrent {watch.info_hash}: needs {needed / 1e9:.2f} GB in {watch.folder} to be downloaded and unpacked, "
            f"where {free / 1e9:.2f} GB are free; make space there and run again"
        )


class _Watch:
    """Follows the torrent in a session: reports its progress, and ends it when it fails or stalls."""

    def __init__(self, session: lt.session, info_hash: str, folder: Path, stall_timeout: float):
        self.session = session
        self.info_hash = info_hash
        self.folder = folder
        self.stall_timeout = stall_timeout
        self.peers = 0  # most that were known at a time
        self.trouble = ""  # last with a tracker

    def add(self, wanted: lt.add_torrent_params, trackers: list[str], flag: int) -> lt.torrent_handle:
        wanted.save_path = str(self.folder)
        wanted.trackers = trackers
        wanted.tracker_tiers = [0] * len(trackers)
        wanted.flags = flag | lt.torrent_flags.disable_dht | lt.torrent_flags.disable_lsd
        return self.session.add_torrent(wanted)

    def statuses(self, handle: lt.torrent_handle) -> Iterator[lt.torrent_status]:
        """The torrent's state twice a second; StudyError when it fails or stalls."""
        verified, moved = -1, time.monotonic()
        with Progress(f"torrent {self.info_hash}") as progress:
            while True:
                status = handle.status()
                self._read_alerts(status)
                if status.errc.value():
                    raise self._failed(status.errc.message(), status)
                self.peers = max(self.peers, status.list_peers)
                speed = f", {status.download_payload_rate / 1e6:.1f} MB/s, {status.num_peers} peers, {status.state}"
                progress.show(status.total_wanted_done, status.total_wanted, speed)
                yield status
                if status.num_pieces != verified or status.state == lt.torrent_status.checking_files:
                    verified, moved = status.num_pieces, time.monotonic()
                if time.monotonic() - moved > self.stall_timeout:
                    raise self._stalled(status)
                self.session.wait_for_alert(500)

    def _read_alerts(self, status: lt.torrent_status) -> None:
        for alert in self.session.pop_alerts():
            if isinstance(alert, lt.file_error_alert):
                # When a disk is full, libtorrent would wait for it to be cleared.
                raise self._failed(f"{alert.filename()}: {alert.error.message()}", status)
            if isinstance(alert, lt.tracker_error_alert) and alert.error.value() != ANNOUNCE_SKIPPED:
                self.trouble = f", tracker {alert.url}: {alert.error_message() or alert.error.message()}"
                log.warning("torrent %s%s", self.info_hash, self.trouble)

    def _failed(self, why: str, status: lt.torrent_status) -> StudyError:
        return StudyError(
            f"torrent {self.info_hash}: {why} in {self.folder} after {_done(status)}, which is kept; put that right "
            "and run again"
        )

    def _stalled(self, status: lt.torrent_status) -> StudyError:
        spoilt = status.total_failed_bytes
        failed = f", {spoilt / 1e6:.1f} MB in pieces that failed their check" if spoilt else ""
        return StudyError(
            f"torrent {self.info_hash}: nothing new for {self.stall_timeout:g} s after {_done(status)} from "
            f"{self.peers} peers{failed}{self.trouble}; what is there is kept, so run again later or set `imgpath` to "
            "a folder with your own copy"
        )


def _done(status: lt.torrent_status) -> str:
    if not status.has_metadata:
        return "no metadata"
    return f"{status.total_wanted_done / 1e6:.1f} of {status.total_wanted / 1e6:.1f} MB"


class Progress:
    """How far a download is: a bar on a terminal, and a line in the log now and then."""

    def __init__(self, name: str):
        self.name = name
        self.reported = time.monotonic()
        self.bar = tqdm(unit="B", unit_scale=True, desc=name, leave=False, disable=not sys.stderr.isatty())

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *failure: object) -> None:
        self.bar.close()

    def show(self, done: int, total: int, detail: str = "") -> None:
        """`done` of `total` bytes are there; a total of 0 is not known."""
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)
        now = time.monotonic()
        if now - self.reported >= REPORT_EVERY:
            self.reported = now
            share = f", {done / total:.0%}" if total else ""
            log.info("%s: %.1f MB%s%s", self.name, done / 1e6, share, detail)
