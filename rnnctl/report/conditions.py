"""Conditions on runs as `--where` takes them: a key, a sign, and a value or, for = and !=, several."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnnctl.report.parameters import equal

_FORM = re.compile(r"\s*([^<>=!]*[^<>=!\s])\s*(<=|>=|!=|=|<|>)\s*(.*\S)\s*", re.DOTALL)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """One condition. words: the values as they were written: the whole text and, if it has commas, its parts."""

    text: str
    key: str
    sign: str
    words: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Return the condition that a text such as `train.lr<=0.01` states. Raise ValueError if it states none."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not of the form key=value, such as train.lr=0.01 or loss<0.5")
        key, sign, value = match.groups()
        if sign in _ORDERS and not is_number(_scalar(value)):
            raise ValueError(f"{text!r} needs a number after {sign}, such as {key}{sign}0.01")
        parts = [part.strip() for part in value.split(",")] if "," in value and sign not in _ORDERS else []
        return cls(text.strip(), key, sign, tuple(dict.fromkeys([value, *filter(None, parts)])))

    @property
    def values(self) -> tuple[Any, ...]:
        """The values as numbers, words, true, false or null."""
        return tuple(_scalar(word) for word in self.words)

    def is_met(self, value: Any) -> bool:
        """Return whether a run's value meets the condition.

        A run has no value (None) of a key that does not apply to it: that meets != alone. Of a tuple, one item must be
        equal to a word.
        """
        if self.sign in _ORDERS:
            return is_number(value) and _ORDERS[self.sign](value, _scalar(self.words[0]))
        if isinstance(value, tuple):
            met = any(word in value for word in self.words)
        else:
            met = value in self.words or any(equal(value, wanted) for wanted in self.values)
        return met == (self.sign == "=")


def is_number(value: Any) -> bool:
    """Return whether a value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scalar(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
