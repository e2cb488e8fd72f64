"""Generation: text from a trained network, symbol by symbol.

A prompt is read from a state of zeros. Then each symbol is drawn from softmax(y / temperature), y being the outputs
after the symbol before it, and read in its turn; at temperature 0 it is the most probable one, the first of several.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from rnnctl import seeds
from rnnctl.corpora.vocabulary import Vocabulary
from rnnctl.probes.stepper import Stepper
from rnnctl.study.run import RunSpec


def generated(
    spec: RunSpec, weights_N: torch.Tensor, prompt: str | bytes, symbols: int, temperature: float, seed: int
) -> bytes:
    """The prompt and `symbols` symbols more, of the network of a spec of task text with these weights.

    An empty prompt begins with a symbol drawn from the unigram of the training split, the first of `symbols`. The same
    arguments give the same text. Raises ValueError for a character that the vocabulary lacks, a temperature that is no
    finite number from 0 on, and ValueError where the corpus is another one; FloatingPointError where the
    network's outputs are no numbers.
    """
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature {temperature:g}: a finite number, 0 or more")
    task, rng = spec.task.make(), seeds.generator(seed, seeds.GENERATION)
    vocabulary: Vocabulary = task.known.tokens.vocabulary
    ids = vocabulary.encode(prompt).tolist()
    wanted = len(ids) + symbols
    if not ids and wanted:
        ids.append(drawn(rng, task.known.ngrams.unigram_V))
    network, state = Stepper(spec, task, weights_N, 1), None
    with torch.no_grad():
        for at in range(wanted - 1):
            state = network.step(np.array([ids[at]]), state)
            if at + 1 == len(ids):
                ids.append(chosen(rng, network.outputs()[0].double().numpy(), temperature))
    return vocabulary.decode(np.array(ids, np.int64))


def chosen(rng: np.random.Generator, y_O: np.ndarray, temperature: float) -> int:
    """A symbol by these outputs. Raises FloatingPointError where one is no finite number."""
    if not np.isfinite(y_O).all():
        raise FloatingPointError("the network's outputs are no finite numbers")
    if temperature == 0:
        return int(y_O.argmax())
    with np.errstate(over="ignore"):  # minus infinity is what is wanted of temperatures near 0
        return drawn(rng, np.exp((y_O - y_O.max()) / temperature))


def drawn(rng: np.random.Generator, weights_O: np.ndarray) -> int:
    """An index, with a probability in proportion to its weight, which is 0 or more."""
    edges = np.cumsum(weights_O)
    # The last edge is left out: a product that was rounded up to it is still of the last index.
    return int(np.searchsorted(edges[:-1], rng.random() * edges[-1], side="right"))
