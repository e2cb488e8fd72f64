"""What probes have said of the runs of a page: the answers that are kept. None is computed."""

from __future__ import annotations

from collections.abc import Sequence

from rnnctl.lab.report.pictures import Pictures
from rnnctl.parts import names_of
from rnnctl.probes import base
from rnnctl.probes.base import Probe
from rnnctl.probes.catalogue import PROBES
from rnnctl.report.figures import Runs
from rnnctl.report.figures.probed import Candidate, answered, candidates_of, settings
from rnnctl.report.page.content import Cell, Column, ProbeBlock, Row, Table
from rnnctl.words import lines_of

MOST_SETTINGS = 6  # with which the answers of a probe are shown
MOST_SINGLE = 4  # runs, of a probe that shows one at a time


def probed(runs: Runs, pictures: Pictures) -> dict[str, list[ProbeBlock]]:
    """Return the kept answers about the best weights, by the topic of their probe."""
    kinds: dict[str, type[Probe]] = {names_of(probe)[0]: probe for probe in [*PROBES, *PROBES.users]}
    asked = answered(runs, kinds)
    blocks: dict[str, list[ProbeBlock]] = {}
    for name, kind in kinds.items():
        if name in asked:
            for candidate in _shown(kind, runs, pictures):
                try:
                    blocks.setdefault(kind.topic, []).append(_block(kind, candidate, pictures))
                except ValueError as error:  # such as a text that has changed
                    pictures.notes.append(f"answers of the probe {name} are left out: {error}")
    return blocks


def _shown(kind: type[Probe], runs: Runs, pictures: Pictures) -> list[Candidate]:
    """Return the answers to show: those that most runs have first, and each but once."""
    candidates = sorted(candidates_of(kind, runs), key=lambda each: (-len(each.runs), -each.position))
    shown: list[Candidate] = []
    known: set[str] = set()
    for candidate in candidates:
        if candidate.asked <= known:
            continue
        known |= candidate.asked
        if kind.single:
            shown += [Candidate(candidate.probe, [run], candidate.position) for run in candidate.runs]
        else:
            shown.append(candidate)
    most = MOST_SINGLE if kind.single else MOST_SETTINGS
    if len(shown) > most:
        left_out = len(shown) - most
        pictures.notes.append(f"{left_out} more answers of the probe {names_of(kind)[0]} are kept, and not shown here")
    return shown[:most]


def _block(kind: type[Probe], candidate: Candidate, pictures: Pictures) -> ProbeBlock:
    probe, runs = candidate.probe, candidate.runs
    title = names_of(kind)[0].replace("-", " ")
    if kind.single:
        title = f"{title}, {runs[0].label}"
    about = " ".join(kind.about.split("\n\n")[0].split())
    name = pictures.name(f"probe-{names_of(kind)[0]}")
    blocks = [_part(f"{name}-{i}", block) for i, block in enumerate(probe.tabulate(runs), start=1)]
    figure = probe.draw(runs, "") if kind.figure else None
    picture = None if figure is None else pictures.of(figure, f"{name}-figure", title, about)
    return ProbeBlock(f"{title} ({settings(probe)})", about, blocks, picture)


def _part(name: str, block: base.Table | str) -> Table | Sequence[str]:
    if isinstance(block, str):
        return lines_of(block)
    columns = [Column(f"c{i}", head, numbers=i > 0) for i, head in enumerate(block.heads)]
    return Table(name, "", columns, [Row([Cell([cell or ""]) for cell in row]) for row in block.rows])
