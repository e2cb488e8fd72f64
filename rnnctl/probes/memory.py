"""Memory: which characters of the past can be read from a hidden state?

For each lag k = 0, 1, ..., K, a linear classifier names the symbol k steps before the present one, x_{t-k}, from h_t
(of a layered cell: the states of all layers; of an LSTM: h_t without its cell state). It is a multinomial logistic
regression (scikit-learn: lbfgs, L2 penalty with C = PENALTY, at most ITERATIONS iterations) on the principal components
of h, scaled to variance 1. It is fitted to states on the validation split and scored on states on the test split. In
both, the network reads random pieces of the split from a state of zeros, and every SPACING symbols after the first K +
WARM_UP of them there is a state. Its accuracy is the share of right answers. Beside it, fitted and scored likewise:

    majority      the most frequent symbol at this lag
    present       the most frequent symbol at this lag after which x_t is the present one: no memory is needed
    best_guess    where the process that makes the text is known (grammar): the greatest share that anybody can guess
                  right who sees only the present symbol

The memory horizon is the greatest lag k such that at all lags 1..k the classifier is more accurate than `present` by at
least the margin, and by two standard errors of the difference; 0 if it is not so at lag 1. (The error is that of a mean
over states, of 1 where only the classifier is right, -1 where only `present` is, and 0 elsewhere.)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.packages import need_scikit_learn
from rnnctl.probes.replicates import Value, configurations, mean_curves, means_table, number_named, the_answer
from rnnctl.probes.sequences import held_out, process_of, states
from rnnctl.probes.texts import not_text
from rnnctl.study.run import RunSpec
from rnnctl.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

WARM_UP = 25  # symbols that are read before the K that a classifier may name
SPACING, PER_PIECE = 5, 10  # symbols between two states of a piece of text, and the number of its states
ITERATIONS = 100
# C of the classifier. Where nothing can be read, a tenth of it is nearer to the majority class, and where much can, ten
# times it is a little better (measured on English text: 11.8 to 16.3 % and 99.4 to 99.6 %).
PENALTY = 0.03
SMALL = 1e-8  # principal components with less than this share of the variance are left out
LARGEST = 1e30  # of hidden states: classifiers read them in single precision, which ends at 3e38
ERRORS = 2.0  # standard errors by which a classifier has to be better
BINS = ((1, 3), (4, 7), (8, 12), (13, 18), (19, 25))  # first and last lag of the bins that accuracies are averaged over
REFERENCES = {"present": "present character", "majority": "majority", "best_guess": "best guess from the present one"}


class Memory(Probe):
    """How well characters of the past can be read from the hidden state, by lag."""

    about: ClassVar[str] = """Show how well past characters can be read from the hidden state, and how far back.

    A logistic classifier names the character k steps back from the hidden state. It is fitted to the text of the
    validation split and scored on that of the test split, beside the best guess from the present character alone. The
    memory horizon is the greatest lag up to which it is better than that by a margin (and by two standard errors). It
    needs scikit-learn.
    """
    figure: ClassVar[str | None] = "memory"

    name: Literal["memory"] = "memory"
    lags: int = Field(25, ge=1, le=200, description="Greatest lag.")
    states: int = Field(5_000, ge=50, le=100_000, description="Number of states to fit, and to score, a classifier.")
    margin: float = Field(0.05, ge=0, lt=1, description="Least gain in accuracy within the horizon.")
    seed: Seed = Field(1, description="Seed of the pieces of text.")

    def applies(self, spec: RunSpec) -> str | None:
        return not_text(spec)

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        need_scikit_learn(self.name)
        lags, margin = question["lags"], question["margin"]
        try:
            fit, score = (_sample(trained, weights, question, split) for split in ("validation", "test"))
        except ValueError as error:  # a split is too short
            raise QuestionError("lags", str(error)) from error
        by_lag = [at_lag(fit, score, lag) for lag in range(lags + 1)]
        process = process_of(trained.task)
        best_guess = None if process is None else [process.guess_back(lag) for lag in range(lags + 1)]
        accuracies = [at.accuracy for at in by_lag]
        bins = {key: fmean(accuracies[first : last + 1]) for key, first, last in _bins(lags)}
        return {
            "horizon": horizon(by_lag, margin),
            **bins,
            "accuracy": accuracies,
            "present": [at.present for at in by_lag],
            "majority": [at.majority for at in by_lag],
            "best_guess": best_guess,
            "gain_se": [at.gain_se for at in by_lag],
        }

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return horizons, accuracies by bins of lags, and by lag if there is one configuration."""
        horizons = {f"horizon (of {self.lags})": number_named("horizon")}
        percents = {f"{first}-{last}": _percent(key) for key, first, last in _bins(self.lags)}
        table = means_table(runs, horizons | percents, digits=3)
        blanks = [""] * (len(table.heads) - len(percents) - 1)
        rows = [*table.rows, *([name, *blanks, *cells] for name, cells in self._references(runs).items())]
        blocks: list[Table | str] = [
            f"characters k steps back, read from {self.states:,} hidden states: accuracy in per cent by k\n"
            f"horizon: better than the present character by {100 * self.margin:g} points or more at every k up to it",
            Table(table.heads, rows),
        ]
        if len(configurations(runs)) == 1:
            blocks.append(self._by_lag(runs))
        return blocks

    def _references(self, runs: Sequence[Asked]) -> dict[str, list[str]]:
        """Return the cells of what classifiers are compared with, in per cent by bins of lags, by name."""
        rows = {}
        for key, values in _shared(runs).items():
            cells = (values[first : last + 1].mean() for _, first, last in _bins(self.lags))
            rows[REFERENCES[key]] = [number(100 * cell, 3) for cell in cells]
        return rows

    def _by_lag(self, runs: Sequence[Asked]) -> Table:
        curves = {"classifier": mean_curves(runs, _curve("accuracy"))[0].mean, **_shared(runs)}
        heads = ["lag", *(f"{REFERENCES.get(key, key)} %" for key in curves)]
        rows = [
            [f"{lag}", *(number(100 * values[lag], 3) for values in curves.values())] for lag in range(self.lags + 1)
        ]
        return Table(heads, rows)

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw the accuracy by lag, means over seeds, with what it is compared with."""
        from plots.by_lag import ByLag, by_lag

        lags = np.arange(self.lags + 1)
        return by_lag(
            [
                ByLag(
                    curve.configuration.label,
                    curve.configuration.group,
                    lags,
                    *curve.values,
                    runs=len(curve.configuration.runs),
                )
                for curve in mean_curves(runs, _curve("accuracy"))
            ],
            "accuracy of the character $k$ steps back",
            xlabel="lag $k$ (characters back)",
            references={REFERENCES[key]: values for key, values in _shared(runs).items()},
            share=True,
            groups=runs[0].groups if runs else (),
            title=f"{title}: characters read from the hidden state",
            notes=[f"classifiers of {self.states:,} states, scored on as many of the test split"],
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        bins = [f"{first}-{last} {100 * answer[key]:.0f} %" for key, first, last in _bins(question["lags"])]
        return f"memory horizon {answer['horizon']}; accuracy at lags {', '.join(bins)}"


def _bins(lags: int) -> list[tuple[str, int, int]]:
    """Return the bins of lags that end within a greatest lag: the name of their accuracy, first and last lag."""
    return [(f"accuracy_{first}_{last}", first, last) for first, last in BINS if last <= lags]


def _percent(key: str) -> Value:
    return lambda run: 100 * float(the_answer(run)[key])


def _curve(key: str) -> Callable[[Asked], Sequence[float | None]]:
    return lambda run: the_answer(run)[key]


def _shared(runs: Sequence[Asked]) -> dict[str, np.ndarray]:
    """Return what classifiers are compared with, by lag, as far as it is the same for all runs and is known."""
    shared = {}
    for key in REFERENCES:
        first, *others = (the_answer(run)[key] for run in runs)
        if first is not None and all(other == first for other in others):
            shared[key] = np.array(first)
    return shared


# --- what is computed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Sample:
    """Hidden states, (N, H), and the symbols k = 0..K steps before the present one of each, (N, K + 1)."""

    states_NH: np.ndarray
    symbols_NK: np.ndarray


@dataclass(frozen=True)
class AtLag:
    """Shares of right answers at a lag. gain_se: the standard error of accuracy - present."""

    accuracy: float
    present: float
    majority: float
    gain_se: float

    @property
    def gain(self) -> float:
        """What the classifier is better by than a guess from the present symbol."""
        return self.accuracy - self.present


def horizon(by_lag: Sequence[AtLag], margin: float) -> int:
    """Return the greatest lag up to which all gains are at least the margin, and ERRORS standard errors; 0 for none.

    by_lag: for lags 0, 1, ...; lag 0 does not count.
    """
    lags = 0
    for at in by_lag[1:]:
        if at.gain < max(margin, ERRORS * at.gain_se) or at.gain <= 0:
            break
        lags += 1
    return lags


def at_lag(fit: Sample, score: Sample, lag: int) -> AtLag:
    """Fit classifiers of the symbol `lag` steps back to one sample and return their accuracies on the other."""
    known_N, asked_N = fit.symbols_NK[:, lag], score.symbols_NK[:, lag]
    most_frequent = _mode(known_N)
    by_present = {
        symbol: _mode(known_N[fit.symbols_NK[:, 0] == symbol]) for symbol in np.unique(fit.symbols_NK[:, 0]).tolist()
    }
    guesses_N = np.array([by_present.get(symbol, most_frequent) for symbol in score.symbols_NK[:, 0].tolist()])
    right_N = classified(fit.states_NH, known_N, score.states_NH) == asked_N
    guessed_N = guesses_N == asked_N
    gains_N = right_N.astype(float) - guessed_N
    return AtLag(
        float(right_N.mean()),
        float(guessed_N.mean()),
        float((asked_N == most_frequent).mean()),
        float(gains_N.std() / np.sqrt(len(gains_N))),
    )


def _mode(symbols_N: np.ndarray) -> int:
    """Return the most frequent symbol, the first of several."""
    return int(np.bincount(symbols_N).argmax())


def classified(known_NH: np.ndarray, symbols_N: np.ndarray, asked_MH: np.ndarray) -> np.ndarray:
    """Return the symbols that a logistic classifier names for states, (M,); it is fitted to known states."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits  # scikit-learn brings it along

    if len(np.unique(symbols_N)) < 2:
        return np.full(len(asked_MH), symbols_N[0])
    mean_H = known_NH.mean(0)
    variances_H, axes_HH = np.linalg.eigh(np.cov(known_NH - mean_H, rowvar=False).reshape(len(mean_H), -1))
    kept = variances_H > SMALL * max(variances_H.max(), np.finfo(float).tiny)
    if not kept.any():  # a state that never changes
        return np.full(len(asked_MH), _mode(symbols_N))
    scaled_HC = (axes_HH[:, kept] / np.sqrt(variances_H[kept])).astype(np.float32)
    known_NC, asked_MC = ((states - mean_H).astype(np.float32) @ scaled_HC for states in (known_NH, asked_MH))
    with threadpool_limits(1), warnings.catch_warnings():  # fits this small only wait for each other in threads
        warnings.simplefilter("ignore")  # that the iterations are used up
        model = LogisticRegression(C=PENALTY, max_iter=ITERATIONS, tol=1e-3).fit(known_NC, symbols_N)
    named: np.ndarray = model.predict(asked_MC)
    return named


def _sample(trained: Trained, weights: WeightsAt, question: Question, split: str) -> Sample:
    """Return states of a network on a split. Raise ValueError if it is too short."""
    lags, wanted = question["lags"], question["states"]
    at = lags + WARM_UP + SPACING * np.arange(PER_PIECE)
    pieces = -(-wanted // PER_PIECE)
    batch = held_out(trained.spec, int(at[-1]) + 1, pieces, question["seed"], split)
    views = trained.cell.layout.views(weights.flat_N.double()[None])
    h_SBH = states(trained.cell, views, batch, at).numpy()
    if not np.isfinite(h_SBH).all():
        raise FloatingPointError("the network's hidden states are not finite")
    if (greatest := float(np.abs(h_SBH).max())) > LARGEST:
        raise FloatingPointError(f"the network's hidden states are too large for a classifier: up to {greatest:.1e}")
    symbols_SBK = batch.inputs[at[:, None] - np.arange(lags + 1)].transpose(0, 2, 1)
    return Sample(h_SBH.reshape(-1, h_SBH.shape[2])[:wanted], symbols_SBK.reshape(-1, lags + 1)[:wanted].astype(int))
