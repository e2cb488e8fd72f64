"""`bench`: rnnctl's code beside its rivals, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.options import JsonOption
from rnnctl.cli.output import out, out_json, say, table

if TYPE_CHECKING:
    from rnnctl.bench.pairs import Pair


def bench(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Pairs to time of each comparison.")] = 7,
    as_json: JsonOption = False,
) -> None:
    """Time forward and backward passes, whole updates and checks against torch, in pairs, on one thread.

    A ratio says how many times faster rnnctl was. Leave the machine alone meanwhile; it takes a few minutes.
    """
    from rnnctl.determinism import BIT_VARIABLES, bit_environment, settle_torch, worker_environment

    if any(os.environ.get(name) != value for name, value in BIT_VARIABLES.items()):
        # torch reads its environment when it loads, so the measuring is done by a process that has the right one.
        command = [sys.executable, "-P", "-m", "rnnctl", *sys.argv[1:]]
        raise typer.Exit(subprocess.run(command, env=worker_environment()).returncode)
    settle_torch()
    from rnnctl.bench.cases import bookkeeping_share, comparisons

    environment = bit_environment("cpu")
    pairs: list[Pair] = []
    for pair in comparisons(repeats):
        pairs.append(pair)
        say(f"{pair.name}: {pair.ratio:.2f} x {pair.rival}")
    share = bookkeeping_share()
    if as_json:
        out_json({"environment": environment, "pairs": [p.as_json() for p in pairs], "bookkeeping_share": share})
        return
    cells = [
        [p["name"], f"{1e3 * p['ours_seconds']:.3f}", p["rival"], f"{1e3 * p['rival_seconds']:.3f}",
         f"{p['ratio']:.2f}", f"{p['ratio_min']:.2f} to {p['ratio_max']:.2f}"]
        for p in (pair.as_json() for pair in pairs)
    ]  # fmt: skip
    out(table(["what", "ms", "rival", "its ms", "ratio", "spread"], cells))
    out(f"database, checkpoints, progress and history: {100 * share:.2f} % of a run's wall time")
    out(", ".join(f"{key} {value}" for key, value in environment.items()))
