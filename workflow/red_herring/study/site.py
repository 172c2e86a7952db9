"""The block `site` of slurm/config.yaml, with the file of a site laid over it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from red_herring.runtime.files import StudyError
from red_herring.study.catalogue import analysis_names
from red_herring.study.schema import check_schema, read_schema
from red_herring.study.values import Place, Schema, convert
from red_herring.study.written import Written

PROFILE = "slurm/config.yaml"
BLOCK = ("__variables__", "site")
Site = dict[str, Any]


def site(block: Site) -> Site:
    """What differs between clusters, typed: the block as the profile has it, and over it slurm/site.yaml, if there is
    one, or the file that RED_HERRING_SITE names. StudyError, one sentence with the file and the key.
    """
    schema = read_schema("site")
    whole = _typed(block, schema | {"required": list(schema["properties"])}, Written(PROFILE, [PROFILE], below=BLOCK))
    named = os.environ.get("RED_HERRING_SITE")
    file = named or "slurm/site.yaml"
    if not named and not Path(file).is_file():
        return whole
    rules = schema["properties"]["rules"]
    ((_, rule),) = rules.pop("patternProperties").items()
    rules["properties"] = {name: rule | {"required": []} for name in [*whole["rules"], *analysis_names()]}
    return _laid(_typed(_read(file), schema, Written(file, [file])), whole)


def of_rules(site: Site) -> dict[str, Site]:
    """Rule -> minutes, mb, cpus and gpus of its jobs; what is said of `analyses` is said of the rule of each."""
    rules = dict(site["rules"])
    each = rules.pop("analyses")
    return rules | {analysis: each | rules.get(analysis, {}) for analysis in analysis_names()}


def _typed(values: Any, schema: Schema, written: Written) -> Site:
    typed: Site = convert(values, schema, Place(written))
    check_schema(typed, schema, written.subject)
    return typed


def _read(file: str) -> Any:
    try:
        return yaml.full_load(Path(file).read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise StudyError(f"{file}: {error.strerror}; RED_HERRING_SITE names it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise StudyError(f"{file}: is no YAML in UTF-8: {' '.join(str(error).split())}") from error


def _laid(above: Site, below: Site) -> Site:
    """`below` with the values of `above`, value by value."""
    values = {
        name: _laid(value, below.get(name, {})) if isinstance(value, dict) else value for name, value in above.items()
    }
    return below | values
