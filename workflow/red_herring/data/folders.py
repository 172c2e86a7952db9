"""Folders of image files: whether what the metadata name is there, and where."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from red_herring.runtime.files import StudyError, read_json
from red_herring.study.places import named


def check_folder(imgpath: str | None, images: Collection[str], max_missing: int = 0) -> None:
    """StudyError if the folder is not given or not there, or if more than `max_missing` of the images are not in it."""
    folder = given(imgpath)
    if not folder.is_dir():
        raise StudyError(f"{named(folder)}: there is no such folder; fix `imgpath` in config.yaml")
    there: dict[str, None] = {}
    for parent in dict.fromkeys(str(Path(image).parent) for image in images):
        place = find_file(folder, parent)
        if place.is_dir():
            with os.scandir(place) as entries:
                there |= dict.fromkeys(_composed(str(Path(parent, entry.name))) for entry in entries)
    wanted = {_composed(str(Path(image))): image for image in images}
    missing = [image for path, image in wanted.items() if path not in there]
    if len(missing) > max_missing:
        others = [name for name in there if name not in wanted]
        raise StudyError(
            f"{named(folder)}: holds {len(images) - len(missing)} of the {len(images)} images the metadata name; it "
            f"lacks {', '.join(missing[:3])} and holds {', '.join(others[:3]) or 'nothing else'}; "
            f"fix `imgpath`, or `max_unreadable` to go without them, in config.yaml"
        )


def given(imgpath: str | None) -> Path:
    """The folder of the images; StudyError if none is given."""
    if imgpath is None:
        raise StudyError(
            "imgpath: is null, expected the folder that holds the images; set it, or torrent or archive, in config.yaml"
        )
    return Path(imgpath)


def find_file(folder: str | Path, name: str) -> Path:
    """The file or folder `name` below `folder`, in whichever of Unicode's forms the disk has it: what is written as one
    character in a table may be two there, as on a Mac.
    """
    path = Path(folder)
    for part in Path(name).parts:
        forms = dict.fromkeys([part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))])
        path /= next((form for form in forms if len(forms) > 1 and (path / form).exists()), part)
    return path


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def fetched_folder(fetched: Path) -> Path:
    """The folder that fetch_source has made; StudyError if it is gone."""
    folder = Path(read_json(fetched)["folder"])
    if not folder.is_dir():
        raise StudyError(f"{folder}: what was fetched is no longer there; delete {fetched} and run again to fetch it")
    return folder


def locate_images(folder: Path, names: Collection[str]) -> Path:
    """The folder, `folder` or below it, with the most of the images `names`, which are paths relative to it.

    Raises StudyError when none of them is there.
    """
    names = set(map(_composed, names))
    depths = {name.count("/") + 1 for name in names}
    found: Counter[str] = Counter()
    others: list[str] = []
    for root, _, files in os.walk(folder):
        parts = Path(root).relative_to(folder).parts
        for file in files:
            path = (*parts, file)
            for depth in depths:
                if depth <= len(path) and _composed("/".join(path[-depth:])) in names:
                    found["/".join(path[:-depth])] += 1
            if len(others) < 3:
                others.append("/".join(path))
    if not found:
        raise StudyError(
            f"{folder}: has none of the {len(names)} images that the metadata name, expected such as "
            f"{', '.join(sorted(names)[:3])}, but there are {', '.join(others) or 'no files'}; "
            "set `imgpath` to their folder"
        )
    # The most images; of equals the one that sorts first, so that it is always the same.
    return folder / min(found, key=lambda place: (-found[place], place))
