"""A probe from outside the package: how many weights a network has, and how many differ from zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from rnnctl.probes.base import Answer, Asked, Probe, Question, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt


class ParameterCount(Probe):
    """The number of weights."""

    about = "Count the weights of a network."
    figure = "parameter-count"

    name: Literal["parameter-count"] = "parameter-count"
    threshold: float = Field(0.0, ge=0, description="Weights of at most this size count as zero.")

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        views = trained.views(weights)
        used = sum(int((weight.abs() > question["threshold"]).sum()) for weight in views.values())
        return {"weights": sum(weight.numel() for weight in views.values()), "used": used}

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        columns = ("weights", "used")
        rows = [[run.label, *(str(answer[name]) for name in columns)] for run in runs for _, answer in run.answers]
        return [Table(["label", "weights", "used"], rows)]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.subplots()
        axes.bar([run.label for run in runs], [run.answers[0][1]["used"] for run in runs])
        axes.set_title(title)
        return figure
