"""What the tests share: the checkout, the real images if they are there, small data sets and command lines."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from support.coverage_files import remove_half_written
from support.stage_server import STAGES, StageServer

if TYPE_CHECKING:
    from red_herring.data.dataset import Dataset

# Two test processes share two cores, and the images are tiny: one thread each is fastest.
os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
REAL_IMAGES = Path(os.environ.get("RED_HERRING_IMAGES", ROOT.parent / "shared" / "data"))


# Files that take more than half a minute, the longest first. Those on Slurm wait most of the time, beside which the other
# process has to have something to do.
LONGEST = (
    *("slurm/test_study", "workflow/test_reruns", "workflow/test_extend", "workflow/test_xray_small"),
    *("stages/test_stages", "workflow/test_sweeps", "slurm/test_disturbed", "workflow/test_anywhere"),
    *(
        "workflow/test_masker",
        "workflow/test_spurious",
        "workflow/test_cached_results",
        "workflow/test_gpus",
        "workflow/test_sanity",
    ),
    *("workflow/test_pairs", "workflow/test_masks_small", "workflow/test_names", "workflow/test_full_disk"),
    *("workflow/test_anatomy", "workflow/test_analyses", "workflow/test_derived", "workflow/test_report"),
    *("workflow/test_plan", "workflow/test_fetching", "workflow/test_twice", "workflow/test_release", "gpu/test_check"),
    *("envs/test_create", "browser/test_explorer", "runtime/test_provenance"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one at the end."""
    order = {ROOT / f"tests/{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> object:
    """When all tests have run, and before coverage puts together what all processes say."""
    result = yield
    if not hasattr(session.config, "workerinput"):  # this process distributes the tests, or runs them all
        remove_half_written(ROOT)
    return result


@pytest.fixture(scope="session")
def real_images() -> Path:
    """The folder of real chest X-rays; the test is skipped without it."""
    if not (REAL_IMAGES / "kermany").is_dir():
        pytest.skip(f"no real chest X-rays at {REAL_IMAGES}; set RED_HERRING_IMAGES to their folder")
    return REAL_IMAGES


@pytest.fixture(scope="session")
def stage_server():
    server = StageServer(STAGES)
    yield server
    server.close()


@pytest.fixture(scope="session")
def stage_in(stage_server):
    """stage_in(folder)(name, *arguments) -> CompletedProcess of a stage, run there as the rules do.

    variables: of the environment, for which an interpreter is started; without them the process is forked from one that
    has imported the libraries. before: code that is run in the process first.
    """

    def stage_of(folder: Path):
        def run(
            name: str, *arguments: object, variables: dict[str, str] | None = None, before: str = ""
        ) -> subprocess.CompletedProcess:
            environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
            module, words = f"red_herring.stages.{name}", [str(argument) for argument in arguments]
            if variables is None:
                return stage_server.run(module, words, folder, environment, before)
            return subprocess.run(
                [sys.executable, "-m", module, *words], env=environment | variables,
                cwd=folder, capture_output=True, text=True, check=False,
            )  # fmt: skip

        return run

    return stage_of


@pytest.fixture
def stage(tmp_path, stage_in):
    """Run a stage as the rules do, in a process of its own: stage(name, *arguments) -> CompletedProcess."""
    return stage_in(tmp_path)


@pytest.fixture
def small_disk():
    """A function that mounts a file system of a size such as `64k` on a new folder, for the time of the test."""
    mounted = []

    def mount(folder: Path, size: str) -> Path:
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting a small file system needs root")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def make_tiny_data(n: int = 32, size: int = 16, seed: int = 0, crossed: bool = False) -> Dataset:
    """`n` noisy images whose label shows inside the mask and, as a shortcut, outside.

    The nuisance is the label, or `crossed` with it, so that each cell has as many images but for one.
    """
    from red_herring.data.dataset import Dataset

    random = np.random.default_rng(seed)
    levels = random.integers(0, 120, (n, size, size), dtype=np.uint8)
    labels = np.arange(n) % 2
    masks = np.zeros((n, size, size), bool)
    masks[:, 4:10, 4:10] = True
    levels[labels == 1, 5:8, 5:8] = 255
    levels[labels == 1, -2:, -2:] = 200
    rows = np.arange(n)
    table = pd.DataFrame(
        {
            "source": "tiny", "image": [f"image{row}" for row in rows], "row": rows,
            "patient": [f"p{row}" for row in rows], "label": labels,
            "nuisance": rows // 2 % 2 if crossed else labels, "split": "train",
        }
    )  # fmt: skip
    return Dataset(levels, masks, table, (0.0, 1.0))


@pytest.fixture
def tiny_data():
    return make_tiny_data


@pytest.fixture
def listening():
    """SIGTERM and SIGINT are taken as a stage takes them, for the time of the test."""
    from red_herring.runtime import interrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    interrupt.listen()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def latin_1(tmp_path_factory) -> dict[str, str]:
    """The variables of a locale that is not UTF-8, made for the test."""
    folder = tmp_path_factory.mktemp("locales")
    command = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(folder / "de_DE.ISO-8859-1")]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"no locale can be made ({error}); install Debian's locales"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return {"LOCPATH": str(folder), "LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}


@pytest.fixture(scope="module")
def browser():
    """Chromium that finds no host, not even its own machine's names."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    absent = [name for name, path in found.items() if path is None]
    if absent:
        reason = f"{' and '.join(absent)} not found; install Debian's chromium and chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = found["chromium"]
    flags = ("headless=new", "no-sandbox", "disable-dev-shm-usage", "disable-gpu", "window-size=1280,900")
    for flag in (*flags, "host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(executable_path=found["chromedriver"]))
    yield driver
    driver.quit()
