"""A finished study as one archive without images: what goes in, what stays out, and why."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from red_herring.data.generated import SOURCE
from red_herring.report import crate
from red_herring.report.collect import Run, answers_of, check_made_by, runs_of, study_tables
from red_herring.runtime.files import StudyError, read_json, replacing
from red_herring.study import detection
from red_herring.study.names import FAMILIES, TOLD_APART

COLLECTED = ("runs", "measures", "histories", "trials", "searches")
"""Tables that `study_tables` makes of the files of runs."""

IDENTIFIERS = ["source", "image", "patient", "label", "nuisance", "split"]
"""Columns of a split list; the rows of an array of images that is not there are left out."""

CHECKSUMS, LICENCES, README, REPORT = "checksums.sha256", "LICENCES.md", "README.md", "report.html"

Settings = Mapping[str, Any]
"""What `red_herring.study.settings.release_settings` gives."""


def release(results: Path, study: Settings) -> dict[str, bytes]:
    """Path -> content of all that goes into the archive; StudyError for a study that is not finished."""
    runs = runs_of(study["tasks"], study["seeds"])
    names = chosen(study, runs)
    _check_finished(results, names)
    check_made_by(results, runs, study["made_by"], study["searched"])
    _check_collected(results, runs, study)
    if not kept_back(study) and _newer(results / REPORT, results / "explorer.html"):
        names.append(REPORT)
    files = {name: (results / name).read_bytes() for name in names}
    files |= split_lists(files, of_ones_own(study))
    records = [read_json(results / _folder(run) / "run.json") for run in runs]
    files["config.json"] = _json(study["config"])
    files["versions.json"] = _json(environments(records))
    files[LICENCES] = licences(study["sources"]).encode()
    files[README] = readme(study, records, left_out(study, names)).encode()
    return _described(files, runs, study, records, (results / "runs.csv").stat().st_mtime)


def write_archive(path: Path, files: Mapping[str, bytes]) -> None:
    """A zip file, the same to the byte for the same files."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name)  # of 1980, whenever the files were made
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, files[name])


def kept_back(study: Settings) -> list[str]:
    """The sources whose terms are not known to allow handing pictures on. One is enough to leave out all pictures."""
    return [name for name, source in study["sources"].items() if not source["shareable"]]


def of_ones_own(study: Settings) -> list[str]:
    """The sources that are no public data set, whose names of images and patients are nobody else's business."""
    return [name for name, source in study["sources"].items() if not source["terms"]]


def chosen(study: Settings, runs: list[Run]) -> list[str]:
    """The files of a finished study that go in, besides its report."""
    splits = [f"splits/{task}/seed={seed}" for task, seed in product(study["tasks"], study["seeds"])]
    searches = [f"tuning/{search}" for search in study["made_by"]["tune"]]
    figures = [name for name, shows_images in study["figures"].items() if not (shows_images and kept_back(study))]
    sheets = [f"data/{name}/data_sheet" for name in study["sources"] if name not in of_ones_own(study)]
    detected = detection.TABLES if study["config"].get("detection", {}).get("tasks") else ()
    told_apart = [TOLD_APART] if set(FAMILIES) & set(study["analyses"]) else []
    return [
        *(f"{name}.csv" for name in (*COLLECTED, *study["analyses"], "overlaps", "auc_intervals")),
        *told_apart,
        *detected,
        "overview.rst",
        *_in_forms(splits, ".csv", "_counts.csv"),
        *_in_forms(searches, "/best.json", "/trials.csv"),
        *_in_forms(map(_folder, runs), "/run.json", "/history.csv"),
        *_in_forms([f"tables/{name}" for name in study["tables"]], ".csv", ".md", ".tex", ".html"),
        *_in_forms(["tables/splits"], ".csv", ".md"),
        *_in_forms([f"figures/{name}" for name in figures], ".pdf", ".png"),
        *_in_forms(sheets, ".md", ".pdf", ".png"),
        *([] if kept_back(study) else ["explorer.html"]),
    ]


def left_out(study: Settings, names: list[str]) -> dict[str, str]:
    """What -> why it does not go in."""
    found = {
        "images, masks and maps": "arrays of pixels, which are made again from the images",
        "weights and predictions": "large, or about single images; training makes them again",
    }
    back, own = ", ".join(kept_back(study)), ", ".join(of_ones_own(study))
    if back:
        pictures = [name for name, shows_images in study["figures"].items() if shows_images]
        found[f"explorer.html, report.html and the figures {', '.join(pictures)}"] = (
            f"they show images or means of them, and the terms of {back} are not known to allow handing these on"
        )
    elif REPORT not in names:
        found[REPORT] = "not there, or older than the results; `snakemake all --report FOLDER/report.html` makes it"
    if own:
        found[f"names of images and patients of {own}, and data sheets"] = (
            "no public data set; an image has the number of its row in index.csv, a patient any number"
        )
    return found


def split_lists(files: Mapping[str, bytes], own: list[str]) -> dict[str, bytes]:
    """The split lists among the files with identifiers only, and with numbers in their place for the sources `own`, and
    for generated images, which are called after others.
    """
    names = [name for name in files if name.startswith("splits/") and not name.endswith("_counts.csv")]
    splits = {name: _read(files[name]) for name in names}
    rows = pd.concat(splits.values()).astype({"row": int}).sort_values(["source", "row"], kind="stable")
    people = rows.loc[rows["source"].isin(own), "patient"].drop_duplicates()
    numbers = {patient: f"patient {number}" for number, patient in enumerate(people, start=1)}
    found = {}
    for name, split in splits.items():
        split["image"] = split["image"].where(~split["source"].isin([*own, SOURCE]), split["row"])
        split["patient"] = split["patient"].replace(numbers)
        found[name] = split[IDENTIFIERS].to_csv(index=False).encode()
    return found


