"""What the machine is and how busy it is: a figure without it cannot be compared."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path

import msgspec

from bnn_lab import _native
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.kernels import all_backends
from bnn_lab.measure.units import Count, Positive

_ROOT = Path("/")
# Of the many flags of a CPU, those that decide which kernels run: these of baselines, and what our
# backends need.
_FLAGS = (
    "sse4_2",
    "avx",
    "avx_vnni",
    "avx512_vnni",
    "amx_int8",
    "avx512_bitalg",
    "asimddp",
    "i8mm",
    "sve",
    "hypervisor",
)
_X86 = ("x86_64", "AMD64", "i686")
_PACKAGES = ("ai-edge-litert", "larq-compute-engine", "tensorflow", "numpy")


class EmulatedError(BnnLabError):
    """Times of an emulated CPU were about to become figures of a device."""


class Host(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The machine and the software on it.

    Attributes:
        cpu: name of the CPU, or of the board.
        cpus: their number.
        flags: flags of the CPU, those that choose kernels.
        frequency_mhz: mean over the CPUs at that moment, null if unknown.
        max_frequency_mhz: null if unknown.
        governor: the frequency governor, null if unknown.
        affinity: CPUs that the process could use, null if unknown.
        core_latency_ns: nanoseconds that a cache line took from one of them to another, null if
            there is one or it was not measured.
        load_average_1min: of the system, null if unknown, as in a page.
        machine: as `uname -m` tells it.
        system: as `uname -s` tells it.
        kernel: as `uname -r` tells it; of a page, what the browser calls itself.
        emulated: how an emulator shows; null if this is real or hardware-virtualized.
        python: version, "" where no Python ran.
        packages: name to version.
    """

    cpu: str
    cpus: int
    flags: list[str]
    frequency_mhz: float | None = None
    max_frequency_mhz: float | None = None
    governor: str | None = None
    affinity: list[Count] | None = None
    core_latency_ns: Positive | None = None
    load_average_1min: float | None = None
    machine: str
    system: str
    kernel: str
    emulated: str | None = None
    python: str
    packages: dict[str, str]


def describe_host() -> Host:
    """What this machine is, and how busy it is now."""
    return Host(
        cpu=_cpu_name(),
        cpus=os.cpu_count() or 1,
        flags=_flags(),
        frequency_mhz=_frequency(),
        max_frequency_mhz=_cpufreq("cpuinfo_max_freq"),
        governor=_sysfs("governor"),
        affinity=_affinity(),
        core_latency_ns=_native.core_latency_ns() or None,
        load_average_1min=os.getloadavg()[0],
        machine=platform.machine(),
        system=platform.system(),
        kernel=platform.release(),
        emulated=emulation(),
        python=platform.python_version(),
        packages=_packages(),
    )


def real_host(what: str) -> Host:
    """What this machine is, if its times are those of a device.

    Args:
        what: is about to be measured, for the error's text.

    Raises:
        EmulatedError: this CPU is emulated.
    """
    host = describe_host()
    if host.emulated:
        raise EmulatedError(
            f"{what}: this CPU is emulated ({host.emulated}); its times are not those of a device. "
            "Fix: run it on the device itself"
        )
    return host


def emulation(machine: str | None = None, root: Path = _ROOT) -> str | None:
    """Whether the CPU is an emulator's, whose times say nothing about a device.

    An emulator of programs (qemu-user) makes `uname` lie, but passes the files of the real system
    through. An emulator of systems (qemu without KVM) is known by the name of its CPU.

    Args:
        machine: the architecture as `uname` reports it, default this process's.
        root: root of the file system; for tests.

    Returns:
        What gave it away, None if nothing did.
    """
    machine = machine or platform.machine()
    claims_x86 = machine in _X86
    for name in ("sys/devices/system/cpu/modalias", "proc/sys/kernel/arch"):
        text = _text(root / name)
        if not text or (name.endswith("modalias") and not text.startswith("cpu:type:")):
            continue
        is_x86 = text.startswith("cpu:type:x86") or text in _X86
        if is_x86 != claims_x86:
            return f"the program runs as {machine}, but /{name} is that of another processor"
    cpuinfo = _text(root / "proc/cpuinfo") or ""
    if not claims_x86 and "\nvendor_id" in f"\n{cpuinfo}" and "\nflags" in cpuinfo:
        return f"the program runs as {machine}, but /proc/cpuinfo is that of an x86 processor"
    if "QEMU TCG" in cpuinfo:
        return "/proc/cpuinfo names QEMU TCG"
    if root == _ROOT and _detect_virt() == "qemu":
        return "systemd-detect-virt finds QEMU without hardware virtualization"
    return None


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


def cpu_seconds_of_all() -> float | None:
    """CPU seconds that all processes have used since boot, idle time not counted."""
    text = _text(Path("/proc/stat"))
    if not text or not text.startswith("cpu "):
        return None
    user, nice, system, _idle, _iowait, *rest = (int(v) for v in text.splitlines()[0].split()[1:])
    # irq, softirq, steal; guest time is part of user time
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return None


def _cpuinfo(*names: str) -> list[str]:
    """Values of the first of these fields that /proc/cpuinfo has."""
    lines = (_text(Path("/proc/cpuinfo")) or "").splitlines()
    for name in names:
        values = [line.split(":", 1)[1].strip() for line in lines if line.startswith(name)]
        if values:
            return values
    return []


def _cpu_name() -> str:
    # ARM kernels have no model name there; boards name themselves in the device tree.
    board = (_text(Path("/proc/device-tree/model")) or "").rstrip("\0")
    names = _cpuinfo("model name", "Model")
    return (names[0] if names else "") or board or platform.processor() or "unknown"


def _flags() -> list[str]:
    have = set(" ".join(_cpuinfo("flags", "Features")[:1]).split())
    ours = [feature for backend in all_backends() for feature in backend.features]
    return [flag for flag in dict.fromkeys((*_FLAGS, *ours)) if flag in have]


def _sysfs(name: str) -> str | None:
    return _text(Path(f"/sys/devices/system/cpu/cpu0/cpufreq/scaling_{name}"))


def _cpufreq(name: str) -> float | None:
    value = _text(Path(f"/sys/devices/system/cpu/cpu0/cpufreq/{name}"))
    return int(value) / 1e3 if value and value.isdigit() else None


def _frequency() -> float | None:
    values = _cpuinfo("cpu MHz")
    if values:
        return sum(float(v) for v in values) / len(values)
    return _cpufreq("scaling_cur_freq")


def _affinity() -> list[int] | None:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _packages() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _detect_virt() -> str | None:
    program = shutil.which("systemd-detect-virt")
    if program is None:
        return None
    done = subprocess.run([program, "--vm"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
