"""State ablation: does a network of text use its memory, and how far back? rnnctl.probes.ablation measures it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, field_validator

from rnnctl.probes.ablation import ENOUGH, TARGETS, WAYS, Ablation, Measured, States, ablation, usual_contexts
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Samples, Seed, Table, weights_heading
from rnnctl.probes.texts import not_text, window_of
from rnnctl.study.run import RunSpec
from rnnctl.words import number, with_se

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

MEASURES = (
    ("nats", "nats", 1),
    ("bits_per_byte", "bits per byte", 1),
    ("error", "error %", 100),
)  # key, heading, scale


class StateAblation(Probe):
    """Losses with the state replaced, and by the number of symbols that made it."""

    about: ClassVar[
        str
    ] = """Show whether runs use their memory: the loss with the state as trained, zeroed, or shuffled.

    States are shuffled among sequences. How far back memory goes is shown by the loss where the state was made of the
    last K symbols before the current one alone, on the same targets for every K. Costs are nats more than as trained;
    after ± stands the standard error over windows. The context that is used is the smallest K that costs less than 0.01
    nats. That zeroing costs something does not show memory: a network hardly ever meets a state of zeros. That
    shuffling costs something does.
    """
    figure: ClassVar[str | None] = "state-ablation"

    name: Literal["state-ablation"] = "state-ablation"
    samples: Samples = Field(1000, ge=2, description="Number of windows: up to 1,000, or a multiple of it.")
    context: tuple[Annotated[int, Field(ge=0)], ...] | None = Field(
        None,
        min_length=1,
        description="Numbers of symbols that make the state. Default: 0 and the powers of two that fit the window.",
        examples=["0,1,2,4,8"],
    )
    split: Literal["test", "validation", "train"] = Field("test", description="The part of the text that is read.")
    seed: Seed = Field(1, description="Seed of the windows and of the shuffling.")

    @field_validator("context")
    @classmethod
    def _in_order(cls, contexts: tuple[int, ...] | None) -> tuple[int, ...] | None:
        return None if contexts is None else tuple(sorted(set(contexts)))

    def applies(self, spec: RunSpec) -> str | None:
        return not_text(spec)

    def questions(self, spec: RunSpec) -> list[Question]:
        window = window_of(spec)
        contexts = list(usual_contexts(window) if self.context is None else self.context)
        if contexts[-1] >= window:
            raise QuestionError(
                "context", f"windows of {window:,} symbols have contexts up to {window - 1:,}, not {contexts[-1]:,}"
            )
        return [{"contexts": contexts, "samples": self.samples, "split": self.split, "seed": self.seed}]

    @classmethod
    def that_ask(cls, question: Question) -> list[Self]:
        return super().that_ask({**question, "context": question["contexts"]})

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        contexts, samples, seed, split = (question[key] for key in ("contexts", "samples", "seed", "split"))
        return ablation(trained.spec, weights.flat_N, contexts, samples, seed, split).to_json()

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return a table for each measure of the states, and two tables by context: losses and costs. Rows are runs."""
        results = [(run, _result(run)) for run in runs]
        contexts = sorted({context for _, result in results for context in result.contexts})
        heads = ["label", *map(str, contexts)]
        losses = [
            [run.label, *_by_context(result, contexts, _cell), _cell(result.late.carried), *_floors(result.late)]
            for run, result in results
        ]
        costs = [[run.label, *_by_context(result, contexts, _cost), _used(result)] for run, result in results]
        return [
            f"{self.samples:,} windows of the {self.split} split, every target of theirs",
            *(_states_table(results, *measure) for measure in MEASURES),
            f"nats by symbols of context before the current one, at up to {TARGETS} late targets of each window",
            Table([*heads, WAYS["carried"], "bigram", "unigram"], losses),
            f"what each context costs, nats; used is the smallest that costs less than {ENOUGH:g}",
            Table([*heads, "context that is used"], costs),
        ]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw loss against context, in nats if the symbols of all runs are the same, else in bits per byte.

        Floors are drawn if all runs share them.
        """
        from plots.context import ByContext, by_context

        results = [(run, _result(run)) for run in runs]
        same_symbols = len({(result.late.targets, result.late.bytes) for _, result in results}) == 1
        unit = "nats" if same_symbols else "bits_per_byte"

        def point(measured: Measured) -> tuple[float, float]:
            return getattr(measured, unit), getattr(measured, f"{unit}_se")

        lines = []
        for run, result in results:
            losses, errors = zip(*map(point, result.contexts.values()), strict=True)
            states = {name: point(getattr(result.late, way)) for way, name in WAYS.items()}
            lines.append(
                ByContext(
                    run.label, run.group, np.array(list(result.contexts)), np.array(losses), np.array(errors), states
                )
            )
        levels = {
            tuple((getattr(getattr(result.late, gram), unit), gram) for gram in ("unigram", "bigram"))
            for _, result in results
        }
        sizes = {len(result.steps) for _, result in results}
        note = ""
        if len(sizes) == 1:
            targets = self.samples * sizes.pop()
            note = f"{targets:,} targets in {self.samples:,} windows of the {self.split} split; bars: standard errors"
        return by_context(
            lines,
            floors=levels.pop() if len(levels) == 1 else (),
            unit=unit.replace("_", " "),
            groups=runs[0].groups if runs else (),
            title=f"{title}: loss by context",
            note=note,
        )

    def numbers(self, question: Question, answer: Answer) -> dict[str, float]:
        """Return loss (nats) and error as trained, what zeroing and shuffling cost (nats), and the used context."""
        result = Ablation.from_json(answer)
        states = result.everywhere
        named = {
            "nats": states.carried.nats,
            "error": states.carried.error,
            "zeroing_costs": states.zeroed.cost,
            "shuffling_costs": states.shuffled.cost,
            "context_used": result.context_used,
        }
        return super().numbers(question, named)

    def sentence(self, question: Question, answer: Answer) -> str:
        result = Ablation.from_json(answer)
        carried, zeroed = (number(states.nats) for states in (result.everywhere.carried, result.everywhere.zeroed))
        return f"{carried} nats as trained, {zeroed} zeroed, context that is used: {_used(result)}"


def _result(run: Asked) -> Ablation:
    """Return what was measured for a run, which is asked one question."""
    ((_, answer),) = run.answers
    return Ablation.from_json(answer)


# --- tables ----------------------------------------------------------------------------------------------------------


def _states_table(results: Sequence[tuple[Asked, Ablation]], key: str, heading: str, scale: int) -> Table:
    """Return the table of a measure: all targets, in every state, beside their floors; for nats also the costs."""
    weights = weights_heading([run for run, _ in results])
    heads = ["label", weights, *(f"{heading} {name}" for name in WAYS.values()), "bigram", "unigram"]
    rows = []
    for run, result in results:
        states = result.everywhere
        ways = [_cell(getattr(states, way), key, scale) for way in WAYS]
        rows.append([run.label, f"{run.step:,}", *ways, *_floors(states, key, scale)])
        if key == "nats":
            rows[-1] += [_cost(states.zeroed), _cost(states.shuffled)]
    return Table([*heads, "zeroing costs", "shuffling costs"] if key == "nats" else heads, rows)


def _by_context(result: Ablation, contexts: Sequence[int], cell: Callable[[Measured], str]) -> list[str]:
    return [cell(result.contexts[k]) if k in result.contexts else "-" for k in contexts]


def _floors(states: States, key: str = "nats", scale: int = 1) -> list[str]:
    floors = states.bigram, states.unigram
    if key == "nats":
        return [with_se(floor.nats, floor.nats_se) for floor in floors]
    return [number(scale * getattr(floor, key)) for floor in floors]


def _cell(measured: Measured, key: str = "nats", scale: int = 1) -> str:
    value, error = (scale * getattr(measured, name) for name in (key, f"{key}_se"))
    return f"{number(value)} ± {number(error, 2)}"


def _cost(measured: Measured) -> str:
    """Return a cost to four places, so that it can be compared with ENOUGH at a glance."""
    return f"{measured.cost:z.4f} ± {measured.cost_se:.4f}"


def _used(result: Ablation) -> str:
    return f"more than {max(result.contexts)}" if result.context_used is None else str(result.context_used)
