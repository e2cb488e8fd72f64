"""A probe as a user may write one, outside of the package: the norm of each weight matrix."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from rnnctl.probes.base import Probe, QuestionError, Table
from rnnctl.probes.catalogue import PROBES
from rnnctl.words import number


class Norms(Probe):
    """Norms of weight matrices."""

    about = "Show the norm of each weight matrix.\n\nOf runs whose hidden state is small enough."
    figure = "norms"

    name: Literal["norms"] = "norms"
    order: Literal["fro", "nuc"] = Field("fro", description="Which norm.")
    scale: float = Field(1.0, gt=0, le=100, description="Norms are multiplied by it.")
    most: int = Field(20, ge=1, description="Greatest hidden state.")
    names: tuple[str, ...] | None = Field(None, description="Matrices. Default: all.")

    def applies(self, spec):
        return None if spec.model.hidden <= self.most else f"hidden {spec.model.hidden} is above {self.most}"

    def questions(self, spec):
        return [{"order": self.order, "scale": self.scale, "names": list(self.names or ("W_uh", "W_hh", "W_hy"))}]

    def ask(self, trained, question, weights):
        views = trained.views(weights)
        unknown = [name for name in question["names"] if name not in views]
        if unknown:
            raise QuestionError("names", f"there is no weight {unknown[0]}")
        norm = {"fro": lambda w: w.norm(), "nuc": lambda w: w.svd().S.sum()}[question["order"]]
        return {name: question["scale"] * float(norm(views[name])) for name in question["names"]}

    def tabulate(self, runs):
        heads = list(runs[0].answers[0][1])
        rows = [[run.label, *(number(answer[name]) for name in heads)] for run in runs for _, answer in run.answers]
        return [f"norm {self.order}", Table(["label", *heads], rows)]

    def draw(self, runs, title):
        from matplotlib.figure import Figure

        figure = Figure()
        axes = figure.subplots()
        for run in runs:
            axes.plot(list(run.answers[0][1].values()), label=run.label)
        axes.set_title(title)
        return figure


PROBES.add(Norms)
