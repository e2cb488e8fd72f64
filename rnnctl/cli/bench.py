"""`bench`: the speed of rnnctl beside plain torch, on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rnnctl import devices
from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption, device_option
from rnnctl.cli.output import FAILURE, UserError, out, out_json, say

if TYPE_CHECKING:
    from rnnctl.bench.timing import Comparison

WHOLE_COMMANDS = 5  # pairs at most: each takes about half a minute


def bench(
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Pairs to time of each comparison.")] = 7,
    device: Annotated[str, device_option("Where to measure: cpu, cuda (the first GPU), or a card such as cuda:1.")] = (
        "cpu"
    ),
    as_json: JsonOption = False,
) -> None:
    """Time passes, updates and checks against torch. Each comparison is made in pairs, on one thread.

    A ratio says how many times faster rnnctl was, on the same device. Leave the machine alone meanwhile; it takes a few
    minutes.
    """
    from rnnctl.determinism import BIT_VARIABLES, settle_torch, worker_environment

    if any(os.environ.get(name) != value for name, value in BIT_VARIABLES.items()):
        # torch reads its environment when it loads, so the measuring is done by a process that has the right one.
        command = [sys.executable, "-P", "-m", "rnnctl", *sys.argv[1:]]
        raise typer.Exit(subprocess.run(command, env=worker_environment()).returncode)
    settle_torch()
    try:
        place = devices.resolve_one(device)
    except ValueError as error:
        raise UserError(str(error)) from None
    if devices.is_card(place):
        _bench_card(place, repeats, as_json)
    else:
        _bench_cpu(repeats, as_json)


def _bench_cpu(repeats: int, as_json: bool) -> None:
    from rnnctl.bench.bookkeeping import bookkeeping_share
    from rnnctl.bench.cases import comparisons
    from rnnctl.bench.whole_commands import whole_command
    from rnnctl.determinism import bit_environment

    environment = bit_environment("cpu")
    measured: list[Comparison] = []
    for comparison in chain(comparisons(repeats), map(whole_command, [min(repeats, WHOLE_COMMANDS)])):
        measured.append(comparison)
        _tell(comparison)
    share = bookkeeping_share()
    if as_json:
        out_json({"environment": environment, "pairs": [c.as_json() for c in measured], "bookkeeping_share": share})
        return
    _print_comparisons(measured)
    out(f"database, checkpoints, progress and history: {100 * share:.2f} % of a run's wall time")
    _print_environment(environment)


def _bench_card(device: str, repeats: int, as_json: bool) -> None:
    """Measure on a card. Exit with FAILURE if a comparison was tried and failed."""
    if not devices.gpu_kernel_compiler():
        raise UserError("--device: Triton, which compiles the GPU kernels, is not installed", FAILURE)
    devices.use(device)
    from rnnctl.bench.card_cases import CardBench, Fact, LeftOut
    from rnnctl.bench.timing import Comparison
    from rnnctl.determinism import bit_environment

    # A start of a worker says which attempts may continue one another, and nothing about speed.
    environment = {key: value for key, value in bit_environment(device).items() if key != "start"}
    measured: list[Comparison] = []
    facts: list[Fact] = []
    missing: list[LeftOut] = []
    for result in CardBench(device, repeats).results():
        if isinstance(result, Comparison):
            measured.append(result)
            _tell(result)
        elif isinstance(result, Fact):
            facts.append(result)
        else:
            missing.append(result)
            say(f"{result.name}: left out: {result.reason}")
    if as_json:
        pairs = [comparison.as_json() for comparison in measured]
        out_json({"environment": environment, "pairs": pairs, "facts": facts, "left_out": missing})
    else:
        _print_comparisons(measured)
        for fact in facts:
            out(f"{fact.name} {fact.value} {fact.unit}")
        for each in missing:
            out(f"left out: {each.name}: {each.reason}")
        _print_environment(environment)
    if any(each.failed for each in missing):
        raise typer.Exit(FAILURE)


def _tell(comparison: Comparison) -> None:
    say(f"{comparison.name}: {comparison.ratio:.2f} x {comparison.baseline}")


def _print_comparisons(measured: list[Comparison]) -> None:
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
    out(
        *table(["what", "ms", "baseline", "its ms", "ratio", "spread"], cells, drop=["spread", "its ms", "ms"]),
        whole=True,
    )


def _print_environment(environment: dict[str, Any]) -> None:
    out(", ".join(f"{key} {value}" for key, value in environment.items()))
