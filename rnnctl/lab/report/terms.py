"""The definitions that a page ends with, each from the code that owns it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rnnctl.measures import MEASURES, SCALARS, STATUSES
from rnnctl.report.figures import Kind
from rnnctl.report.page.content import Definition
from rnnctl.report.remarks import TOPICS


def definitions(kinds: Mapping[str, Kind], scalars: Iterable[str]) -> list[tuple[str, list[Definition]]]:
    """Return lists of terms with their meanings. kinds: the figures of the page. scalars: names that histories have."""
    measures = [
        Definition(each.heading, f"{each.label}, beside the {each.reference.label}") for each in MEASURES.values()
    ]
    floor = Definition("floor", "the loss that the best predictor without memory reaches on the same sequences")
    chance = Definition("chance", "the error of that predictor")
    verdicts = [
        Definition(f"{topic.name}: {verdict}", rule) for topic in TOPICS for verdict, rule in topic.rules.items()
    ]
    return [
        ("results", [*measures, floor, chance]),
        ("status", [Definition(word.replace("_", " "), text) for word, text in STATUSES.items()]),
        ("verdicts", [*(Definition(topic.name, topic.about) for topic in TOPICS), *verdicts]),
        ("figures", [Definition(name.replace("_", " "), kind.about) for name, kind in kinds.items()]),
        (
            "measured at each check",
            [Definition(name.replace("_", " "), SCALARS[name]) for name in SCALARS if name in set(scalars)],
        ),
    ]
