"""Which nodes of a cluster may train: those with this rnnctl, and with what gives the same bits.

Each node is asked `question`, and `choose` compares the answers. Nothing here knows Ray. A node with another rnnctl is
never used: it speaks another protocol, or computes something else. One whose bits would differ is used only if the
user allows a mixed cluster; the store then marks each run that goes on there as resumed in another environment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rnnctl import __version__
from rnnctl.cluster.shared import why_not_reached
from rnnctl.determinism import bit_environment, differences, settle_torch
from rnnctl.lab.errors import Code, LabError
from rnnctl.words import counted, one_line, shortened

ROOT = Path(__file__).resolve().parents[2]  # the folder of our packages
PACKAGES = ("rnnctl", "jobs", "store")  # whose sources decide what a node computes and says
DIGITS = 8  # of a hash in messages
MIXED = "--mixed"


@dataclass(frozen=True)
class Installed:
    """The rnnctl of a machine. sources: the hash of its source files."""

    version: str
    sources: str

    def __str__(self) -> str:
        return f"{self.version} (sources {self.sources[:DIGITS]})"


@dataclass(frozen=True)
class Node:
    """What a node answered.

    id: of Ray. name: for messages. cpus: of the node, 0 for one that only coordinates. installed: None if rnnctl cannot
    be imported. bits: what the bits of a run depend on there. problem: why the node cannot train, in one line; empty if
    nothing is known to prevent it.
    """

    id: str
    name: str
    cpus: float
    installed: Installed | None = None
    bits: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Choice:
    """The ids of the nodes that may be used, and a line for each node that is not, or that differs from the others.

    reference: the node that the others were compared with.
    """

    used: tuple[str, ...]
    notes: tuple[str, ...]
    reference: Node | None = None


def choose(nodes: Sequence[Node], here: Installed, mixed: bool, reference: Node | None = None) -> Choice:
    """Return which nodes may train.

    here: the rnnctl of the driver, which all nodes must have. reference: a node that trains already, None at first. The
    kind of nodes that give the same bits as this one is used; at first, the kind with most CPUs, and of two equal kinds
    the one that comes first. The other nodes are used only if `mixed` is true. Raise LabError, with the reason, if no
    node can be used at first.
    """
    refused = {node.id: why for node in nodes if (why := _refusal(node, here))}
    fit = [node for node in nodes if node.id not in refused]
    notes = [f"node {node.name} is not used: {refused[node.id]}" for node in nodes if node.id in refused]
    if reference is None:
        if not fit:
            raise LabError(_nobody(notes), Code.FAILURE)
        reference = _largest_kind(fit)
    used = []
    for node in fit:
        keys = differences(reference.bits, node.bits)
        if keys and not mixed:
            notes.append(
                f"node {node.name} is not used: its bits would be others than on {reference.name}: "
                f"{_told(keys, node, reference)}; {MIXED} uses it too"
            )
            continue
        if keys:
            notes.append(
                f"node {node.name} differs from {reference.name} in what changes bits: {_told(keys, node, reference)}; "
                "a run that goes on on a node of the other kind is marked as not exact"
            )
        used.append(node.id)
    return Choice(tuple(used), tuple(notes), reference)


def _refusal(node: Node, here: Installed) -> str:
    """Return why a node can never be used, empty if it can."""
    if node.problem:
        return node.problem
    if node.installed is None:
        return "rnnctl is not installed there"
    if node.installed.version != here.version:
        return f"it has rnnctl {node.installed.version}, and this is {here.version}"
    if node.installed.sources != here.sources:
        return f"its rnnctl {node.installed} has other source files than this one, {here}"
    return ""


def _nobody(notes: Sequence[str]) -> str:
    """Return one line for a cluster without a node that can train. notes: a line for each node."""
    if not notes:
        return "the cluster has no node that can train"
    more = f" (and {counted(len(notes) - 1, 'other node')})" if len(notes) > 1 else ""
    return f"no node of the cluster can train: {notes[0]}{more}"


def _largest_kind(nodes: Sequence[Node]) -> Node:
    """Return the first node of the kind with most CPUs, where nodes of a kind give the same bits."""
    cpus: list[tuple[Node, float]] = []
    for node in nodes:
        for place, (first, sum_of_kind) in enumerate(cpus):
            if not differences(first.bits, node.bits):
                cpus[place] = first, sum_of_kind + node.cpus
                break
        else:
            cpus.append((node, node.cpus))
    return max(cpus, key=lambda kind: kind[1])[0]  # the first of several maxima


def _told(keys: Sequence[str], node: Node, reference: Node) -> str:
    """Return in what a node differs from another, for people."""
    return ", ".join(f"{key} {_shown(node, key)}, not {_shown(reference, key)}" for key in keys)


def _shown(node: Node, key: str) -> str:
    value = node.bits.get(key)
    return "none" if value is None else one_line(str(value))


@cache
def here() -> Installed:
    """Return the rnnctl of this process. Its sources are read once."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{file.relative_to(ROOT).as_posix()}\n".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return Installed(__version__, digest.hexdigest())


def answer(device: str, folder: Path | None = None) -> dict[str, Any]:
    """Return what a node answers, as plain values. Loads torch; call it in the environment of a worker.

    device: that runs are trained on. folder: that checkpoints go through, if there is one. The answer has `version` and
    `sources`, and either `bits` or a `problem`.
    """
    from rnnctl import devices

    installed = here()
    known: dict[str, Any] = {"version": installed.version, "sources": installed.sources}
    if folder is not None and (problem := why_not_reached(folder)):
        return {**known, "problem": problem}
    try:
        settle_torch()
        bits = bit_environment(devices.resolve(device)[0])
    except (RuntimeError, ValueError) as error:
        return {**known, "problem": one_line(str(error))}
    return {**known, "bits": bits}


def question(device: str, folder: Path | None = None) -> Callable[[], dict[str, Any]]:
    """Return the function that is sent to each node: it travels by value, so that it runs where rnnctl is missing."""

    def ask() -> dict[str, Any]:
        try:
            from rnnctl.cluster.versions import answer
        except Exception as error:  # an rnnctl without this module, or one that cannot be imported
            import sys
            from importlib.metadata import PackageNotFoundError, version

            try:
                return {"version": version("rnnctl"), "sources": "", "cannot": f"{type(error).__name__}: {error}"}
            except PackageNotFoundError:
                return {"missing": sys.executable}
        return answer(device, folder)

    return ask


def read_answer(id: str, name: str, cpus: float, answered: Mapping[str, Any]) -> Node:
    """Return a node from its answer to `question`."""
    if "missing" in answered:
        return Node(id, name, cpus, problem=f"rnnctl is not installed there ({answered['missing']})")
    installed = Installed(answered["version"], answered["sources"])
    problem = answered.get("problem", "")
    if "cannot" in answered and installed.version == __version__:
        problem = f"its rnnctl cannot be imported: {one_line(shortened(answered['cannot']))}"
    return Node(id, name, cpus, installed, answered.get("bits", {}), problem)
