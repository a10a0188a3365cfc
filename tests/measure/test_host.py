"""What the machine is, whether it is emulated, and whether it is quiet."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bnn_lab.costmodel.model import calibrate
from bnn_lab.measure import host as host_module
from bnn_lab.measure import noise
from bnn_lab.measure.host import EmulatedError, cpu_seconds_of_all, describe_host, emulation
from bnn_lab.measure.noise import NoiseWatch, NoisyMachineError, measure_watched
from bnn_lab.measure.timing import TimingTable

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
    monkeypatch.setattr(noise, "interruptions", lambda: 0)
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
    said = watch(monkeypatch, 1.0, 1.5).before()
    assert said is not None and "before the run a fixed loop took up to 50% longer" in said
    assert watch(monkeypatch, 1.0, 1.1).before() is None


def test_other_processes_are_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch(monkeypatch, 1.0, others=1.3).before() is None  # one CPU is free enough
    for others, threads, words in ((1.4, 1, "1.4 of 2 CPUs busy"), (0.5, 2, "uses 2 threads")):
        busy = watch(monkeypatch, 1.0, others=others, threads=threads)
        assert words in (busy.before() or "")
        # The loop runs as fast as ever: one thread is alone on its CPU.
        expected = nullcontext() if threads == 1 else pytest.raises(NoisyMachineError)
        with expected:
            measure_watched({"a": lambda: None}, busy, rounds=2, warmup=1, round_seconds=0)


def test_only_quiet_rounds_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "_PROBE_EVERY", 0)
    made = watch(monkeypatch, 1.0)
    made.before()
    # Two looks a round: before the call and after it. The second round and the fourth are noisy.
    loop = Samples(1.0, 1.0, 1.3, 1.0, 1.0, 1.1, 1.0, 2.0, 1.0, 1.0)
    monkeypatch.setattr(made, "_sample", loop)
    ran: list[int] = []
    table = measure_watched(
        {"a": lambda: ran.append(loop.next)}, made, rounds=3, warmup=1, round_seconds=0
    )
    assert table.counted.tolist() == [True, False, True, False, True]
    assert len(table["a"].seconds) == 3 and len(ran) == 1 + 5
    assert table.of_counted(np.arange(5)).tolist() == [0, 2, 4]
    monkeypatch.setattr(made, "_sample", Samples(1.0))
    verdict = made.after()
    assert (verdict.rounds, verdict.quiet_rounds) == (5, 3)
    assert verdict.problems == [
        "2 of 5 rounds were disturbed and do not count; the figures are of the others"
    ]


def test_a_machine_that_is_never_quiet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise, "_PROBE_EVERY", 0)
    ran: list[None] = []
    for force in (False, True):
        made = watch(monkeypatch, 1.0)
        made._force = force
        made.before()
        monkeypatch.setattr(made, "_sample", Samples(2.0))
        ran.clear()

        def once(made: NoiseWatch = made) -> TimingTable:
            return measure_watched(
                {"a layer": lambda: ran.append(None)}, made, rounds=2, warmup=1, round_seconds=0
            )

        if force:
            assert len(once()["a layer"].seconds) == noise._LAST_TRIES * 2
            verdict = made.after()
            assert verdict.forced and verdict.quiet_rounds == 0
            assert verdict.problems[-1] == "all 20 rounds were disturbed"
        else:
            with pytest.raises(NoisyMachineError, match="too noisy to measure a layer: in each"):
                once()
        assert len(ran) == 1 + noise._LAST_TRIES * 2


def test_cpu_time_of_all_grows() -> None:
    before = cpu_seconds_of_all()
    if before is None:
        pytest.skip("only Linux tells")
    assert before > 0 and cpu_seconds_of_all() >= before