def environments(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the runs were made with, each once, and by how many of them."""
    keys = ("python", "platform", "processor", "device", "precision", "versions", "commit", "uncommitted_changes")
    counted = Counter(json.dumps({key: record[key] for key in keys}) for record in records)
    return [{"runs": count, **json.loads(made_with)} for made_with, count in counted.items()]


def licences(sources: Mapping[str, Settings]) -> str:
    """Who allows what, as far as it is known."""
    lines = [
        "# Licences",
        "",
        "The code that made this study is under the MIT licence. The study itself is under the terms of whoever",
        "hands it on; none are given here. What it says about images is subject to the terms of their sources:",
        "",
    ]
    for name, source in sources.items():
        terms = source["terms"] or "no terms on record; ask the owner of the images"
        lines.append(f"- {name} (kind {source['kind']}): {terms}.")
    return "\n".join([*lines, ""])


def readme(study: Settings, records: list[dict[str, Any]], left_out: Mapping[str, str]) -> str:
    """The front page of the archive."""
    commits = ", ".join(sorted({str(record["commit"]) for record in records}))
    methods = dict.fromkeys(method for runs in study["tasks"].values() for method in runs)
    changed = ", with changes that were not committed" if any(r["uncommitted_changes"] for r in records) else ""
    return f"""# A study of the red herring pipeline

Tasks {", ".join(study["tasks"])}; methods {", ".join(methods)}; seeds {", ".join(map(str, study["seeds"]))}.
{len(records)} runs, all finished. Made at commit {commits}{changed}.
versions.json has the versions of the libraries.

config.json is the configuration without paths: where its sources are given their `imgpath`,
`snakemake all --configfile=config.json` makes the study again. `sha256sum -c {CHECKSUMS}` checks every file,
{crate.METADATA} describes them (RO-Crate {crate.VERSION}), {LICENCES} has the terms of the sources. What each file and
column is, the project's results/README.md says.

## Left out

""" + "".join(f"- {what}: {why}.\n" for what, why in left_out.items())


def _described(
    files: dict[str, bytes], runs: list[Run], study: Settings, records: list[dict[str, Any]], collected: float
) -> dict[str, bytes]:
    """The files with their checksums and their description. collected: when the runs were, in seconds of the epoch."""
    sums = {name: sha256(content).hexdigest() for name, content in files.items()}
    listed: dict[str, tuple[int, str | None]] = {name: (len(files[name]), sums[name]) for name in sorted(files)}
    size = sum(len(name) + 67 for name in (*sums, crate.METADATA))
    root = {
        "name": f"Red herring study of {', '.join(study['tasks'])}",
        "description": f"{len(runs)} runs: splits, searches, training, tables, figures; no images. See {README}.",
        "datePublished": datetime.fromtimestamp(collected, UTC).date().isoformat(),
        "licence": LICENCES,
    }
    made = {}
    for run in runs:
        task, method, seed = run
        read = [f"splits/{task}/seed={seed}.csv", f"tuning/{study['searched'][task]}/{method}/best.json"]
        made[_folder(run)] = (read, [f"{_folder(run)}/run.json", f"{_folder(run)}/history.csv"])
    software = {"red_herring": str(records[0]["commit"]), "python": records[0]["python"], **records[0]["versions"]}
    software = {name: version for name, version in software.items() if version}
    metadata = crate.description(root, listed | {CHECKSUMS: (size, None)}, study["sources"], made, software)
    sums[crate.METADATA] = sha256(metadata).hexdigest()
    checksums = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()
    return files | {crate.METADATA: metadata, CHECKSUMS: checksums}


def _check_finished(results: Path, names: list[str]) -> None:
    absent = [name for name in names if not (results / name).is_file()]
    if absent:
        raise StudyError(
            f"{results}: is not finished: {len(absent)} of its {len(names)} files are not there, such as {absent[0]}; "
            "run `snakemake all` first"
        )


def _check_collected(results: Path, runs: list[Run], study: Settings) -> None:
    """StudyError for a table that is not of the runs that are there."""
    answers = answers_of(results, study["analyses"], runs)
    for name, table in (study_tables(results, runs, study["searched"], study["spaces"]) | answers).items():
        if (results / f"{name}.csv").read_bytes() != table.to_csv(index=False).encode():
            raise StudyError(f"{results / name}.csv: is not of the runs that are there; run `snakemake all` first")


def _newer(file: Path, than: Path) -> bool:
    return file.is_file() and than.is_file() and file.stat().st_mtime >= than.stat().st_mtime


def _folder(run: Run) -> str:
    task, method, seed = run
    return f"runs/{task}/{method}/seed={seed}"


def _in_forms(stems: Iterable[str], *forms: str) -> list[str]:
    return [stem + form for stem in stems for form in forms]


def _read(table: bytes) -> pd.DataFrame:
    return pd.read_csv(BytesIO(table), dtype=str, keep_default_na=False)


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()
