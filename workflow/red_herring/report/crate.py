"""The description of a release as an RO-Crate: its files with their checksums, and which run made which of them."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from typing import Any

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

METADATA = "ro-crate-metadata.json"
VERSION = "1.2"
PAPER = "https://arxiv.org/abs/1910.00199"
TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".rst": "text/x-rst",
    ".tex": "text/x-tex",
    ".sha256": "text/plain",
}


def description(
    root: Mapping[str, str],
    files: Mapping[str, tuple[int, str | None]],
    sources: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, tuple[list[str], list[str]]],
    software: Mapping[str, str],
) -> bytes:
    """ro-crate-metadata.json.

    root: name, description and datePublished (a day) of the whole, and licence, the file that says who allows what.
    files: path -> size in bytes, SHA-256. sources: name -> kind, terms. runs: name -> the files that it read, that it
    wrote. software: name -> version.
    """
    crate = ROCrate(gen_preview=False, version=VERSION)
    entities = {path: crate.add_file(dest_path=path, properties=_of_file(path, *what)) for path, what in files.items()}
    crate.name, crate.description, crate.datePublished = root["name"], root["description"], root["datePublished"]
    crate.license = entities[root["licence"]]
    tools = [
        _add(crate, f"#{name}", "SoftwareApplication", name=name, softwareVersion=version)
        for name, version in software.items()
    ]
    data = [
        _add(
            crate,
            f"#source-{name}",
            "Dataset",
            name=name,
            description=f"Kind {of['kind']}.",
            conditionsOfAccess=of["terms"],
        )
        for name, of in sources.items()
    ]
    crate.root_dataset["isBasedOn"] = [*data, _add(crate, PAPER, "ScholarlyArticle", name="Viviano et al., ICLR 2021")]
    crate.root_dataset["mentions"] = [
        crate.add_action(
            tools,
            identifier=f"#{name}",
            object=[entities[path] for path in read],
            result=[entities[path] for path in written],
            properties={"name": f"Training and evaluation of {name}"},
        )
        for name, (read, written) in runs.items()
    ]
    return b"".join(chunk for _, chunk in crate.metadata.stream())


def _of_file(path: str, size: int, sha256: str | None) -> dict[str, str]:
    suffix = path[path.rindex(".") :]
    about = {"name": path, "contentSize": str(size), "encodingFormat": TYPES.get(suffix) or mimetypes.types_map[suffix]}
    return about | ({"sha256": sha256} if sha256 else {})


def _add(crate: ROCrate, identifier: str, kind: str, **properties: str) -> ContextEntity:
    return crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))
