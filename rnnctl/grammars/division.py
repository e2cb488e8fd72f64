"""The sentences of a grammar, divided into training, validation and test."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np

from rnnctl.grammars.grammar import Grammar, Sentence
from rnnctl.grammars.process import Process

TRIES = 100
Division = Mapping[str, tuple[Sentence, ...]]


def divided(grammar: Grammar, shares: Mapping[str, Fraction], rng: np.random.Generator) -> Division:
    """Divide all different sentences at random, so that each split has its share of the sentences of each template.

    shares: split -> share of the sentences; their sum is 1, and the first split is the one to train on. In it, every
    word occurs in every category that has it, and every template occurs: among random divisions, the first one where
    that is so is taken. Raises ValueError if a split would be empty, or if none of TRIES divisions has all words.
    """
    total, train = len(grammar.sentences), next(iter(shares))
    ends = [math.floor(sum(list(shares.values())[: i + 1]) * total) for i in range(len(shares))]
    for name, start, end in zip(shares, [0, *ends], ends, strict=False):
        if start == end:
            raise ValueError(
                f"{name} {float(shares[name]):g} of the {total:,} sentences of lexicon {grammar.name} "
                "is not one sentence"
            )
    for _ in range(TRIES):
        order = _spread(grammar, rng)
        division = {
            name: tuple(grammar.sentences[i] for i in sorted(order[start:end]))
            for name, start, end in zip(shares, [0, *ends], ends, strict=False)
        }
        if _kinds(division[train]) == _kinds(grammar.sentences):
            return division
    held_out = " and ".join(f"{name} {float(share):g}" for name, share in shares.items() if name != train)
    raise ValueError(
        f"{held_out} leave {ends[0]:,} of the {total:,} sentences of lexicon {grammar.name} to train on, "
        "and not all words occur in so few"
    )


def restricted(sentences: Sequence[Sentence]) -> Process:
    """Return the stream of these sentences alone, each with its probability in the grammar divided by their sum."""
    total = math.fsum(sentence.probability for sentence in sentences)
    return Process([s.text for s in sentences], [s.probability / total for s in sentences])


def _spread(grammar: Grammar, rng: np.random.Generator) -> list[int]:
    """Return the numbers of all sentences in a random order that has those of each template evenly spread over it.

    The sentences of a template, n of them, are shuffled, and the i-th gets a random place in the i-th n-th of the order
    (a stratified sample).
    """
    templates: dict[str, list[int]] = {}
    for number, sentence in enumerate(grammar.sentences):
        templates.setdefault(sentence.template, []).append(number)
    places: list[tuple[float, int]] = []
    for numbers in templates.values():
        starts = (np.arange(len(numbers)) + rng.random(len(numbers))) / len(numbers)
        places += zip(starts.tolist(), rng.permutation(numbers).tolist(), strict=True)
    return [number for _, number in sorted(places)]


def _kinds(sentences: Sequence[Sentence]) -> set[tuple[str, ...]]:
    """Return all templates, and all words with their categories, that occur in sentences."""
    words = {(word.category or "", word.text) for sentence in sentences for word in sentence.words}
    return words | {(sentence.template,) for sentence in sentences}
