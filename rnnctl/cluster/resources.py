"""What a cluster has, and whether what a training asks for can be had there."""

from __future__ import annotations

from typing import Any

import ray

from rnnctl.cluster.options import ClusterOptions
from rnnctl.lab.errors import Code, LabError
from rnnctl.words import counted


def what_there_is() -> str:
    """Return in words what the cluster has, and what of it is free."""
    total, free = ray.cluster_resources(), ray.available_resources()
    words = [_of(total, free, "CPU")]
    if total.get("GPU", 0.0) > 0:
        words.append(_of(total, free, "GPU"))
    return f"the cluster has {counted(len(_nodes()), 'node')} with {' and '.join(words)}"


def _of(total: dict[str, float], free: dict[str, float], name: str) -> str:
    count = total.get(name, 0.0)
    return f"{count:g} {name}{'' if count == 1 else 's'} ({max(0.0, free.get(name, 0.0)):g} free)"


def require(options: ClusterOptions) -> None:
    """Raise LabError if no node of the cluster could ever hold a slot."""
    for name, wanted, option in (
        ("GPU", options.gpus_per_slot, "--gpus-per-slot"),
        ("CPU", options.cpus_per_slot, "--cpus-per-slot"),
    ):
        most = max((node["Resources"].get(name, 0.0) for node in _nodes()), default=0.0)
        if wanted > most:
            has = f"no node has a {name}" if most == 0 else f"no node has more than {most:g}"
            raise LabError(f"{option} {wanted:g}: {has}; {what_there_is()}", Code.FAILURE)
    if not any(holds_a_slot(node, options) for node in _nodes()):
        raise LabError(f"no node has all that a slot takes, {options.request}; {what_there_is()}", Code.FAILURE)


def free_slots(options: ClusterOptions) -> int:
    """Return how many slots the cluster has that are free, at most: no node may have enough of what is free."""
    in_all = sum(_slots(node["Resources"], options) for node in _nodes())
    return min(in_all, _slots(ray.available_resources(), options))


def _slots(has: dict[str, float], options: ClusterOptions) -> int:
    wanted = {"CPU": options.cpus_per_slot, "GPU": options.gpus_per_slot}
    # Shares such as .1 are a little more or less than that.
    fitting = [int(has.get(name, 0.0) / each + 1e-6) for name, each in wanted.items() if each > 0]
    return min(fitting, default=options.slots)


def holds_a_slot(node: dict[str, Any], options: ClusterOptions) -> bool:
    """Return whether a node of `ray.nodes()` has what a slot asks for, if nothing else is there."""
    has = node["Resources"]
    return bool(has.get("CPU", 0.0) >= options.cpus_per_slot and has.get("GPU", 0.0) >= options.gpus_per_slot)


def is_alive(node_id: str) -> bool:
    """Return whether a node is part of the cluster, as far as its head knows."""
    return any(node["NodeID"] == node_id for node in _nodes())


def _nodes() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]
