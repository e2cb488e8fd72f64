"""Generate: text from a trained network, symbol by symbol.

A prompt is read from a state of zeros. Then each symbol is drawn from softmax(y / temperature), y being the outputs
after the symbol before it, and read in its turn. At temperature 0 it is the most probable one, the first of several.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl import seeds
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.texts import known_text, not_text
from rnnctl.study.run import RunSpec

if TYPE_CHECKING:
    import torch

    from rnnctl.training.trained import Trained


class Generate(Probe):
    """Text after a prompt."""

    about: ClassVar[str] = """Let one run write a text: the prompt, and what the run adds to it, symbol by symbol.

    Without a prompt, the first symbol is drawn by its frequency in the training split. The same seed gives the same
    text. Bytes that are not UTF-8 are shown replaced.
    """
    single: ClassVar[bool] = True

    name: Literal["generate"] = "generate"
    prompt: str = Field("", description="What the text begins with.")
    symbols: int = Field(400, ge=1, description="Number of symbols to add.")
    temperature: float = Field(
        1.0, ge=0, description="Divides the outputs before softmax; 0: the most probable symbol."
    )
    seed: Seed = Field(1, description="Seed of the symbols that are drawn.")

    def applies(self, spec: RunSpec) -> str | None:
        return not_text(spec)

    def ask(self, trained: Trained, question: Question) -> Answer:
        prompt = question["prompt"]
        try:
            known_text(trained.task).tokens.vocabulary.encode(prompt)
        except ValueError as error:
            raise QuestionError("prompt", str(error)) from error
        weights_N = trained.weights["best"].flat_N
        text = generated(
            trained.spec, weights_N, prompt, *(question[key] for key in ("symbols", "temperature", "seed"))
        )
        return {"text": text.decode("utf-8", "replace")}

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        return [answer["text"] for run in runs for _, answer in run.answers]


def generated(
    spec: RunSpec, weights_N: torch.Tensor, prompt: str | bytes, symbols: int, temperature: float, seed: int
) -> bytes:
    """Return the prompt and `symbols` more symbols, of the network of a spec of task text with these weights.

    An empty prompt begins with a symbol drawn from the unigram of the training split, the first of `symbols`. The same
    arguments give the same text. Raise ValueError for a character that the vocabulary lacks, a temperature that is
    negative or not finite, and if the corpus has changed; FloatingPointError if the network's outputs are not finite.
    """
    import torch

    from rnnctl.probes.stepper import Stepper

    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature {temperature:g}: a finite number, 0 or more")
    task, rng = spec.task.make(), seeds.generator(seed, seeds.GENERATION)
    text = known_text(task)
    vocabulary = text.tokens.vocabulary
    ids = vocabulary.encode(prompt).tolist()
    wanted = len(ids) + symbols
    if not ids and wanted:
        ids.append(drawn(rng, text.ngrams.unigram_V))
    network, state = Stepper(spec, task, weights_N, 1), None
    with torch.no_grad():
        for at in range(wanted - 1):
            state = network.step(np.array([ids[at]]), state)
            if at + 1 == len(ids):
                ids.append(chosen(rng, network.outputs()[0].double().numpy(), temperature))
    return vocabulary.decode(np.array(ids, np.int64))


def chosen(rng: np.random.Generator, y_O: np.ndarray, temperature: float) -> int:
    """Return the index of a symbol drawn by these outputs. Raise FloatingPointError if one is not finite."""
    if not np.isfinite(y_O).all():
        raise FloatingPointError("the network's outputs are not finite")
    if temperature == 0:
        return int(y_O.argmax())
    with np.errstate(over="ignore"):  # minus infinity is what is wanted of temperatures near 0
        return drawn(rng, np.exp((y_O - y_O.max()) / temperature))


def drawn(rng: np.random.Generator, weights_O: np.ndarray) -> int:
    """Return an index, drawn with a probability in proportion to its weight, which is 0 or more."""
    edges = np.cumsum(weights_O)
    # The last edge is left out: a product that was rounded up to it still belongs to the last index.
    return int(np.searchsorted(edges[:-1], rng.random() * edges[-1], side="right"))
