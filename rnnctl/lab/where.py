"""The runs that meet conditions, and what to say where no run does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rnnctl.lab.errors import Code, LabError
from rnnctl.report.conditions import Condition, is_number
from rnnctl.report.parameters import complete_key
from rnnctl.report.results import Result
from rnnctl.report.specs import read_parameters
from rnnctl.words import did_you_mean, number, some
from store import queries
from store.queries import RunRow

TAG = "tag"  # in a condition: one of the tags of a run
LISTED = 6  # numbers; of more, the smallest and the greatest are told


def matching(rows: Sequence[RunRow], where: Sequence[str]) -> list[RunRow]:
    """Return the runs that meet all conditions, such as `train.lr<0.1`, `model.hidden=50,100` or `ended!=solved`.

    A condition is on a hyper-parameter, the seed, a result or a tag. Raises LabError for a wrong condition, and if no
    run meets all: then it tells the values that there are of the first key that leaves none.
    """
    try:
        conditions = [Condition.parse(text) for text in where]
        # Where a result and a hyper-parameter have the same name, the result counts.
        left = [(row, {**read_parameters(row.spec), **Result.of(row).as_dict(), TAG: row.tags}) for row in rows]
        known = list(dict.fromkeys(key for _, run in left for key in run))
        conditions = [_in_stored_words(replace(each, key=complete_key(each.key, known))) for each in conditions]
    except ValueError as error:
        raise LabError(str(error), argument="where") from None
    for position, condition in enumerate(conditions):
        kept = [(row, run) for row, run in left if condition.is_met(run.get(condition.key))]
        if not kept:
            before = " and ".join(each.text for each in conditions[:position])
            among = f" among those with {before}" if before else ""
            hint = _hint(condition, [run for _, run in left])
            raise LabError(f"no run matches {condition.text}{among}{hint}", Code.NOTHING)
        left = kept
    return [row for row, _ in left]


def _in_stored_words(condition: Condition) -> Condition:
    """Return a condition that also has its values as a run keeps them: `30+0` and `[30, 0]` are kept as `0+30`."""
    from pydantic import ValidationError

    from rnnctl.study.schema import KEYS  # loads numpy, which `status` can do without

    key = KEYS.get(tuple(condition.key.split(".")))
    if key is None or key.is_section:
        return condition
    words = list(condition.words)
    for word in condition.words:
        items = [_scalar(item.strip()) for item in word[1:-1].split(",")] if word[:1] + word[-1:] == "[]" else word
        with suppress(ValidationError):
            stored = key.validate(items)
            words += [stored] if isinstance(stored, str) else []
    return replace(condition, words=tuple(dict.fromkeys(words)))


def _scalar(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def _hint(condition: Condition, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the nearest value that these runs have of the key, or else which values they have."""
    key = condition.key
    values = list(dict.fromkeys(value for run in runs for value in _values_of(run.get(key))))
    if not values:
        return f"; no run has a {key}"
    numbers = sorted(value for value in values if is_number(value))
    words = [value for value in values if isinstance(value, str)]
    others = [str(value).lower() for value in values if isinstance(value, bool)]
    if condition.sign == "=":
        possible = [*words, *(queries.OUTCOMES + queries.STATUSES if key == "ended" else ())]
        for word in condition.words:
            if word not in possible and (near := did_you_mean(word, possible)):
                return near
    if len(numbers) > LISTED:
        listed = [f"{number(numbers[0], 6)} to {number(numbers[-1], 6)}"]
    else:
        listed = [str(value) if isinstance(value, int) else number(value, 6) for value in numbers]
    in_words = [word or "(none)" for word in sorted(words)]
    return f"; {key} is {some([*listed, *in_words, *others])}"


def _values_of(value: Any) -> tuple[Any, ...]:
    """Return the values that a condition can name: the items of a tuple, nothing for None."""
    if isinstance(value, tuple):
        return value
    return () if value is None or isinstance(value, list) else (value,)
