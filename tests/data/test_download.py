"""Data sets from a real tracker and seeder, and from a real web server, on this machine."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import libtorrent as lt
import pytest
from conftest import ROOT
from red_herring.data.download import fetch
from red_herring.runtime.files import StudyError
from red_herring.runtime.locks import sole
from support.loopback import Answer, info_hash, make_images, make_torrent, peer, tracker, until, web, zipped

PATIENCE = 60.0
"""Seconds: a stall time-out that no download here should reach."""

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SOON = (0.01, 0.01)


@pytest.fixture
def images(tmp_path):
    return make_images(tmp_path / "images")


@pytest.fixture
def served(tmp_path, images):
    """A folder with the images in two archives, as of NIH ChestX-ray14, and a table."""
    folder = tmp_path / "served" / "xrays"
    folder.mkdir(parents=True)
    (folder / "images_001.zip").write_bytes(zipped(images[::2]))
    (folder / "images_002.zip").write_bytes(zipped(images[1::2]))
    (folder / "table.csv").write_text("Image Index\n")
    return folder


@pytest.fixture
def announced():
    with tracker() as known:
        yield known


def seeding(folder: Path, url: str, **options):
    """(info hash, seeder) of the files in `folder`."""
    torrent = make_torrent(folder)
    return info_hash(torrent), peer(torrent, folder.parent, url, lt.torrent_flags.seed_mode, **options)


def command(origin: dict, *trackers: str, stall_timeout: float = PATIENCE) -> list[str]:
    settings = {"source": "nih", "origin": origin}
    network = {"downloads": "results/downloads", "trackers": trackers, "stall_timeout": stall_timeout, "terms": "free"}
    stated = ["--settings", json.dumps(settings), "--network", json.dumps(network)]
    return [*stated, "--fetched", "fetched.json", "--log", "fetch.log"]


def start(code: list[str], arguments: list[str], folder: Path) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    return subprocess.Popen([sys.executable, *code, *arguments], cwd=folder, env=environment)


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def assert_fetched(tmp_path: Path, images: list[Path], home: Path) -> None:
    """All images are in `home`, and nothing that was on the way there."""
    assert {path.name for path in home.iterdir()} == {"files", "complete.json"}
    for image in images:
        assert (home / "files" / "images" / image.name).read_bytes() == image.read_bytes()
    fetched = json.loads((tmp_path / "fetched.json").read_text())
    sizes = [path.stat().st_size for path in (home / "files").rglob("*") if path.is_file()]
    assert (fetched["files"], fetched["bytes"]) == (len(sizes), sum(sizes))
    assert fetched["folder"] == str((home / "files").relative_to(tmp_path))


@pytest.mark.slow
def test_a_torrent_is_fetched_once(stage, tmp_path, images, served, announced):
    digest, seeder = seeding(served, announced.url)
    with seeder:
        until(lambda: announced.seeders)
        done = stage("fetch_source", *command({"torrent": digest}, announced.url))
    assert done.returncode == 0, done.stderr
    home = tmp_path / "results/downloads" / digest
    assert_fetched(tmp_path, images, home)
    assert (home / "files/xrays/table.csv").exists()
    assert (tmp_path / "fetch.log").read_text().splitlines()[0] == "nih: free"
    # Seeder and tracker are gone, and the stage does not ask for them.
    (tmp_path / "fetched.json").unlink()
    done = stage("fetch_source", *command({"torrent": digest.upper()}, "http://127.0.0.1:1/announce"))
    assert done.returncode == 0, done.stderr
    assert_fetched(tmp_path, images, home)
    assert "metadata" not in (tmp_path / "fetch.log").read_text()


@pytest.mark.slow
def test_a_torrent_killed_half_way_continues(stage, tmp_path, images, served, announced):
    size = sum(path.stat().st_size for path in served.iterdir())
    digest, seeder = seeding(served, announced.url, rate=size // 4)
    home = tmp_path / "results/downloads" / digest
    with seeder as handle:
        until(lambda: announced.seeders)
        arguments = command({"torrent": digest}, announced.url)
        process = start(["-m", "red_herring.stages.fetch_source"], arguments, tmp_path)
        until(lambda: handle.status().total_payload_upload > 0.4 * size)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (home / "files").exists()
        assert not (home / "complete.json").exists()
        handle.set_upload_limit(0)
        done = stage("fetch_source", *arguments)
        assert done.returncode == 0, done.stderr
        assert handle.status().total_payload_upload < 1.5 * size, "the first half was not fetched twice"
    assert_fetched(tmp_path, images, home)
    assert "asking for its metadata" not in (tmp_path / "fetch.log").read_text()


KILL_AFTER = """
import os, runpy, signal
from red_herring.data import download
work = download.{step}
def work_and_die(*arguments):
    work(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
download.{step} = work_and_die
runpy.run_module("red_herring.stages.fetch_source", run_name="__main__")
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["fetch_torrent", "unpack", "_measure", "write_json"])
def test_a_torrent_killed_after_its_download_needs_no_peers(stage, tmp_path, images, served, announced, step):
    digest, seeder = seeding(served, announced.url)
    with seeder:
        until(lambda: announced.seeders)
        process = start(["-c", KILL_AFTER.format(step=step)], command({"torrent": digest}, announced.url), tmp_path)
        assert process.wait() == -signal.SIGKILL
    done = stage("fetch_source", *command({"torrent": digest}))
    assert done.returncode == 0, done.stderr
    assert_fetched(tmp_path, images, tmp_path / "results/downloads" / digest)


