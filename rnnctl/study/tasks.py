"""The task section of a run, one model a family, told apart by `name`. The head and the loss follow from the task.

A batch has one length, drawn from min_length up to but not including max_length (the convention of the program of
Pascanu et al. 2013); equal values fix it. What is counted by it, and the least of it, is each task's own.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, model_validator

from rnnctl.corpora.corpus import STDLIB
from rnnctl.section import Section, as_written
from rnnctl.study.texts import HASHES, identified

BYTE = 256  # a symbol is stored in one
MAX_PATTERNS = 2**20


class _Task(Section):
    """What all tasks have; LEAST is the shortest length that leaves none of the task's windows empty."""

    LEAST: ClassVar[int]

    name: str
    min_length: int = 50
    max_length: int = 200

    @property
    def every_step(self) -> bool:
        """Whether it asks for an answer at every step."""
        return False

    def at_length(self, length: int) -> _Task:
        """The same task with sequences of one length. Raises ValidationError if it has no such length."""
        return type(self).model_validate({**self.model_dump(), "min_length": length, "max_length": length})

    @model_validator(mode="after")
    def _lengths_fit(self) -> _Task:
        for key in ("min_length", "max_length"):
            if (length := getattr(self, key)) < self.LEAST:
                raise ValueError(f"{key} must be at least {self.LEAST}, not {length}, where name is {self.name}")
        if self.max_length < self.min_length:
            raise ValueError(f"max_length {self.max_length} is below min_length {self.min_length}")
        return self


class TemporalOrder(_Task):
    """Which two (or three) symbols were there, in their order? Pascanu et al. 2013, section 4.1."""

    LEAST = 10

    name: Literal["temporal_order", "temporal_order_3"]


class Marked(_Task):
    """Half the sum, or the product, of two marked values. Sequences are up to a tenth longer than the length drawn.

    tolerance: an answer is wrong if it is further than this from the target, in absolute value. The default is the
    original program's squared error above .04; Hochreiter and Schmidhuber (1997) and Martens and Sutskever (2011) ask
    for an absolute error of .04, five times as strict.
    """

    LEAST = 10

    name: Literal["addition", "multiplication"]
    tolerance: float = Field(0.2, gt=0)


class Xor(_Task):
    """The exclusive or of two marked bits, laid out as in addition. Martens and Sutskever 2011."""

    LEAST = 10

    name: Literal["xor"]


class Permutation(_Task):
    """The first symbol, 0 or 1, is to be named after a sequence of others.

    predict: the answer alone at the `last` step, or the next symbol at `every` step.
    """

    LEAST = 2

    name: Literal["permutation"]
    symbols: int = Field(100, ge=3, le=BYTE)
    predict: Literal["last", "every"] = "last"

    @property
    def every_step(self) -> bool:
        return self.predict == "every"


class Memorization(_Task):
    """A pattern of `positions` symbols out of `values`, to be repeated after a blank time of the length drawn; the
    whole sequence has length + 2 positions steps.

    patterns: drawn at random, or all that there are, in turn, in each batch. judged: a sequence is wrong if `any` step
    is, or if the `last` one is.
    """

    LEAST = 0

    name: Literal["memorization"]
    values: int = Field(5, ge=2, le=BYTE - 2)  # two symbols more: blank and trigger
    positions: int = Field(10, ge=1)
    patterns: Literal["random", "all"] = "random"
    judged: Literal["any", "last"] = "any"

    @property
    def every_step(self) -> bool:
        return True

    @property
    def count(self) -> int:
        """How many patterns there are."""
        return self.values**self.positions

    @model_validator(mode="after")
    def _all_are_not_too_many(self) -> Memorization:
        # No power is taken of a number of positions that would make it a number without end.
        too_many = self.positions > MAX_PATTERNS.bit_length() or self.count > MAX_PATTERNS
        if self.patterns == "all" and too_many:
            raise ValueError(
                f"patterns all means batches of {self.values} ** {self.positions} sequences (values ** positions), "
                f"and the most is {MAX_PATTERNS:,}"
            )
        return self


class Text(Section):
    """The next symbol of a text, at every step of windows of `window` symbols.

    corpus: a file, a folder, or `stdlib`, the source of Python's standard library. What a run is trained on is told
    apart by the hash of its bytes, sha256, which is found when a study is read, and must be what the study says it is
    where it does; where the corpus lies is no part of a run's identity. A spec that is read back is left as it is,
    whatever lies there by now. level: a symbol is one of the bytes, chars or bpe pieces, the latter `vocabulary` many.
    validation, test: their shares of the corpus, at its end. state: at the beginning of a window the state is reset,
    or carried on from the window before it, which then is the text before it.
    """

    name: Literal["text"]
    corpus: str = STDLIB
    sha256: str | None = None
    level: Literal["bytes", "chars", "bpe"] = "bytes"
    vocabulary: int | None = Field(None, gt=BYTE, le=2**16)
    vocabulary_sha256: str | None = None
    window: int = Field(100, ge=1)
    state: Literal["reset", "carried"] = "reset"
    validation: float = Field(0.05, gt=0, lt=1)
    test: float = Field(0.05, gt=0, lt=1)

    every_step: ClassVar[bool] = True

    @model_validator(mode="after")
    def _identified(self, info: ValidationInfo) -> Text:
        if (self.level == "bpe") != (self.vocabulary is not None):
            raise ValueError(f"level {self.level} {'needs' if self.level == 'bpe' else 'takes no'} vocabulary")
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} and test {self.test:g} leave nothing to train on")
        if self.sha256 is None or as_written(info):
            # The one place where a spec is completed: a section is frozen for everybody else.
            for key, value in self._found().items():
                object.__setattr__(self, key, value)
                self.__pydantic_fields_set__.add(key)
        return self

    def _found(self) -> dict[str, str | None]:
        """What the text says of itself, by key. Raises ValueError where a hash is another one than was written."""
        text = identified(self.corpus, self.level, self.vocabulary, self.window, self.validation, self.test)
        for key in HASHES:
            told = getattr(self, key)
            if told not in (None, getattr(text, key)):
                raise ValueError(f"{key} {told} is not that of corpus {self.corpus}, which is {getattr(text, key)}")
        kept = text.vocabulary_sha256 if self.level == "bpe" else None  # the text tells the others
        return {"corpus": text.corpus, "sha256": text.sha256, "vocabulary_sha256": kept}

    def at_length(self, length: int) -> Text:
        """The same task with windows of another length."""
        return type(self).model_validate({**self.model_dump(), "window": length})


TaskSpec = Annotated[TemporalOrder | Marked | Xor | Permutation | Memorization | Text, Field(discriminator="name")]
