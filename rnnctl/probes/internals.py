"""Internals: everything that happens in a network while it reads one sentence.

The network reads the symbols x_1..x_n one after the other from a state of zeros, in float64. Told are

    h                  h_t of every unit (of a layered cell: of all layers) for t = 1..n
    network, truth     the distribution of the next symbol after each x_t: softmax of the outputs, and where the process
                       that makes the text is known (grammar) the true one, the text beginning with a sentence;
                       after a symbol that cannot be there, as rnnctl.grammars.process.Reader.feed says
    gradient           ||dL/dh_t||_2 for t = 1..n-1, L = -log p(x_n) being the loss of the last symbol alone
    eigenvalues        of W_hh, the recurrent matrix of the new content
    product            eigenvalues of dh_{n-1}/dh_1, the product of the step's Jacobians dh_t/dh_{t-1} (of an LSTM with
                       c_1 held fixed); None for cells whose head does not read their state

and as single numbers: loss and true_loss, the mean of -log p(x_t) over t = 2..n (nats); divergence, the mean over
t = 1..n-1 of the Kullback-Leibler divergence of the network from the grammar (nats); gradient_share, the norm at t = 1
divided by that at n - 1; rho, the largest modulus of an eigenvalue of W_hh; product_rho, that of the product, to the
power 1 / (n - 2): the factor per step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.grammars.alphabet import SPACE, encode
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Table
from rnnctl.probes.replicates import the_answer
from rnnctl.probes.sequences import parts, process_of
from rnnctl.probes.texts import not_text, text_of
from rnnctl.study.run import RunSpec
from rnnctl.tasks.grammar import GrammarText
from rnnctl.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.cells.base.cell import Cell, Weights
    from rnnctl.cells.base.tape import Tape
    from rnnctl.grammars.process import Process
    from rnnctl.tasks.windows import Text
    from rnnctl.training.trained import Trained, WeightsAt

LONGEST = 200  # symbols of a sentence
USUAL = 60  # symbols of the sentence of a text that is read by default
MOST_SYMBOLS = 100  # symbols whose probabilities are told: the most probable ones
EXPECTED = 3  # symbols in a cell of the table
OPEN_BOX = "\N{OPEN BOX}"  # how a space is shown


class Internals(Probe):
    """States, predictions, gradients and eigenvalues while one sentence is read."""

    about: ClassVar[str] = """Show what happens in one run while it reads a sentence.

    The state of every unit, the probabilities of the next character (beside the grammar's own, if there is one), the
    gradient of the last character's loss on its way back, and the eigenvalues of W_hh and of the product of the steps'
    Jacobians. The table shows the essentials, the figure and --json everything.
    """
    figure: ClassVar[str | None] = "internals"
    single: ClassVar[bool] = True

    name: Literal["internals"] = "internals"
    text: str | None = Field(
        None, description=f"What is read. Default: a held-out sentence, or the first {USUAL} symbols of the test split."
    )

    def applies(self, spec: RunSpec) -> str | None:
        return not_text(spec)

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        text = text_of(trained.task)
        ids = _first_held_out(text) if question["text"] is None else _encoded(text, question["text"])
        views = trained.cell.layout.views(weights.flat_N.double()[None])
        h_TH, probabilities_TV, norms = passed(trained.cell, views, ids)
        process = process_of(text)
        truth_TV = None if process is None else true_distributions(process, ids)
        shown = np.sort(np.argsort(-probabilities_TV.max(0), kind="stable")[:MOST_SYMBOLS])
        w_HH = trained.cell.candidate(views)[0].numpy()
        # A user's cell may have no matrix from hidden units to hidden units: then there are no eigenvalues.
        eigenvalues = np.linalg.eigvals(w_HH) if np.isfinite(w_HH).all() else None
        product = product_eigenvalues(trained.cell, views, ids[:-1])
        return {
            "loss": float(surprises(probabilities_TV, ids).mean()),
            "true_loss": None if truth_TV is None else float(surprises(truth_TV, ids).mean()),
            "divergence": None if truth_TV is None else _divergence(truth_TV[:-1], probabilities_TV[:-1]),
            "gradient_share": float(norms[0] / norms[-1]) if norms[-1] else None,
            "rho": None if eigenvalues is None else float(np.abs(eigenvalues).max()),
            "product_rho": None if product is None else float(np.abs(product).max() ** (1 / max(1, len(ids) - 2))),
            "characters": _names(text, ids),
            "surprise": [None, *surprises(probabilities_TV, ids).tolist()],
            "symbols": _names(text, shown),
            "network": probabilities_TV[:, shown].tolist(),
            "truth": None if truth_TV is None else truth_TV[:, shown].tolist(),
            "h": h_TH.tolist(),
            "gradient": norms.tolist(),
            "eigenvalues": [] if eigenvalues is None else _pairs(eigenvalues),
            "product": None if product is None else _pairs(product),
        }

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return what was read, expected and lost step by step, and the single numbers."""
        (run,) = runs
        answer = the_answer(run)
        with_grammar = answer["truth"] is not None
        heads = ["t", "read", "nats", "network expects", *(["grammar allows"] if with_grammar else []), "|dL/dh_t|"]
        rows = []
        for i, character in enumerate(answer["characters"]):
            norm = answer["gradient"][i] if i < len(answer["gradient"]) else None
            expected = [
                _expected(answer["symbols"], answer[key][i]) for key in ("network", "truth")[: 1 + with_grammar]
            ]
            rows.append([str(i + 1), character, number(answer["surprise"][i], 3), *expected, number(norm, 3)])
        singles = [[label, number(answer[key], 3)] for key, label in NUMBERS.items() if answer[key] is not None]
        return [Table(heads, rows), Table(["of the sentence", ""], singles)]

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        from plots.internals import Reading, reading

        (run,) = runs
        answer = the_answer(run)
        arrays = {key: np.array(answer[key], dtype=float) for key in ("h", "network", "gradient")}
        return reading(
            Reading(
                answer["characters"],
                answer["symbols"],
                **arrays,
                eigenvalues=_complex(answer["eigenvalues"]),
                truth=None if answer["truth"] is None else np.array(answer["truth"], dtype=float),
                product=None if answer["product"] is None else _complex(answer["product"]),
            ),
            title=f"{title}: internals",
        )


NUMBERS = {
    "loss": "nats per character",
    "true_loss": "nats per character of the grammar",
    "divergence": "divergence of the network from the grammar",
    "gradient_share": "|dL/dh_t| at the first step, relative to the last",
    "rho": "largest |eigenvalue| of W_hh",
    "product_rho": "largest |eigenvalue| of the Jacobians' product, per step",
}


def _expected(symbols: Sequence[str], probabilities: Sequence[float]) -> str:
    """Return the most probable symbols, for a table: `a 61 %, e 22 %, i 9 %`."""
    order = sorted(range(len(symbols)), key=lambda i: -probabilities[i])[:EXPECTED]
    return ", ".join(f"{symbols[i]} {100 * probabilities[i]:.0f} %" for i in order if probabilities[i] >= 0.005)


# --- sentences -------------------------------------------------------------------------------------------------------


def _encoded(text: Text, sentence: str) -> np.ndarray:
    """Return a sentence as symbols. Raise QuestionError for one that cannot be read."""
    try:
        ids = np.asarray(text.known.vocabulary.encode(sentence))
    except ValueError as error:
        raise QuestionError("text", str(error)) from error
    if not 2 <= len(ids) <= LONGEST:
        raise QuestionError("text", f"texts have 2 to {LONGEST} symbols, not {len(ids):,}")
    return ids


def _first_held_out(text: Text) -> np.ndarray:
    """Return the first held-out sentence of a grammar after a space, or the first symbols of a text's test split."""
    if isinstance(text, GrammarText):
        return encode(f" {text.known.sentences['test'][0].text}")
    return text.known.ids["test"][:USUAL]


def _names(text: Text, ids: np.ndarray) -> list[str]:
    """Return symbols as figures and tables name them."""
    names = (text.known.vocabulary.decode(ids[i : i + 1]).decode("utf-8", "replace") for i in range(len(ids)))
    return [name.replace(" ", OPEN_BOX) if name.isprintable() else repr(name)[1:-1] for name in names]


def _pairs(values: np.ndarray) -> list[list[float]]:
    """Return complex numbers as pairs, the largest modulus first."""
    ordered = values[np.argsort(-np.abs(values), kind="stable")]
    return [[float(value.real), float(value.imag)] for value in ordered]


def _complex(pairs: Sequence[Sequence[float]]) -> np.ndarray:
    return np.array([complex(*pair) for pair in pairs])


# --- what is computed ------------------------------------------------------------------------------------------------


def surprises(probabilities_TV: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return -log p of the symbols after the first one, (n - 1,) nats."""
    with np.errstate(divide="ignore"):
        values: np.ndarray = -np.log(probabilities_TV[np.arange(len(ids) - 1), ids[1:]])
    return values


def _divergence(truth_TV: np.ndarray, probabilities_TV: np.ndarray) -> float:
    """Return the mean over steps of sum p log(p / q), p being the truth."""
    with np.errstate(divide="ignore"):
        ratios_TV = np.log(np.where(truth_TV > 0, truth_TV, 1) / np.where(truth_TV > 0, probabilities_TV, 1))
    return float((truth_TV * ratios_TV).sum(1).mean())


def true_distributions(process: Process, ids: np.ndarray) -> np.ndarray:
    """Return the true distribution of the symbol after each, (T, V). Spaces before the first sentence are skipped."""
    reader, rows = process.reader(), []
    begun = False
    for symbol in ids.tolist():
        begun = begun or symbol != SPACE
        if begun:
            reader.feed(symbol)
        rows.append(reader.distribution())
    return np.array(rows)


def passed(cell: Cell, weights: Weights, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return h_1..h_n (n, H), the probabilities of the next symbol after each (n, V), and ||dL/dh_t|| (n - 1,).

    weights: of one run, (1, *shape) float64 by name. Raise FloatingPointError if an output is not finite.
    """
    import torch

    from rnnctl.cells.base.heads import read

    tape = _tape(cell, len(ids), 1)
    symbols_T1 = torch.from_numpy(ids.astype(np.int64))[:, None]
    tape.forward(weights, [symbols_T1])
    y_TV = read(weights, tape.out(0).transpose(0, 1))[0]
    if not y_TV.isfinite().all():
        raise FloatingPointError("the network's outputs are not finite")
    h_TH, probabilities_TV = tape.h(0)[1:, 0].numpy().copy(), y_TV.softmax(1).numpy()
    tape.forward(weights, [symbols_T1[:-1]])
    h_11H = tape.out(0)[-1:].clone().requires_grad_()
    loss = -read(weights, h_11H)[0, 0].log_softmax(0)[int(ids[-1])]
    tape.backward(weights, list(torch.autograd.grad(loss, h_11H)), _unused(weights))
    return h_TH, probabilities_TV, tape.d(0)[1:, 0].norm(dim=1).numpy()


def product_eigenvalues(cell: Cell, weights: Weights, ids: np.ndarray) -> np.ndarray | None:
    """Return the eigenvalues of dh_T/dh_1 after T symbols, (H,); None if the head does not read the state."""
    import torch

    jacobian_HH = torch.empty(cell.hidden, cell.hidden, dtype=torch.float64)
    # A copy of the sequence for each unit of h_T: it carries that unit's gradient back.
    for units in parts(cell.hidden, len(ids), cell.state_size):
        direct_BH = torch.eye(cell.hidden, dtype=torch.float64)[units]
        tape = _tape(cell, len(ids), len(direct_BH))
        tape.forward(weights, [torch.from_numpy(ids.astype(np.int64))[:, None].expand(-1, len(direct_BH)).contiguous()])
        h_TBH, out_TBH = tape.h(0)[1:], tape.out(0)
        if h_TBH.shape != out_TBH.shape or not torch.equal(h_TBH, out_TBH):
            return None
        tape.backward(weights, [direct_BH[None]], _unused(weights))
        jacobian_HH[units] = tape.d(0)[1]
    values: np.ndarray = np.linalg.eigvals(jacobian_HH.numpy())
    return values


def _tape(cell: Cell, steps: int, batch: int) -> Tape:
    import torch

    return cell.torch_tape(cell, 1, steps, batch, dtype=torch.float64, device="cpu")


def _unused(weights: Weights) -> Weights:
    """Return memory for gradients that nobody reads."""
    import torch

    return {name: torch.empty_like(weight) for name, weight in weights.items()}