@pytest.mark.slow
def test_corrupted_pieces_are_refused(tmp_path, served, announced):
    """The seeder has other bytes than the torrent was made of, and does not know."""
    digest, seeder = seeding(served, announced.url, disable_hash_checks=True)
    archive = served / "images_001.zip"
    with open(archive, "r+b") as file:
        file.seek(archive.stat().st_size // 2)
        file.write(b"altered")
    with seeder:
        until(lambda: announced.seeders)
        with pytest.raises(StudyError, match=r"in pieces that failed their check; what is there is kept.* `imgpath`"):
            fetch({"torrent": digest}, tmp_path / "downloads", [announced.url], 3)
    home = tmp_path / "downloads" / digest
    assert {path.name for path in home.iterdir()} == {"partial"}


def test_no_peers_end_the_stage_with_a_sentence(stage, tmp_path, announced):
    done = stage("fetch_source", *command({"torrent": COMMIT}, announced.url, stall_timeout=1))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    for word in ("error: torrent", "nothing new for 1 s", "imgpath", "kept"):
        assert word in done.stderr
    assert not (tmp_path / "fetched.json").exists()


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        ({"torrent": "../../elsewhere"}, "is not an info hash"),
        ({"archive": "http://example.org/archive.zip"}, "expected https://"),
        ({"archive": "ftp://127.0.0.1/archive.zip"}, "expected https://"),
    ],
)
def test_origins_that_cannot_be_trusted_are_refused(tmp_path, origin, sentence):
    with pytest.raises(StudyError, match=sentence):
        fetch(origin, tmp_path / "downloads", [], PATIENCE)
    assert not (tmp_path / "downloads").exists()


def from_server(site, downloads: Path, **origin):
    return fetch({"archive": f"{site.url}/archive/{COMMIT}.zip", **origin}, downloads, [], PATIENCE, SOON)


def test_an_archive_is_fetched_once_and_its_checksum_recorded(stage, tmp_path, images):
    archive = zipped(images)
    with web(Answer(archive)) as site:
        origin = {"archive": f"{site.url}/archive/{COMMIT}.zip"}
        done = stage("fetch_source", *command(origin))
        assert done.returncode == 0, done.stderr
    downloads, checksum = tmp_path / "results/downloads", hashlib.sha256(archive).hexdigest()
    assert_fetched(tmp_path, images, downloads / COMMIT)
    assert json.loads((tmp_path / "fetched.json").read_text())["sha256"] == checksum
    assert json.loads((downloads / "checksums.json").read_text()) == {origin["archive"]: checksum}
    # The server is gone.
    assert stage("fetch_source", *command(origin | {"sha256": checksum.upper()})).returncode == 0


def test_an_archive_without_a_commit_is_kept_by_its_address(tmp_path, images):
    with web(Answer(zipped(images))) as site:
        url = f"{site.url}/images.zip"
        fetched = fetch({"archive": url}, tmp_path / "downloads", [], PATIENCE, SOON)
    assert fetched.folder == tmp_path / "downloads" / hashlib.sha256(url.encode()).hexdigest() / "files"


