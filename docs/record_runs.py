"""Records what `KernelLadder`, `Roofline` and `OpProfile` show where nothing was measured.

    python docs/record_runs.py            # measures this machine: its run joins the recorded ones
    python docs/record_runs.py --profiles # only copies profiles out of the package's example report

A run replaces the recorded one of the same machine. Names of machines are those of their CPUs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bnn_lab.bench.backend_comparison import measure_backends
from bnn_lab.bench.kernels import PAPER_CONVS
from bnn_lab.bench.machine import measure_machine
from bnn_lab.figures.latency_points import example_reports
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.widgets import bundle
from bnn_lab.widgets.kernel_runs import run_of
from bnn_lab.widgets.op_profile import pack_profiles

RUNS = bundle.SOURCES / "recorded"
NETWORKS = ("quicknet", "birealnet", "binarynet")
ROUNDS = 41  # the best one counts, and many find a quiet moment


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--profiles", action="store_true", help="measure nothing")
    if not parser.parse_args().profiles:
        ladder = [measure_backends(case, rounds=ROUNDS) for case in PAPER_CONVS]
        run = run_of(ladder, measure_machine(rounds=ROUNDS))
        path = RUNS / "kernels.json"
        known = json.loads(path.read_text()) if path.exists() else []
        write(path, [run, *(one for one in known if one["machine"] != run["machine"])])
    write(RUNS / "profiles.json", recorded_profiles())


def recorded_profiles() -> list[dict[str, Any]]:
    """Profiles of published networks, out of the report that the package ships."""
    (report,) = example_reports()
    found = {}
    for model in report.models:
        if model.name in NETWORKS and model.num_threads == 1 and model.profile:
            profile = model.profile
            rows = tuple(
                ProfileRow(
                    row.name, row.kind, tuple(row.output_shape), row.ms, row.ms / profile.sum_ms,
                    row.macs, row.binary, split=False,
                )
                for row in profile.rows
            )  # fmt: skip
            name = f"{model.name} on {report.device}"
            found[name] = Profile(
                rows, profile.end_to_end_ms, model.backend, 1, report.noise.rounds
            )
    return pack_profiles(found)


def write(path: Path, content: Any) -> None:
    """JSON, an item a line."""
    lines = [json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in content]
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
