"""Exposure: what a network makes of its own errors, judged by the grammar that its text was generated from.

A split is read from its beginning, the state carried all along, however the run was trained. At `samples` places, drawn
by the seed, three things are measured over the next `symbols` characters.

Free running. The network writes on by itself: each character is drawn from softmax(y / temperature) and read in its
turn. There is no target, so the grammar is the judge. The surprise of a character is -log p(character | all before it),
p being the exact probability under the generating process of the whole grammar, which reads the same text. A character
that is impossible has the surprise of a probability of 1e-4, 9.21 nats, and the process goes on as
rnnctl.grammars.process.Reader.feed says. The mean surprise of a perfect network is the entropy of the process, at
every position.

Teacher forcing. On the same stretches of true text: the surprise of the true characters under the grammar, and the
network's own loss on them.

An error. The first character after the place is replaced by another one, drawn from all others with equal probability,
and the true text goes on after it. Step k is the prediction after the error and k - 1 true characters. The distribution
p_k of the network that read the error is compared to q_k, that without it, by the total variation
1/2 sum |p_k - q_k|, which is in [0, 1], and by the divergence sum q_k log(q_k / p_k) (Kullback and Leibler 1951). An
error has recovered after n steps if the total variation is at most `margin` from step n + 1 on, to the last one.

growth is the mean surprise of the last quarter of positions less that of the first quarter, free running. recovery is
the median over errors of the steps until recovery, and None if half of the errors or more do not recover.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl import seeds
from rnnctl.grammars.process import Process
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.grammars import IMPOSSIBLE, generated_text, no_grammar, surprises
from rnnctl.probes.replicates import Curve, mean_curves, mean_over, means_table, number_named, range_named, the_answer
from rnnctl.study.run import RunSpec
from rnnctl.words import number

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from rnnctl.probes.stepper import Stepper
    from rnnctl.training.trained import Trained, WeightsAt

SPLITS = ("test", "train")
LONGEST = 50_000  # symbols of a split that are read
CONTEXT = 200  # symbols before a place that the grammar reads: several sentences, after which it knows the place


class Exposure(Probe):
    """Surprise of what a network writes, under the grammar, and how an error spreads."""

    about: ClassVar[str] = """Show how runs do when they read what they wrote themselves, and how an error spreads.

    For runs of task grammar, whose exact probabilities judge each character that a run writes. Beside the surprise
    (nats per character) of what it writes stand that of the true text and the loss of the run on it. Growth is the
    surprise of the last quarter of positions less that of the first. An error is one character that is replaced in true
    text: it has recovered when the predictions are back within --margin (total variation) of those without it. All of
    it is measured on held-out text and on training text.
    """
    figure: ClassVar[str | None] = "exposure"

    name: Literal["exposure"] = "exposure"
    symbols: int = Field(100, ge=4, le=1000, description="Number of characters that are written at each place.")
    samples: int = Field(200, ge=1, le=1000, description="Number of places, and of errors, in each split.")
    temperature: float = Field(1.0, gt=0, le=1000, description="Divides the outputs before softmax.")
    margin: float = Field(0.05, gt=0, lt=1, description="Total variation from which on an error counts as recovered.")
    seed: Seed = Field(1, description="Seed of places, of what is written, and of errors.")

    def applies(self, spec: RunSpec) -> str | None:
        return no_grammar(spec)

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        task = generated_text(trained.task)
        by_split = {}
        for split in SPLITS:
            ids_T = task.ids(split)[:LONGEST]
            if len(ids_T) < CONTEXT + question["samples"] + question["symbols"]:
                needed = CONTEXT + question["samples"] + question["symbols"]
                message = f"the {split} split has {len(ids_T):,} characters, and {needed:,} are needed"
                raise QuestionError("samples", message)
            by_split[split] = exposure(
                trained.spec,
                weights.flat_N,
                ids_T,
                task.process,
                seeds.generator(question["seed"], seeds.EXPOSURE),
                **{key: question[key] for key in ("symbols", "samples", "temperature", "margin")},
            )
        test, train = (by_split[split] for split in SPLITS)
        headline = {**test.headline(), **{f"{name}_train": value for name, value in train.headline().items()}}
        return {**headline, **{split: measured.curves() for split, measured in by_split.items()}}

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return tables for each split: free running, teacher forcing, and errors. Rows are configurations."""
        blocks: list[Table | str] = []
        for split, end in zip(SPLITS, ("", "_train"), strict=True):
            free, judged, errors = (
                {head: number_named(key + end) for head, key in heads.items()} for heads in (FREE, JUDGED, ERRORS)
            )
            blocks += [
                f"{WORDS[split]}, {self.samples} places, {self.symbols} characters: surprise, in nats per character\n"
                f"(the true text: {range_named(runs, f'forced_surprise{end}')})",
                means_table(runs, free, 1, 3, not end),
                "share of impossible characters, and the loss of the network on the true text",
                means_table(runs, judged, 1, 3, False),
                f"total variation after an error of one character; steps to recovery, at {self.margin:g} or less",
                means_table(runs, errors, 1, 2, False),
            ]
        return blocks

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw surprise by position and total variation by step, of each configuration, for each split."""
        from plots.exposure import SplitCurves, exposure_figure

        panels = []
        for split in SPLITS:
            free, forced, variation = (
                mean_curves(runs, _curve(split, key)) for key in ("free_surprise", "forced_surprise", "variation")
            )
            panels.append(
                SplitCurves(
                    WORDS[split],
                    [(c.configuration.label, c.configuration.group, c.mean) for c in free],
                    mean_over(forced),
                    [(c.configuration.label, c.configuration.group, c.mean) for c in variation],
                )
            )
        return exposure_figure(
            panels, margin=self.margin, groups=runs[0].groups if runs else (), title=f"{title}: free running and errors"
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        free, forced, growth = (number(answer[key], 3) for key in ("free_surprise", "forced_surprise", "growth"))
        return f"surprise {free} free running, {forced} forced, growth {growth}, recovery {_steps(answer['recovery'])}"


WORDS = {"test": "held-out text", "train": "training text"}
FREE = {"free running": "free_surprise", "growth": "growth"}
JUDGED = {"impossible": "impossible", "loss": "model_loss"}
ERRORS = {"at step 1": "variation_1", "at step 10": "variation_10", "recovery": "recovery", "recovered": "recovered"}


def _curve(split: str, key: str) -> Curve:
    """Return what reads a curve on a split from the answer about a run."""

    def values(run: Asked) -> list[float | None]:
        return list(the_answer(run)[split][key])

    return values


def _steps(recovery: float | None) -> str:
    return "not reached" if recovery is None else f"after {number(recovery)} steps"


# --- what is computed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exposed:
    """What is measured of one network on one split, by position or step, (L,) each.

    free, forced: mean surprise (nats per character) of what it writes and of the true text. impossible: share of
    characters that the grammar does not allow. loss: the network's own loss on the true text.
    """

    free: np.ndarray
    forced: np.ndarray
    impossible: np.ndarray
    loss: np.ndarray
    error: Error

    def headline(self) -> dict[str, float]:
        """Return the numbers that sum it up."""
        variation = self.error.variation
        return {
            "free_surprise": float(self.free.mean()),
            "impossible": float(self.impossible.mean()),
            "growth": growth_of(self.free),
            "forced_surprise": float(self.forced.mean()),
            "model_loss": float(self.loss.mean()),
            "variation_1": float(variation[0]),
            "variation_10": float(variation[9]) if len(variation) > 9 else math.nan,
            "recovery": self.error.recovery,
            "recovered": self.error.recovered,
        }

    def curves(self) -> dict[str, list[float]]:
        """Return all curves as lists."""
        return {
            "free_surprise": self.free.tolist(),
            "impossible": self.impossible.tolist(),
            "forced_surprise": self.forced.tolist(),
            "model_loss": self.loss.tolist(),
            "variation": self.error.variation.tolist(),
            "divergence": self.error.divergence.tolist(),
        }


def exposure(
    spec: RunSpec,
    weights_N: torch.Tensor,
    ids_T: np.ndarray,
    process: Process,
    rng: np.random.Generator,
    *,
    symbols: int,
    samples: int,
    temperature: float,
    margin: float,
) -> Exposed:
    """Let the network of a spec with these weights write, and read errors, at places of a text (T,).

    Raise FloatingPointError if its outputs are not finite.
    """
    import torch

    from rnnctl.probes.stepper import Stepper
    from rnnctl.probes.stream import Stream

    task = spec.task.make()
    # `place` symbols have been read; the next one is the first that is written, forced or replaced.
    places_S = np.sort(rng.choice(np.arange(CONTEXT, len(ids_T) - symbols), samples, replace=False))
    stream = Stream(spec, task, weights_N)
    log_TV = stream.log_probabilities(stream.hidden(ids_T))
    states_SC = stream.states(ids_T, places_S.tolist())
    network = Stepper(spec, task, weights_N, samples)
    ahead_SL = places_S[:, None] + np.arange(symbols)
    true_SL = ids_T[ahead_SL].astype(np.int64)
    with torch.no_grad():
        free_SL = written(network, states_SC, log_TV[places_S - 1], symbols, temperature, rng)
        wrong_S = (true_SL[:, 0] + rng.integers(1, task.n_inputs, samples)) % task.n_inputs
        with_SLV = after_error(network, states_SC, np.concatenate([wrong_S[:, None], true_SL[:, 1:]], axis=1))
    free, forced = (
        np.stack(
            [
                surprises(process, ids_T[place - CONTEXT : place], text_L, at_start=False)
                for place, text_L in zip(places_S, texts_SL, strict=True)
            ]
        )
        for texts_SL in (free_SL, true_SL)
    )
    loss_SL = -np.take_along_axis(log_TV[ahead_SL - 1], true_SL[..., None], -1)[..., 0]
    return Exposed(
        np.minimum(free, IMPOSSIBLE).mean(0),
        np.minimum(forced, IMPOSSIBLE).mean(0),
        np.isinf(free).mean(0),
        loss_SL.mean(0),
        error_of(with_SLV, log_TV[ahead_SL], margin),
    )


def written(
    network: Stepper,
    states_SC: torch.Tensor,
    first_SV: np.ndarray,
    symbols: int,
    temperature: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Let a network write from S states, and return the symbols, (S, L) int64.

    first_SV: log-probabilities of the first symbol. Raise FloatingPointError if its outputs are not finite.
    """
    y_SV, state = first_SV, states_SC
    columns: list[np.ndarray] = []
    for position in range(symbols):
        if position:
            state = network.step(columns[-1], state)
            y_SV = network.outputs().double().numpy()
        if not np.isfinite(y_SV).all():
            raise FloatingPointError("the network's outputs are not finite")
        # Adding noise of the Gumbel distribution and taking the greatest draws from softmax (Gumbel 1954).
        with np.errstate(over="ignore"):  # minus infinity is what is wanted of temperatures near 0
            log_SV = (y_SV - y_SV.max(1, keepdims=True)) / temperature
        columns.append((log_SV + rng.gumbel(size=y_SV.shape)).argmax(1))
    return np.stack(columns, axis=1)