def test_a_file_is_fetched_once_and_left_as_it_is(tmp_path, images):
    """Also when it is a zip, as PyTorch's files of weights are."""
    weights, downloads = zipped(images), tmp_path / "downloads"
    with web(Answer(weights)) as site:
        origin = {"file": f"{site.url}/release/v1/weights%204.pth?raw=true"}
        fetched = fetch(origin, downloads, [], PATIENCE, SOON)
        assert fetch(origin, downloads, [], PATIENCE, SOON) == fetched
        assert len(site.asked) == 1
    assert [(path.name, path.read_bytes()) for path in fetched.folder.iterdir()] == [("weights 4.pth", weights)]
    assert json.loads((downloads / "checksums.json").read_text()) == {origin["file"]: fetched.sha256}
    assert fetched.sha256 == hashlib.sha256(weights).hexdigest()
    with pytest.raises(StudyError, match="`sha256` of the data set is"):
        fetch(origin | {"sha256": "a" * 64}, downloads, [], PATIENCE, SOON)


def test_a_file_that_cannot_be_had_names_the_key_for_a_copy(tmp_path):
    with web(Answer(status=404)) as site, pytest.raises(StudyError, match=r"with the file; .* `anatomy\.weights`"):
        fetch({"file": f"{site.url}/weights.pth"}, tmp_path / "downloads", [], PATIENCE, SOON)
    assert below(tmp_path / "downloads") == set()


@pytest.mark.parametrize("step", ["sha256", "unpack", "_measure"])
def test_an_archive_killed_after_its_download_needs_no_server(stage, tmp_path, images, step):
    with web(Answer(zipped(images))) as site:
        origin = {"archive": f"{site.url}/archive/{COMMIT}.zip"}
        process = start(["-c", KILL_AFTER.format(step=step)], command(origin), tmp_path)
        assert process.wait() == -signal.SIGKILL
    done = stage("fetch_source", *command(origin))
    assert done.returncode == 0, done.stderr
    assert_fetched(tmp_path, images, tmp_path / "results/downloads" / COMMIT)
    assert json.loads((tmp_path / "fetched.json").read_text())["sha256"]


@pytest.mark.parametrize("first", ["truncated", "503", "429"])
def test_what_may_go_better_is_tried_again(tmp_path, images, first):
    whole = zipped(images)
    bad = Answer(whole[:-1000], length=len(whole)) if first == "truncated" else Answer(status=int(first))
    with web(bad, bad, Answer(whole)) as site:
        fetched = from_server(site, tmp_path / "downloads")
        assert len(site.asked) == 3
    assert fetched.files == len(images)


@pytest.mark.parametrize(
    ("answer", "sentence", "attempts"),
    [
        (Answer(b"short", length=10), "could not be downloaded in 3 attempts .* run again later or set `imgpath`", 3),
        (Answer(status=503), "in 3 attempts .*the server answered 503", 3),
        (Answer(status=404), "the server answered 404 Not Found, expected an answer with the archive; .* `imgpath`", 1),
        (Answer(status=403), "the server answered 403", 1),
        (Answer(b"PK\3\4 not a zip"), "is not a zip or tar archive, or is damaged", 1),
        (Answer(length=10**15), "needs 2000000.00 GB in .* to be downloaded and unpacked, where .* are free", 1),
        (Answer(status=302, headers={"Location": "/again"}), "cannot be downloaded: Exceeded 30 redirects", 31),
    ],
)
def test_what_cannot_be_had_leaves_nothing(tmp_path, answer, sentence, attempts):
    with web(answer) as site:
        with pytest.raises(StudyError, match=sentence) as error:
            from_server(site, tmp_path / "downloads")
        assert len(site.asked) == attempts
    assert str(error.value).startswith(site.url)
    assert below(tmp_path / "downloads") == set()


def test_a_server_that_is_not_there_is_named(tmp_path):
    with pytest.raises(StudyError, match=r"could not be downloaded in 3 attempts .*Connection refused"):
        fetch({"archive": "http://127.0.0.1:1/a.zip"}, tmp_path / "downloads", [], PATIENCE, SOON)


def test_a_redirect_is_followed(tmp_path, images):
    with web(Answer(status=302, headers={"Location": "/elsewhere"}), Answer(zipped(images))) as site:
        assert from_server(site, tmp_path / "downloads").files == len(images)
        assert site.asked == [f"/archive/{COMMIT}.zip", "/elsewhere"]


