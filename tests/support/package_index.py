"""A package index on 127.0.0.1 with wheels that are made here, and pip without the settings of this machine."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

from support.loopback import serving


class Index:
    """`add` makes a wheel and returns its SHA-256; `url` is what pip is to be told."""

    def __init__(self, folder: Path, url: str):
        self.folder, self.url = folder, url

    def add(
        self,
        name: str,
        version: str,
        requires: tuple[str, ...] = (),
        *,
        extra: str = "",
        python: str = "",
        megabytes: int = 0,
    ) -> str:
        """A wheel with one module of this name; `requires` are its dependencies, one of them perhaps of an extra."""
        about = f"{name}-{version}.dist-info"
        metadata = [("Metadata-Version", "2.1"), ("Name", name), ("Version", version)]
        metadata += [("Requires-Dist", one) for one in requires]
        metadata += [("Provides-Extra", extra)] if extra else []
        metadata += [("Requires-Python", python)] if python else []
        files = {
            f"{name}.py": f"VERSION = {version!r}\n" + "#" * (megabytes << 20),
            f"{about}/METADATA": "".join(f"{key}: {value}\n" for key, value in metadata),
            f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = [f"{file},sha256={digest(text)},{len(text)}" for file, text in files.items()]
        files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,"])
        wheel = self.folder / "simple" / name / f"{name}-{version}-py3-none-any.whl"
        wheel.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, text in files.items():
                archive.writestr(file, text)
        return self._link(wheel, python)

    def _link(self, wheel: Path, python: str) -> str:
        """Its line on the page of its project, as PyPI has it: with the hash and the versions of Python."""
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        needs = f' data-requires-python="{python.replace(">", "&gt;").replace("<", "&lt;")}"' if python else ""
        with open(wheel.parent / "index.html", "a") as page:
            page.write(f'<a href="{wheel.name.replace("+", "%2B")}#sha256={sha256}"{needs}>{wheel.name}</a>\n')
        return sha256


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


@contextmanager
def index(folder: Path) -> Iterator[Index]:
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with serving(partial(Handler, directory=str(folder))) as server:
        yield Index(folder, f"http://127.0.0.1:{server.server_port}/simple")


def pip_settings(url: str, home: Path) -> dict[str, str]:
    """The environment of a user whom nobody told of another index, certificate, cache or folder of wheels."""
    return {
        "PATH": "/usr/bin:/bin", "HOME": str(home), "PIP_CONFIG_FILE": "/dev/null", "PIP_INDEX_URL": url,
        "PIP_RETRIES": "0", "PIP_TIMEOUT": "5",
    }  # fmt: skip


def pin(name: str, version: str, *hashes: str) -> str:
    return " \\\n".join([f"{name}=={version}", *(f"    --hash=sha256:{one}" for one in hashes)]) + "\n"