def after_error(network: Stepper, states_SC: torch.Tensor, texts_SL: np.ndarray) -> np.ndarray:
    """Read a text from each of S states, and return the log-probabilities after each symbol, (S, L, V) float64."""
    state, steps = states_SC, []
    for symbols_S in texts_SL.T:
        state = network.step(np.ascontiguousarray(symbols_S), state)
        steps.append(network.outputs().double().log_softmax(1).numpy())
    return np.stack(steps, axis=1)


@dataclass(frozen=True)
class Error:
    """How an error spreads. variation, divergence: (L,), means over errors by step after it.

    recovery: median number of steps until recovery, infinite where half of the errors do not recover. recovered: share
    of errors that do.
    """

    variation: np.ndarray
    divergence: np.ndarray
    recovery: float
    recovered: float


def error_of(with_SLV: np.ndarray, without_SLV: np.ndarray, margin: float) -> Error:
    """Compare log-probabilities (nats) after S errors, at L steps, to those without the errors."""
    p, q = np.exp(with_SLV), np.exp(without_SLV)
    variation_SL = 0.5 * np.abs(p - q).sum(-1)
    # Where q is 0 its logarithm is minus infinity, and the product is 0.
    ratio_SLV = np.subtract(without_SLV, with_SLV, out=np.zeros_like(q), where=q > 0)
    steps_S = recovery_steps(variation_SL, margin)
    return Error(
        variation_SL.mean(0),
        (q * ratio_SLV).sum(-1).mean(0),
        float(np.quantile(steps_S, 0.5, method="inverted_cdf")),
        float(np.isfinite(steps_S).mean()),
    )


def recovery_steps(variation_SL: np.ndarray, margin: float) -> np.ndarray:
    """Return the number of steps after which each row is at most `margin` for good, (S,); infinite where it is not."""
    above_SL = variation_SL > margin
    length = variation_SL.shape[1]
    # The last step above the margin, counted from 1; 0 where there is none.
    last_S = np.where(above_SL.any(1), length - np.argmax(above_SL[:, ::-1], axis=1), 0)
    return np.where(last_S == length, math.inf, last_S.astype(float))


def growth_of(surprise_L: np.ndarray) -> float:
    """Return the mean of the last quarter of positions less that of the first quarter. A quarter is 1 or more."""
    quarter = max(1, len(surprise_L) // 4)
    return float(surprise_L[-quarter:].mean() - surprise_L[:quarter].mean())
