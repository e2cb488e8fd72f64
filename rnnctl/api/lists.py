"""What there is to choose from, and facts about texts and grammars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from rnnctl.api.border import named_errors
from rnnctl.api.rows import Rows
from rnnctl.api.source import settings_of
from rnnctl.api.taken import CellName, Seed
from rnnctl.arguments import at_least, between, checked

if TYPE_CHECKING:
    from rnnctl.lab.corpus import CorpusFacts
    from rnnctl.lab.gradcheck import Checked
    from rnnctl.lab.grammar import GrammarFacts


@checked
def packaged() -> Rows:
    """Return a row for each study that comes with rnnctl."""
    from rnnctl.lab.records import plain
    from rnnctl.lab.studies import packaged as listed

    with named_errors():
        return Rows(map(plain, listed()), ("study", "runs", "about"))


@checked
def kinds() -> Rows:
    """Return a row for each kind of figure."""
    from rnnctl.lab.plot import kinds as listed

    return Rows({"kind": name, "shows": kind.about} for name, kind in listed().items())


@checked
def gradcheck(
    *models: CellName,
    hidden: Annotated[int, between(1, 16)] = 3,
    large: Annotated[int, between(0, 512)] = 24,
    directions: Annotated[int, between(1, 100)] = 2,
    bound: Annotated[float, at_least(0)] | None = None,
    seed: Seed = 1,
    settings: Mapping[str, Any] | Sequence[str] = (),
    workspace: str | PathLike[str] | None = None,
) -> Checked:
    """Compare the gradients of cells with differences of their losses, as `rnnctl gradcheck --json` prints it.

    models: names of cells; all without. workspace: one that trusts the modules of users' cells. `right` of the result
    says whether all errors are within the bound, and `rows` has the largest error of each weight.
    """
    from rnnctl.lab.gradcheck import BOUND, gradcheck

    with named_errors():
        return gradcheck(
            models,
            hidden=hidden,
            large=large,
            directions=directions,
            bound=BOUND if bound is None else bound,
            seed=seed,
            settings=settings_of(settings),
            workspace=None if workspace is None else Path(workspace),
        )


@checked
def corpus(
    place: str | Path | None = None,
    *,
    level: str = "bytes",
    vocabulary: int | None = None,
    fractions: Sequence[float] | None = None,
) -> CorpusFacts:
    """Return the floors of a text, as `rnnctl corpus --json` prints them. place: a file or folder; see the command."""
    from rnnctl.corpora.corpus import STDLIB
    from rnnctl.corpora.splits import FRACTIONS
    from rnnctl.lab.corpus import describe

    with named_errors():
        return describe(
            STDLIB if place is None else str(place), level, vocabulary, fractions or tuple(map(float, FRACTIONS))
        )


@checked
def grammar(lexicon: str = "lab", *, last: Annotated[int, between(0, 1000)] = 25) -> GrammarFacts:
    """Return what a grammar makes, as `rnnctl grammar --json` prints it. last: the greatest lag."""
    from rnnctl.lab.grammar import describe

    with named_errors():
        return describe(lexicon, last)
