"""Images fetched by the workflow itself, from a torrent and from a web server on this machine."""

import io
import zipfile

import libtorrent as lt
import pandas as pd
import pytest
from support.loopback import Answer, info_hash, make_torrent, peer, tracker, until, web

OTHERS = ["Klebsiella", "Pneumocystis", "Streptococcus", "Pneumonia"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def study(source, **fetch):
    """A task between the two groups of one small source, from image to split."""
    groups = [{"name": name, "source": "small", "group": name} for name in source.pop("groups")]
    task = {
        "finding": source.pop("finding"), "control": source.pop("control"), "nuisance": {"name": "view", "groups": groups},
        "ratio": 0.75, "patients": "as_published", "mask": {"kind": "ellipse", "semi_axis": 0.4}, "mean_map_images": 5,
    }  # fmt: skip
    return {
        "study": {"tasks": ["small"], "methods": ["classification"], "seeds": [1]},
        "fetch": {"stall_timeout": 60, **fetch},
        "sources": {"small": {"size": 32, "max_unreadable": 0, "imgpath": None, **source}},
        "tasks": {"small": task},
    }


SMALL = ("--configfile=small.yaml",)


@pytest.mark.slow
def test_a_torrent_from_fetch_to_split_and_never_again(checkout, real_images, tmp_path_factory):
    """NIH's torrent in small: a table and an archive with the images in a folder of their own."""
    nih = real_images / "nih_chestxray14"
    table = pd.read_csv(nih / "Data_Entry_2017_v2020.csv")
    few = table.groupby(["View Position", "Finding Labels"]).head(20)
    few = few[few["Finding Labels"].isin(["Pneumonia", "No Finding"])]
    few.to_csv(checkout.folder / "entry.csv", index=False)
    served = tmp_path_factory.mktemp("served") / "NIH"
    served.mkdir()
    few.to_csv(served / "Data_Entry_2017.csv", index=False)
    with zipfile.ZipFile(served / "images-224.zip", "w") as archive:
        for image in few["Image Index"]:
            archive.write(nih / "images" / image, f"images-224/images-224/{image}")
    torrent = make_torrent(served)
    source = {"kind": "nih", "csvpath": "entry.csv", "views": ["PA", "AP"], "torrent": info_hash(torrent)}
    source |= {"groups": ["AP", "PA"], "finding": "Pneumonia", "control": "No Finding"}
    with tracker() as known:
        checkout.study("small", study(source, trackers=[known.url]))
        with peer(torrent, served.parent, known.url, lt.torrent_flags.seed_mode):
            until(lambda: known.seeders)
            checkout.snakemake("-c2", "data", *SMALL)
    results = checkout.folder / "results"
    assert len(pd.read_csv(results / "splits/small/seed=1.csv").query("split == 'train'")) == 40
    assert (results / "downloads" / info_hash(torrent) / "complete.json").is_file()
    assert "Pneumonia" in (results / "data/small/data_sheet.md").read_text()

    # The peers are gone. Nothing is to do, nor after a change of how to fetch.
    assert checkout.planned("data", *SMALL) == []
    checkout.edit("workflow/red_herring/data/torrent.py", "REPORT_EVERY = 30.0", "REPORT_EVERY = 20.0")
    checkout.edit("small.yaml", "stall_timeout: 60", "stall_timeout: 50")
    assert checkout.planned("data", *SMALL) == []
    # What is missing is made all the same.
    (results / "data/small/images.npy").unlink()
    assert checkout.counted("results/data/small/images.npy", *SMALL) == {"prepare_images": 1}
    # A study of its own root shares what was fetched.
    checkout.study("elsewhere", {"pathvars": {"results": "elsewhere"}})
    checkout.snakemake("-c2", "elsewhere/data/small/images.npy", "--configfile", "small.yaml", "elsewhere.yaml")
    # Another torrent is fetched, prepared and drawn from in one go; the table is our own, so it is not listed again.
    checkout.edit("small.yaml", info_hash(torrent), 40 * "f")
    again = checkout.counted("data", *SMALL)
    assert {"fetch_source", "prepare_images", "draw_splits"} <= set(again)
    assert "index_source" not in again


@pytest.mark.slow
def test_a_table_that_comes_with_the_images(checkout, real_images):
    """The COVID-19 collection in small, as GitHub packs a commit: the table is read after the fetch, and only then."""
    covid = real_images / "covid_chestxray"
    table = pd.read_csv(covid / "metadata.csv")
    cells = table[table["sex"].isin(["F", "M"]) & table["finding"].isin(["COVID-19", *OTHERS])]
    few = cells.groupby(["sex", cells["finding"] == "COVID-19"]).head(12)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(f"covid-{COMMIT}/metadata.csv", few.to_csv(index=False))
        for name in few["filename"]:
            archive.write(covid / "images" / name, f"covid-{COMMIT}/images/{name}")
    with web(Answer(status=503), Answer(content.getvalue())) as site:
        source = {"kind": "covid", "csvpath": None, "views": ["PA", "AP", "AP Supine"], "group_column": "sex"}
        source |= {"archive": f"{site.url}/archive/{COMMIT}.zip"}
        source |= {"groups": ["F", "M"], "finding": "COVID-19", "control": OTHERS}
        checkout.study("small", study(source))
        order = [rule for rule, _ in checkout.planned("planned_splits", *SMALL)]
        assert order == ["fetch_source", "index_source", "plan_splits", "tabulate_splits"]
        checkout.snakemake("-c2", "data", *SMALL)
        assert len(site.asked) == 2
    index = pd.read_csv(checkout.folder / "results/data/small/index.csv")
    assert sorted(index["image"]) == sorted(few["filename"])
    assert set(index["group"]) == {"F", "M"}
    assert (checkout.folder / "results/downloads/checksums.json").is_file()
    # Another commit has another table.
    checkout.edit("small.yaml", COMMIT, COMMIT[::-1])
    assert {"fetch_source", "index_source", "prepare_images", "draw_splits"} <= set(checkout.counted("data", *SMALL))


def test_the_collection_that_anyone_may_fetch_has_a_study(checkout):
    counts = checkout.counted("all", "--configfile=workflow/studies/covid.yaml")
    assert (counts["fetch_source"], counts["index_source"], counts["train"]) == (1, 1, 6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"torrent": "e615"}, ["sources.nih.torrent", "e615"]),
        ({"archive": "https://example.org/a.zip"}, ["sources.nih.archive", "beside torrent"]),
    ],
)
def test_a_wrong_origin_stops_before_anything_runs(checkout, change, words):
    checkout.study("wrong", {"sources": {"nih": change}})
    done = checkout.snakemake("-n", "all", "--configfile=wrong.yaml", check=False)
    assert done.returncode == 1
    for word in words:
        assert word in done.stdout
