"""Memory and time of the converter's own stages: import, passes, export.

    python -m bnn_lab.convert.footprint float.tflite

runs them in this fresh process on a float file of TensorFlow's converter (`stock_tflite` makes
one) and prints JSON. TensorFlow is not loaded, so nothing but these stages shows. Linux only.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.pipeline import run_pipeline
from bnn_lab.errors import InputError

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Footprint:
    """What the stages took.

    Attributes:
        file_bytes: size of the float file.
        result_bytes: size of the binary file.
        peak_bytes: highest resident memory during the stages, less that before the file was read.
        seconds: wall-clock time of the stages.
    """

    file_bytes: int
    result_bytes: int
    peak_bytes: int
    seconds: float


def measure(file: Path) -> Footprint:
    """Run the stages on a float `.tflite` file.

    Args:
        file: written by TensorFlow's converter.

    Returns:
        The figures.

    Raises:
        InputError: there is no such file, or this is not Linux.
        ModelFileError: the file is corrupt.
    """
    if not file.is_file():
        raise InputError(f"there is no file '{file}'. Fix: check the path")
    if not _CLEAR.exists():
        raise InputError("the peak of resident memory is read from Linux's /proc. Fix: use Linux")
    _CLEAR.write_text("5")  # the peak so far is that of the imports
    before = _resident("VmRSS")
    start = time.perf_counter()
    data = file.read_bytes()
    module = import_model(data)
    run_pipeline(module)
    result = export_model(module)
    seconds = time.perf_counter() - start
    return Footprint(len(data), len(result), _resident("VmHWM") - before, seconds)


def _resident(field: str) -> int:
    """A field of /proc/self/status, in bytes."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise InputError(f"/proc/self/status holds no {field}")


if __name__ == "__main__":
    print(json.dumps(asdict(measure(Path(sys.argv[1])))))
