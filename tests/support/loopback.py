"""Servers on 127.0.0.1 for the tests: a BitTorrent tracker and seeder, and a web server that does as it is told."""

from __future__ import annotations

import io
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import libtorrent as lt
import numpy as np
from conftest import REAL_IMAGES
from PIL import Image

SETTINGS = {
    "enable_dht": False,
    "enable_lsd": False,
    "enable_upnp": False,
    "enable_natpmp": False,
    # The end of a session holds Python's lock, so that a tracker in this process could not answer.
    "stop_tracker_timeout": 0,
    # A downloader that was killed comes again from the address of a connection that a seeder still believes in.
    "allow_multiple_connections_per_ip": True,
}


class Quiet(BaseHTTPRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that was killed or has had enough
            super().handle()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Tracker:
    """Names the peers that had everything from the beginning to whoever asks, and keeps the ports of the others.

    A downloader is not named, not even when it is done: for libtorrent all of one address are one peer, and it would
    take the latest, which may have ended, for the seeder.
    """

    def __init__(self, server: ThreadingHTTPServer):
        self.url = f"http://127.0.0.1:{server.server_port}/announce"
        self.seeders: set[int] = set()
        self.leechers: list[int] = []

    def answer(self, query: str) -> bytes:
        asked = {key: values[0] for key, values in parse_qs(query, encoding="latin-1").items()}
        port, seeding = int(asked["port"]), asked["left"] == "0"
        if asked.get("event") == "stopped":
            self.seeders.discard(port)
        elif seeding and port not in self.leechers:
            self.seeders.add(port)
        else:
            self.leechers.append(port)
        peers = b"".join(bytes([127, 0, 0, 1]) + peer.to_bytes(2, "big") for peer in self.seeders - {port})
        return lt.bencode({b"interval": 1800, b"peers": peers})


@contextmanager
def tracker() -> Iterator[Tracker]:
    class Handler(Quiet):
        def do_GET(self) -> None:
            body = known.answer(urlsplit(self.path).query)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as server:
        known = Tracker(server)
        yield known


@dataclass
class Answer:
    """What the web server sends; a `length` other than the body's own is a lie."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None


class Web:
    def __init__(self, server: ThreadingHTTPServer):
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.asked: list[str] = []


@contextmanager
def web(*answers: Answer) -> Iterator[Web]:
    """A web server that gives these answers one after the other, and the last for ever."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            answer = answers[min(len(site.asked), len(answers) - 1)]
            site.asked.append(self.path)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
            for header in answer.headers.items():
                self.send_header(*header)
            self.end_headers()
            self.wfile.write(answer.body)

    with serving(Handler) as server:
        site = Web(server)
        yield site


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that will come soon, on a busy machine a little later."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def make_images(folder: Path, count: int = 60) -> list[Path]:
    """Real chest X-rays if they are there, else noise, which shrinks as little."""
    folder.mkdir(parents=True)
    real = REAL_IMAGES / "nih_chestxray14" / "images"
    if real.is_dir():
        return [Path(shutil.copy(path, folder)) for path in sorted(real.glob("*.png"))[:count]]
    random, paths = np.random.default_rng(0), [folder / f"{number:08}_000.png" for number in range(count)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (170, 170), dtype=np.uint8)).save(path)
    return paths


def zipped(images: list[Path], folder: str = "images") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for image in images:
            archive.write(image, f"{folder}/{image.name}")
    return content.getvalue()


def make_torrent(payload: Path) -> bytes:
    """The torrent of a file or folder, in pieces of 16 KiB."""
    torrent = lt.create_torrent(lt.list_files(str(payload)), 2**14, lt.create_torrent.v1_only)
    lt.set_piece_hashes(torrent, str(payload.parent))
    return lt.bencode(torrent.generate())


def info_hash(torrent: bytes) -> str:
    return str(lt.load_torrent_buffer(torrent).ti.info_hashes().v1)


@contextmanager
def peer(torrent: bytes, folder: Path, announce: str | None, flags: int = 0, rate: int = 0, **settings) -> Iterator:
    """A libtorrent peer with the files below `folder`, yielded as its torrent handle; `rate` is in bytes per second."""
    session = lt.session({"listen_interfaces": "127.0.0.1:0", **SETTINGS, **settings})
    wanted = lt.load_torrent_buffer(torrent)
    wanted.save_path = str(folder)
    wanted.trackers = [announce] if announce else []
    wanted.flags = flags
    wanted.upload_limit = rate
    handle = session.add_torrent(wanted)
    try:
        yield handle
    finally:
        session.pause()
        del session
