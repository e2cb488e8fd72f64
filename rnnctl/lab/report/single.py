"""The runs of a page, one by one: what each was, what it reached, and where it was trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from rnnctl.lab.report.leaders import run_facts
from rnnctl.report.page.content import Attempt, Environment, Item, Record, RunBlock, Verdict
from rnnctl.report.results import Result
from rnnctl.report.specs import resolved
from rnnctl.study.errors import SpecError
from rnnctl.study.labels import text as value_text
from rnnctl.study.written import WrittenKeys
from rnnctl.words import counted, duration, lines_of, number, size
from store import Store, queries
from store.history import History
from store.queries import AttemptRow, CheckpointRow, RunRow

CHECKS = 200  # runs up to which each shows the numbers of its last check


class Environments:
    """The different environments of attempts, in the order of first appearance."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, Mapping[str, Any], list[str]]] = {}

    def anchor(self, attempt: AttemptRow) -> str:
        """Return the anchor of the environment of an attempt."""
        key = repr(sorted(attempt.environment.items(), key=lambda item: item[0])) + attempt.host + attempt.device
        anchor, _, attempts = self._known.setdefault(
            key,
            (
                f"environment-{len(self._known) + 1}",
                {"host": attempt.host, "device": attempt.device, **attempt.environment},
                [],
            ),
        )
        attempts.append(attempt.worker)
        return anchor

    def blocks(self) -> list[Environment]:
        """Return all environments."""
        return [
            Environment(
                anchor,
                f"{anchor.replace('-', ' ')}: {counted(len(attempts), 'attempt')}",
                [Item(name, [text]) for name, text in _flat(facts)],
            )
            for anchor, facts, attempts in self._known.values()
        ]


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{before}{key}.")
        elif value is not None:
            flat.append((f"{before}{key}", str(value)))
    return flat


class RunBlocks:
    """Makes the blocks of runs. The whole spec stands with the first run of each configuration."""

    def __init__(self, store: Store, keys: WrittenKeys | None, anchors: Mapping[str, str], total: int) -> None:
        self._store, self._keys, self._anchors = store, keys, anchors
        self._specs: dict[str, str] = {}  # by configuration: the title of the run that has it
        self._checks = total <= CHECKS
        self.environments = Environments()

    def block(self, row: RunRow, result: Result, past: History, verdicts: Sequence[Verdict], several: bool) -> RunBlock:
        """Return the block of a run. past: its checks."""
        title = f"{row.study}/{row.label}" if several else row.label
        same_as = self._specs.setdefault(row.config_id, title)
        attempts = queries.attempts(self._store, row.run_id)
        checkpoints = queries.checkpoints_of(self._store, row.run_id)
        unit = result.loss_unit
        anchor = self._anchors[row.run_id]
        return RunBlock(
            anchor=anchor,
            title=title,
            record=Record("runs", {"study": row.study, "run": row.run_id}),
            state=(row.outcome or row.status).replace("_", " "),
            facts=[*_identity(row), *run_facts(result, unit)],
            verdicts=verdicts,
            changes=self._changes(result),
            spec=_spec(row) if same_as == title else [],
            same_as="" if same_as == title else same_as,
            attempts=[self._attempt(each) for each in attempts],
            checkpoints=[_checkpoint(each) for each in checkpoints if each.status != "removed"],
            last_check=_last_check(past) if self._checks and len(past.steps) else [],
            error=lines_of(row.error) if row.error else [],
            note=row.note,
        )

    def _changes(self, result: Result) -> list[Item]:
        """Return the keys that cases and axes of the study set, with the values of the run."""
        if self._keys is None:
            return []
        try:
            values = self._keys.values(result.spec)
        except SpecError:
            return []
        return [Item(".".join(path), [value_text(value)]) for path, value in values.items()]

    def _attempt(self, each: AttemptRow) -> Attempt:
        took = f" for {duration(each.ended - each.started)}" if each.ended else ""
        to = "" if each.end_step is None else f" to {each.end_step:,}"
        bits = "" if each.exact else ", not with the same bits"
        text = f"{moment(each.started)}{took}: {each.ended_as or 'running'}, from update {each.start_step:,}{to}{bits}"
        return Attempt(f"{text}, on {each.host}, {each.device}", self.environments.anchor(each))


def _identity(row: RunRow) -> list[Item]:
    items = [Item("run", [row.run_id]), Item("configuration", [row.config_id]), Item("seed", [str(row.spec["seed"])])]
    if row.tags:
        items.append(Item("tags", [", ".join(row.tags)]))
    if row.note:
        items.append(Item("note", [row.note]))
    if row.origin is not None:
        items.append(Item("goes on from", [f"{row.origin.name} at update {row.origin.step:,}"]))
    if not row.exact:
        items.append(Item("bits", ["an attempt went on in another environment than it began in"]))
    return items


def _spec(row: RunRow) -> list[str]:
    return lines_of(yaml.safe_dump(dict(resolved(row.spec)), sort_keys=False, allow_unicode=True))


def _checkpoint(each: CheckpointRow) -> str:
    reason = f", {each.status}: {each.reason}" if each.reason else ""
    return f"update {each.step:,}: {each.path}, {size(each.size)}{reason}"


def _last_check(past: History) -> list[Item]:
    update = Item("update", [f"{int(past.steps[-1]):,}"])
    return [
        update,
        *(Item(name.replace("_", " "), [number(float(values[-1]), 5)]) for name, values in past.scalars.items()),
    ]


def moment(at: float) -> str:
    """Return a time as text, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
