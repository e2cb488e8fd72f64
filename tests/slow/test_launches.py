"""What an update of a pack asks of a device: few launches at any pack size and length, one copy in, and none out.

Kernels are counted and not run; memory that they would write reads as zeros.
"""

from __future__ import annotations

from typing import Any

import pytest

from rnnctl.study.run import RunSpec
from rnnctl.training.device_pack import DevicePack
from rnnctl.training.member import begin, network_of
from tests.gpu_shapes import byte_by_byte, of_all_flags, packed, through_time
from tests.pretended.device import pretended_device
from tests.pretended.kernels import CELLS_WITH_KERNELS
from tests.pretended.traffic import traffic_between_checks

PASSES = ("forward", "backward", "forward_tiles", "backward_tiles")  # ends of the names of kernels through time
MOST, MOST_BYTE_BY_BYTE = 40, 60


def nothing(*args: Any, **constants: Any) -> None:
    """Start no kernel."""


def check_traffic(specs, most, figure):
    with pretended_device(nothing, zeroed=True) as device:
        updates = traffic_between_checks(device, specs)
    assert len(updates) > 2
    for traffic in updates:
        assert 0 < traffic.launches.total() <= most, traffic.launches
        assert (traffic.into.count, traffic.out.count) == (1, 0)
    figure("launches", ", ".join(f"{name} {count}" for name, count in sorted(updates[-1].launches.items())))
    figure("total", updates[-1].launches.total())


@pytest.mark.parametrize("runs", [1, 32])
@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_an_update_through_time(cell, runs, figure):
    check_traffic(packed(runs, through_time, cell), MOST, figure)


@pytest.mark.parametrize("runs", [1, 32])
def test_an_update_with_omega(runs, figure):
    check_traffic(packed(runs, through_time, "rnn", omega=0.5), MOST, figure)


@pytest.mark.skipif("gated" not in CELLS_WITH_KERNELS, reason="the gated cell has no kernels")
@pytest.mark.parametrize("runs", [1, 32])
def test_an_update_byte_by_byte(runs, figure):
    check_traffic(packed(runs, byte_by_byte), MOST_BYTE_BY_BYTE, figure)


@pytest.mark.skipif("gated" not in CELLS_WITH_KERNELS, reason="the gated cell has no kernels")
def test_an_update_byte_by_byte_of_runs_whose_flags_differ(figure):
    specs = packed(32, of_all_flags)
    assert len({spec.model.flags for spec in specs.values()}) == 32
    check_traffic(specs, MOST_BYTE_BY_BYTE, figure)


def test_what_an_update_copies_does_not_grow_with_what_it_does(figure):
    """Symbols are bytes, and numbers are few: a pack of 32 copies less than a megabyte an update."""
    with pretended_device(nothing, zeroed=True) as device:
        updates = traffic_between_checks(device, packed(32, through_time, "rnn"))
    figure("bytes", updates[-1].into.bytes)
    assert updates[-1].into.bytes < 2**20


@pytest.mark.parametrize("precision", ["ieee", "bfloat16"])
@pytest.mark.parametrize("hidden", [64, 65, 128, 129])
@pytest.mark.parametrize("cell", CELLS_WITH_KERNELS)
def test_passes_have_as_many_programs_as_the_plan_is_told(cell, hidden, precision):
    spec = RunSpec.model_validate(
        {
            "task": {"name": "temporal_order", "min_length": 10, "max_length": 12},
            "model": {"name": cell, "hidden": hidden},
            "train": {"updates": 2, "batch": 40, "precision": precision},
            "check": {"every": 2, "samples": 20, "chunk": 20, "diagnostic_batch": 5},
        }
    )
    grids = set()

    def start(kernel: Any, grid: tuple[int, ...], *args: Any, **constants: Any) -> None:
        if kernel.fn.__module__.startswith("rnnctl.cells.") and kernel.fn.__name__.endswith(PASSES):
            grids.add(grid)

    task = spec.task.make()
    with pretended_device(start, zeroed=True) as device:
        pack = DevicePack(*([each] for each in begin("one", spec, task, network_of(spec.model, task))), device.name)
        pack.update()
    assert grids == {(spec.model.programs(40, precision), 1)}
