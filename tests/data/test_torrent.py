"""Torrents from a real tracker and seeder on this machine."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import libtorrent as lt
import pytest
from red_herring.data.torrent import fetch_torrent
from red_herring.runtime.files import StudyError
from support.loopback import info_hash, make_images, make_torrent, peer, tracker, until, zipped

pytestmark = pytest.mark.slow

PATIENCE = 60.0
"""Seconds: a stall time-out that no download here should reach."""


@pytest.fixture
def payload(tmp_path):
    """A folder of real X-rays: some as they are, the rest in an archive."""
    images = make_images(tmp_path / "served" / "xrays")
    (tmp_path / "served" / "xrays" / "more.zip").write_bytes(zipped(images[10:]))
    for image in images[10:]:
        image.unlink()
    return tmp_path / "served" / "xrays"


@pytest.fixture
def announced():
    with tracker() as known:
        yield known


@pytest.fixture
def seeded(payload, announced):
    """(torrent, seeder) of the payload."""
    torrent = make_torrent(payload)
    with peer(torrent, payload.parent, announced.url, lt.torrent_flags.seed_mode) as seeder:
        until(lambda: announced.seeders)
        yield torrent, seeder


def put_metadata(info: dict, folder) -> str:
    """The metadata as an earlier start would have left them; returns the info hash."""
    digest = hashlib.sha1(lt.bencode(info)).hexdigest()
    folder.mkdir()
    (folder / f"{digest}.torrent").write_bytes(lt.bencode({b"info": info}))
    return digest


def test_all_files_come_and_stay(tmp_path, payload, seeded, announced):
    torrent, _ = seeded
    got = tmp_path / "got"
    files = fetch_torrent(info_hash(torrent).upper(), got, [announced.url], PATIENCE)
    assert sorted(path.name for path in files) == sorted(path.name for path in payload.iterdir())
    for path in files:
        assert path.read_bytes() == (payload / path.name).read_bytes()
    kept = got / f"{info_hash(torrent)}.torrent"
    assert info_hash(kept.read_bytes()) == info_hash(torrent)
    # Everything is there: nobody needs to be asked.
    assert fetch_torrent(info_hash(torrent), got, [], PATIENCE) == files


def test_what_was_altered_on_disk_is_fetched_again(tmp_path, payload, seeded, announced):
    torrent, seeder = seeded
    got = tmp_path / "got"
    files = fetch_torrent(info_hash(torrent), got, [announced.url], PATIENCE)
    fetched = seeder.status().total_payload_upload
    with open(files[0], "r+b") as file:
        file.write(b"altered")
    (got / f"{info_hash(torrent)}.torrent").write_bytes(b"not metadata")
    fetch_torrent(info_hash(torrent), got, [announced.url], PATIENCE)
    assert files[0].read_bytes() == (payload / files[0].name).read_bytes()
    assert seeder.status().total_payload_upload - fetched < 0.1 * fetched


def test_metadata_of_another_torrent_are_not_used(tmp_path, payload, seeded, announced):
    torrent, _ = seeded
    wanted = info_hash(torrent)
    (tmp_path / "other.bin").write_bytes(b"other")
    got = tmp_path / "got"
    got.mkdir()
    (got / f"{wanted}.torrent").write_bytes(make_torrent(tmp_path / "other.bin"))
    files = fetch_torrent(wanted, got, [announced.url], PATIENCE)
    assert len(files) == len(list(payload.iterdir()))
    assert info_hash((got / f"{wanted}.torrent").read_bytes()) == wanted


@pytest.mark.slow
def test_nothing_is_uploaded(tmp_path, payload, announced):
    """A peer on another address asks the downloader, as long as that runs, and gets nothing but its refusal."""
    torrent = make_torrent(payload)
    size = sum(path.stat().st_size for path in payload.iterdir())
    # No peer exchange, by which it would find the seeder.
    alone = lt.torrent_flags.disable_pex
    elsewhere = {"listen_interfaces": "127.0.0.2:0", "outgoing_interfaces": "127.0.0.2"}
    seeding = peer(torrent, payload.parent, announced.url, lt.torrent_flags.seed_mode | alone, rate=size // 2)
    asking = peer(torrent, tmp_path / "leech", None, alone, **elsewhere)
    with seeding, asking as leecher, ThreadPoolExecutor(1) as pool:
        until(lambda: announced.seeders)
        download = pool.submit(fetch_torrent, info_hash(torrent), tmp_path / "got", [announced.url], PATIENCE)
        until(lambda: announced.leechers)
        offered = []

        def done() -> bool:
            leecher.connect_peer(("127.0.0.1", announced.leechers[-1]))
            offered.extend(other.progress for other in leecher.get_peer_info())
            return download.done()

        until(done)
        assert download.result()
        assert max(offered) > 0, "it knew that the downloader had pieces"
        assert leecher.status().total_payload_download == 0


@pytest.mark.parametrize("text", ["", "abc", "g" * 40, "a" * 41, "../" + "a" * 37])
def test_an_info_hash_has_40_digits(tmp_path, text):
    with pytest.raises(StudyError, match="is not an info hash, expected 40 hexadecimal digits"):
        fetch_torrent(text, tmp_path / "got", [], PATIENCE)
    assert not (tmp_path / "got").exists()


def test_no_peers_is_said_after_a_while(tmp_path, announced):
    with pytest.raises(StudyError, match=r"no metadata from 0 peers; what is there is kept, .* set `imgpath`"):
        fetch_torrent("a" * 40, tmp_path / "got", [announced.url], 1)


def test_a_tracker_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"tracker http://127.0.0.1:1/announce: Connection refused"):
        fetch_torrent("a" * 40, tmp_path / "got", ["http://127.0.0.1:1/announce"], 2)


def test_no_space_is_said_before_anything_is_written(tmp_path):
    piece, pieces = 2**28, 2**16 - 1
    info = {b"name": b"huge.tar", b"length": piece * pieces, b"piece length": piece, b"pieces": bytes(20 * pieces)}
    digest = put_metadata(info, tmp_path / "got")
    with pytest.raises(StudyError, match=r"needs 35183.84 GB in .*got to be downloaded and unpacked, where .* GB are"):
        fetch_torrent(digest, tmp_path / "got", [], PATIENCE)
    assert os.listdir(tmp_path / "got") == [f"{digest}.torrent"]


def test_a_disk_that_fills_up_gets_a_sentence(tmp_path, payload, announced, small_disk):
    """A real file system of 4 MiB, which somebody else fills during the download; it continues when there is space."""
    torrent = make_torrent(payload)
    got = small_disk(tmp_path / "got", "4m")
    seeding = peer(torrent, payload.parent, announced.url, lt.torrent_flags.seed_mode, rate=500_000)
    with seeding as seeder, ThreadPoolExecutor(1) as pool:
        until(lambda: announced.seeders)
        download = pool.submit(fetch_torrent, info_hash(torrent), got, [announced.url], PATIENCE)
        until(lambda: seeder.status().total_payload_upload)
        with suppress(OSError), open(got / "of_somebody_else", "wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))
        with pytest.raises(StudyError, match=r"No space left on device in .*got after .* put that right"):
            download.result()
        (got / "of_somebody_else").unlink()
        seeder.set_upload_limit(0)
        assert fetch_torrent(info_hash(torrent), got, [announced.url], PATIENCE)


def test_files_outside_of_the_folder_are_never_written(tmp_path):
    """libtorrent makes plain names of the steps that lead outside."""
    files = [{b"length": 1, b"path": [b"..", b"..", b"out.png"]}]
    info = {b"name": b"xrays", b"files": files, b"piece length": 2**14, b"pieces": hashlib.sha1(b"x").digest()}
    digest = put_metadata(info, tmp_path / "got")
    (tmp_path / "got" / "xrays" / "_" / "_").mkdir(parents=True)
    (tmp_path / "got" / "xrays" / "_" / "_" / "out.png").write_bytes(b"x")
    assert fetch_torrent(digest, tmp_path / "got", [], PATIENCE) == [tmp_path / "got" / "xrays" / "_" / "_" / "out.png"]


@pytest.mark.parametrize("how", ["in the torrent", "on disk"])
def test_links_are_refused(tmp_path, how):
    file = {b"length": 1, b"path": [b"1.png"]}
    if how == "in the torrent":
        file |= {b"attr": b"l", b"length": 0, b"symlink path": [b"etc"]}
    files = [file, {b"length": 1, b"path": [b"2.png"]}]
    info = {b"name": b"xrays", b"files": files, b"piece length": 2**14, b"pieces": bytes(20)}
    digest = put_metadata(info, tmp_path / "got")
    if how == "on disk":
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "got" / "xrays").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StudyError, match=r"1.png' is a link or outside of .*got"):
        fetch_torrent(digest, tmp_path / "got", [], PATIENCE)
