"""What the machine is and how busy it is: a figure without it cannot be compared."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError


def describe_host() -> dict[str, Any]:
    """CPU model, number of CPUs, load and operating system, ready for JSON."""
    return {
        "cpu": _cpu_name(),
        "cpus": os.cpu_count(),
        "load_average_1min": os.getloadavg()[0],
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    for line in lines:
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def busy_warning(num_threads: int) -> str | None:
    """A warning if other work leaves too few CPUs for an honest measurement, else None."""
    load, cpus = os.getloadavg()[0], os.cpu_count() or 1
    if load + num_threads > cpus + 0.5:
        return (
            f"load average is {load:.1f} on {cpus} CPUs: other work disturbs the figures "
            "(ratios within a row suffer less than times)"
        )
    return None


def pin_to_cpu(cpu: int) -> None:
    """Keep this process on one CPU.

    Raises:
        InputError: there is no such CPU, or the system cannot pin.
    """
    if not hasattr(os, "sched_setaffinity"):
        raise InputError(f"--pin: {platform.system()} cannot pin a process to a CPU; leave it out")
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        raise InputError(f"--pin: cannot pin to CPU {cpu}: {error.strerror}") from error