def test_a_redirect_to_where_it_could_be_altered_is_not(tmp_path):
    with web(Answer(status=302, headers={"Location": "http://192.0.2.1/"})) as site:
        with pytest.raises(StudyError, match=r"http://192.0.2.1/: is not an address that can be trusted"):
            from_server(site, tmp_path / "downloads")
        assert len(site.asked) == 1


def test_a_wrong_checksum_is_refused(tmp_path, images):
    sentence = f"expected {'a' * 64}; .*packed it anew.*`sha256`.*checksums.json"
    with web(Answer(zipped(images))) as site, pytest.raises(StudyError, match=sentence):
        from_server(site, tmp_path / "downloads", sha256="a" * 64)
    assert below(tmp_path / "downloads") == set()


def test_an_archive_that_changed_since_it_was_recorded_is_refused(tmp_path, images):
    downloads = tmp_path / "downloads"
    with web(Answer(zipped(images)), Answer(zipped(images, "others"))) as site:
        recorded = from_server(site, downloads).sha256
        (downloads / COMMIT / "complete.json").unlink()
        (downloads / COMMIT / "files").rename(tmp_path / "deleted")
        with pytest.raises(StudyError, match=f"SHA-256 is [0-9a-f]{{64}}, expected {recorded}"):
            from_server(site, downloads)
        assert below(downloads / COMMIT) == set()
        # The user trusts the new one.
        (downloads / "checksums.json").unlink()
        assert (from_server(site, downloads).folder / "others").is_dir()


@pytest.mark.parametrize("moved", [True, False])
def test_a_fetch_killed_before_its_last_step_needs_that_step_only(tmp_path, images, moved):
    home = tmp_path / "downloads" / COMMIT
    with web(Answer(zipped(images))) as site:
        fetched = from_server(site, tmp_path / "downloads")
        (home / "complete.json").rename(home / ".complete.json")
        (home / "partial").mkdir()
        if not moved:
            (home / "files").rename(home / "partial" / "unpacked")
        assert from_server(site, tmp_path / "downloads") == fetched
        assert len(site.asked) == 1
    assert {path.name for path in home.iterdir()} == {"files", "complete.json"}


def test_files_of_which_nothing_is_known_are_not_used(tmp_path, images):
    with web(Answer(zipped(images))) as site:
        from_server(site, tmp_path / "downloads")
        (tmp_path / "downloads" / COMMIT / "complete.json").unlink()
        with pytest.raises(StudyError, match=r"has `files` but no complete.json, expected both; delete the folder"):
            from_server(site, tmp_path / "downloads")


@pytest.mark.parametrize("what", ["files", "bytes", "sha256", "archive"])
def test_a_data_set_that_was_altered_is_not_used(tmp_path, images, what):
    with web(Answer(zipped(images))) as site:
        folder = from_server(site, tmp_path / "downloads").folder
        changed = {}
        if what == "files":
            (folder / "images" / images[0].name).unlink()
        elif what == "bytes":
            (folder / "images" / images[0].name).write_bytes(b"cut")
        elif what == "sha256":
            changed = {"sha256": "a" * 64}
        else:
            changed = {"archive": f"{site.url}/fork/{COMMIT}.zip"}
        with pytest.raises(StudyError, match=f"`{what}` of the data set is .*, expected .* delete the folder"):
            from_server(site, tmp_path / "downloads", **changed)
        assert len(site.asked) == 1


def read_if_there(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def test_a_second_process_waits_for_the_first(tmp_path, images):
    home = tmp_path / "results/downloads" / COMMIT
    with web(Answer(zipped(images))) as site:
        with sole(home / "complete.json"):
            second = start(
                ["-m", "red_herring.stages.fetch_source"],
                command({"archive": f"{site.url}/archive/{COMMIT}.zip"}),
                tmp_path,
            )
            until(lambda: "another process is at work" in read_if_there(tmp_path / "fetch.log"))
            assert site.asked == []
        assert second.wait(60) == 0
        assert len(site.asked) == 1
        with sole(home / "complete.json"):
            fetched = from_server(site, tmp_path / "results/downloads")
        assert fetched.files == len(images), "what is complete needs no lock"
