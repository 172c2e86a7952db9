"""The pages for readers point at what is there, and give commands that do what they say."""

import re
from pathlib import Path

import pytest
from conftest import ROOT

PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "config/README.md", ROOT / "results/README.md")
)
PACKAGE = ROOT / "workflow/red_herring"
COMMANDED = [*PAGES, ROOT / "Makefile", ROOT / "config.yaml", *ROOT.glob("workflow/studies/*.yaml"), ROOT / ".ci/run"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 160


@pytest.mark.parametrize("file", COMMANDED, ids=name)
def test_no_command_gives_its_target_away_as_a_second_file(file):
    """Snakemake takes each word behind `--configfile FILE` for one more file; behind `--configfile=FILE` it does not."""
    for words in re.findall(r"--configfile (?!FILE)([^`#\n]*)", file.read_text()):
        files = re.split(r" -|  ", words)[0].split()
        assert len(files) > 1, f"--configfile {words}: one file is named with ="
        assert all(re.fullmatch(r".+\.(ya?ml|json)", file) for file in files), words


def test_every_target_of_make_that_is_named_is_one():
    targets = set(re.findall(r"^([a-z_ ]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets = {target for line in targets for target in line.split()}
    for page in PAGES:
        for line in re.findall(r"(?:^|`)make ([a-z_]+)", page.read_text(), re.MULTILINE):
            assert line in targets, f"{name(page)}: make {line}"


def test_files_that_are_named_are_there():
    """Code, by its whole path or that below the package, and pages, but for what the examples make."""
    for page in PAGES:
        text = page.read_text()
        made = set(re.findall(r"^`([\w/.]+)`:$", text, re.MULTILINE))
        for path in set(re.findall(r"`(\w[\w/]*/\w+\.(?:py|smk)|(?:docs|workflow)/[\w/]+\.\w+)`", text)) - made:
            assert any((folder / path).is_file() for folder in (ROOT, PACKAGE)), f"{name(page)}: {path}"


def is_there(reference: str) -> bool:
    """A module or folder of the package, or a name that a module or its class has."""
    parts, folder = reference.split(".")[1:], PACKAGE
    while parts and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    if not parts:
        return True
    module, names = folder / f"{parts[0]}.py", parts[1:]
    if not module.is_file():
        return False
    pattern = r"^\s*(?:def|class) {0}\b|^{0}\b[\w, ]*[:=]|^\w+, {0} ="
    return all(re.search(pattern.format(word), module.read_text(), re.MULTILINE) for word in names)


def test_what_code_refers_to_is_there():
    for file in [*PACKAGE.rglob("*.py"), *PACKAGE.parent.glob("rules/*.smk")]:
        for reference in re.findall(r"`(red_herring(?:\.\w+)+)`", file.read_text()):
            assert is_there(reference), f"{name(file)}: {reference}"
    assert not is_there("red_herring.generation.experiment.Settings")
