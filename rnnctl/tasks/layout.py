"""The layout of a file of sequences: what a run keeps of it, so that it need not be read again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from rnnctl.question import Question


@dataclass(frozen=True)
class Layout:
    """What is known of a file without reading it again, and the text in which a section keeps it.

    asked: the `last` step of all sequences, the `ends` of sequences of several lengths, `every` step, or `some` steps.
    """

    train: int
    validation: int
    test: int
    steps: int
    inputs: int
    kind: str  # of inputs: reals or symbols
    outputs: int
    answers: str  # classes or values
    asked: str

    PATTERN: ClassVar[re.Pattern[str]] = re.compile(
        r"(\d+) \+ (\d+) \+ (\d+) sequences, (\d+) steps, (\d+) (reals|symbols), (\d+) (classes|values), "
        r"(last|ends|every|some)"
    )

    def __str__(self) -> str:
        return (
            f"{self.train} + {self.validation} + {self.test} sequences, {self.steps} steps, {self.inputs} {self.kind}, "
            f"{self.outputs} {self.answers}, {self.asked}"
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the layout that a text says. Raise ValueError if it is not one."""
        match = cls.PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f'layout "{text}" is not what rnnctl writes; leave it out')
        values: list[Any] = [int(value) if value.isdecimal() else value for value in match.groups()]
        return cls(*values)

    def question(self, tolerance: float) -> Question:
        """Return what is asked."""
        every, values = self.asked != "last", self.outputs if self.answers == "values" else 1
        loss: Literal["cross_entropy", "squared_error"] = (
            "cross_entropy" if self.answers == "classes" else "squared_error"
        )
        return Question(loss, every, "each", tolerance if loss == "squared_error" else 0.0, values, partial=True)


# Of a file that cannot be read: `identified` then tells why.
UNKNOWN = Layout(1, 1, 0, 1, 2, "symbols", 2, "classes", "every")
