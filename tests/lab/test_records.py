"""Results as plain values."""

from dataclasses import dataclass
from pathlib import Path

from rnnctl.lab.errors import Code
from rnnctl.lab.records import named, plain, unrecorded


@dataclass(frozen=True)
class Inner:
    start: int = named("from")
    rows: list = unrecorded(default_factory=list)


@dataclass(frozen=True)
class Outer:
    inners: tuple[Inner, ...]
    where: Path
    code: Code
    loss: float


def test_a_record_has_the_fields_that_it_is_to_have():
    value = Outer((Inner(1), Inner(2)), Path("a/b"), Code.USAGE, 0.5)
    assert plain(value) == {"inners": [{"from": 1}, {"from": 2}], "where": "a/b", "code": "usage", "loss": 0.5}
