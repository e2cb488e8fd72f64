"""What arguments of the Python face can be, where several methods take the same: see rnnctl.arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from rnnctl.arguments import Name, above, at_least, between
from rnnctl.errors import InvalidArgument

LARGEST_SEED = 2**63 - 1

Seed = Annotated[int, between(0, LARGEST_SEED)]
Seeds = Sequence[Seed]
Conditions = Sequence[str]  # as for --where
Top = Annotated[int, at_least(0)]
WorkerCount = Annotated[int, between(1, 256)]
Seconds = Annotated[float, above(0)]
StudyName = Annotated[str, Name("study")]
RunName = Annotated[str, Name("run")]
AnyName = Annotated[str, Name("study or run")]
ScalarName = Annotated[str, Name("number of checks")]
TraceName = Annotated[str, Name("trace")]
ColumnName = Annotated[str, Name("column")]
CellName = Annotated[str, Name("cell", InvalidArgument)]
FigureKind = Annotated[str, Name("kind of figure", InvalidArgument)]
