"""What the machine is, whether it is emulated, and whether it is quiet."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bnn_lab.costmodel.model import calibrate
from bnn_lab.measure import host as host_module
from bnn_lab.measure import noise
from bnn_lab.measure.host import EmulatedError, cpu_seconds_of_all, describe_host, emulation
from bnn_lab.measure.noise import NoiseWatch, NoisyMachineError, measure_watched

X86 = {"proc/cpuinfo": "vendor_id : AuthenticAMD\nmodel name : AMD\nflags : fpu avx2\n"}
ARM = {"proc/cpuinfo": "processor : 0\nFeatures : fp asimd\nCPU part : 0xd08\n"}


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("machine", "files", "found"),
    [
        ("x86_64", X86, None),
        ("aarch64", ARM, None),
        ("aarch64", X86, "/proc/cpuinfo is that of an x86"),
        ("aarch64", {**ARM, "proc/sys/kernel/arch": "x86_64\n"}, "runs as aarch64"),
        ("aarch64", {**ARM, "sys/devices/system/cpu/modalias": "cpu:type:x86,ven0002"}, "modalias"),
        ("aarch64", {**ARM, "sys/devices/system/cpu/modalias": "cpu:type:aarch64:feature:"}, None),
        ("x86_64", {**X86, "proc/sys/kernel/arch": "aarch64"}, "runs as x86_64"),
        ("x86_64", {"proc/cpuinfo": "model name : QEMU TCG CPU version 2.5+\n"}, "QEMU TCG"),
        ("x86_64", {}, None),
    ],
)
def test_emulation(tmp_path: Path, machine: str, files: dict[str, str], found: str | None) -> None:
    answer = emulation(machine, tree(tmp_path, **files))
    assert answer is None if found is None else found in (answer or "")


def test_emulator_shows_itself_by_these_files(
    tmp_path: Path, require_tool: Callable[[str, str], str]
) -> None:
    """Under qemu-aarch64 a program is told aarch64, but reads this machine's files."""
    if os.uname().machine != "x86_64":
        pytest.skip("the emulator is looked at from x86-64")
    compiler = require_tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    qemu = require_tool("qemu-aarch64", "qemu-user")
    source = tmp_path / "look.c"
    source.write_text(
        """
        #include <stdio.h>
        #include <sys/utsname.h>
        static void show(const char* path) {
          char text[65536];
          FILE* file = fopen(path, "r");
          size_t size = file ? fread(text, 1, sizeof text, file) : 0;
          printf("=%s\\n", path);
          fwrite(text, 1, size, stdout);
          putchar('\\n');
          if (file) fclose(file);
        }
        int main(void) {
          struct utsname name;
          uname(&name);
          puts(name.machine);
          show("/proc/cpuinfo");
          show("/proc/sys/kernel/arch");
          show("/sys/devices/system/cpu/modalias");
        }
        """
    )
    program = tmp_path / "look"
    subprocess.run([compiler, "-static", str(source), "-o", str(program)], check=True)
    output = subprocess.run([qemu, str(program)], capture_output=True, text=True, check=True).stdout
    machine, *parts = output.split("\n=")
    assert machine == "aarch64"
    files = dict(part.lstrip("/").split("\n", 1) for part in parts)
    told = emulation(machine, tree(tmp_path / "root", **files))
    assert told and "runs as aarch64" in told


def test_this_host() -> None:
    host = describe_host()
    assert host.cpu and host.cpus >= 1 and host.machine == os.uname().machine
    assert host.emulated is None
    assert "numpy" in host.packages
    latency = host.core_latency_ns
    assert latency is None if host.affinity and len(host.affinity) == 1 else latency > 0
    if os.uname().machine == "x86_64":
        assert "sse4_2" in host.flags


def test_an_emulated_cpu_is_not_calibrated(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = msgspec.structs.replace(describe_host(), emulated="by qemu")
    monkeypatch.setattr(host_module, "describe_host", lambda: emulated)
    with pytest.raises(EmulatedError, match="calibrate: this CPU is emulated"):
        calibrate()


class Samples:
    """Stands in for the loop's clock: known times."""

    def __init__(self, *seconds: float) -> None:
        self.seconds, self.next = seconds, 0

    def __call__(self) -> float:
        self.next += 1
        return self.seconds[(self.next - 1) % len(self.seconds)]


def watch(
    monkeypatch: pytest.MonkeyPatch, *seconds: float, others: float = 0.0, threads: int = 1
) -> NoiseWatch:
    monkeypatch.setattr(noise, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(noise._Usage, "cpus_of_others", lambda self: others)
    monkeypatch.setattr(noise, "_usable_cpus", lambda: 2)
    made = NoiseWatch(threads)
    monkeypatch.setattr(made, "_sample", Samples(*seconds))
    return made


def test_a_quiet_machine_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = watch(monkeypatch, 1.0, 1.01)
    quiet.before()
    verdict = quiet.after()
    assert verdict.problems == [] and verdict.forced is False
    assert verdict.within.spread == pytest.approx(0.01)


def test_a_wandering_clock_is_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoisyMachineError, match=r"before the run a fixed loop took up to 50% long"):
        watch(monkeypatch, 1.0, 1.5).before()


def test_other_processes_are_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    watch(monkeypatch, 1.0, others=1.3).before()  # one CPU is free enough
    with pytest.raises(NoisyMachineError, match=r"other processes kept 1.4 of 2 CPUs busy"):
        watch(monkeypatch, 1.0, others=1.4).before()
    with pytest.raises(NoisyMachineError, match=r"2 thread\(s\) were to be measured"):
        watch(monkeypatch, 1.0, others=0.5, threads=2).before()


def test_noise_that_begins_during_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    late = watch(monkeypatch, 1.0)
    late.before()
    monkeypatch.setattr(late, "_sample", Samples(1.0, 2.0))
    late.probe()
    with pytest.raises(NoisyMachineError, match="during the run"):
        late.after()


def test_force_reports_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    loud = watch(monkeypatch, 1.0, 2.0)
    loud._force = True
    loud.before()
    verdict = loud.after()
    assert verdict.forced is True and len(verdict.problems) == 2


def test_probe_runs_among_the_calls_but_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    made = watch(monkeypatch, 1.0)
    table = measure_watched({"a": lambda: None}, made, rounds=4, warmup=1, round_seconds=0)
    assert table.names == ("a",)
    assert len(made._samples) >= 4


def test_cpu_time_of_all_grows() -> None:
    before = cpu_seconds_of_all()
    if before is None:
        pytest.skip("only Linux tells")
    assert before > 0 and cpu_seconds_of_all() >= before
