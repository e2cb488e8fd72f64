"""`bench`: the speed of rnnctl beside plain torch, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption
from rnnctl.cli.output import out, out_json, say, table

if TYPE_CHECKING:
    from rnnctl.bench.timing import Comparison


def bench(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Pairs to time of each comparison.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Time passes, updates and checks against torch. Each comparison is made in pairs, on one thread.

    A ratio says how many times faster rnnctl was. Leave the machine alone meanwhile; it takes a few minutes.
    """
    from rnnctl.determinism import BIT_VARIABLES, bit_environment, settle_torch, worker_environment

    if any(os.environ.get(name) != value for name, value in BIT_VARIABLES.items()):
        # torch reads its environment when it loads, so the measuring is done by a process that has the right one.
        command = [sys.executable, "-P", "-m", "rnnctl", *sys.argv[1:]]
        raise typer.Exit(subprocess.run(command, env=worker_environment()).returncode)
    settle_torch()
    from rnnctl.bench.bookkeeping import bookkeeping_share
    from rnnctl.bench.cases import comparisons

    environment = bit_environment("cpu")
    measured: list[Comparison] = []
    for comparison in comparisons(repeats):
        measured.append(comparison)
        say(f"{comparison.name}: {comparison.ratio:.2f} x {comparison.baseline}")
    share = bookkeeping_share()
    if as_json:
        out_json({"environment": environment, "pairs": [c.as_json() for c in measured], "bookkeeping_share": share})
        return
    cells = [
        [
            row["name"],
            f"{1e3 * row['rnnctl_seconds']:.3f}",
            row["baseline"],
            f"{1e3 * row['baseline_seconds']:.3f}",
            f"{row['ratio']:.2f}",
            f"{row['ratio_min']:.2f} to {row['ratio_max']:.2f}",
        ]
        for row in (comparison.as_json() for comparison in measured)
    ]
    out(table(["what", "ms", "baseline", "its ms", "ratio", "spread"], cells))
    out(f"database, checkpoints, progress and history: {100 * share:.2f} % of a run's wall time")
    out(", ".join(f"{key} {value}" for key, value in environment.items()))
