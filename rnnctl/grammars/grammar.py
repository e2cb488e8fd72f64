"""Template grammars: a sentence is a template with a word of the right category in each of its places.

All templates are equally likely. In a sentence of a template, all words of a category are equally likely in each place,
independently of the other places (Elman 1990, "Finding structure in time", Cognitive Science 14, 179-211).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from rnnctl.grammars.alphabet import encode
from rnnctl.grammars.process import Process
from rnnctl.words import did_you_mean


@dataclass(frozen=True)
class Word:
    """A word in a sentence. It is text[start:stop] of the sentence."""

    text: str
    category: str | None  # None for a word that the template itself spells out
    start: int
    stop: int


@dataclass(frozen=True)
class Sentence:
    """A sentence: words with one space between them, and none at the end."""

    text: str
    words: tuple[Word, ...]
    template: str
    probability: float  # of this sentence among all sentences of the grammar


@dataclass(frozen=True, eq=False)
class Grammar:
    """A template grammar.

    categories: name -> words. A word can be in several categories. templates: places with a space between them. A place
    is the name of a category, in capital letters, or a word in small letters that stands for itself. Raises ValueError
    for a template with an unknown category, and for a word with a character that is not a small letter.
    """

    name: str
    categories: Mapping[str, tuple[str, ...]]
    templates: tuple[str, ...]

    def __post_init__(self) -> None:
        for template in self.templates:
            for place in template.split():
                if place.isupper() and not self.categories.get(place):
                    raise ValueError(f"template {template!r}: there is no category {place} with words")
        for word in self.words:
            encode(word)
            if not word or " " in word:
                raise ValueError(f"{word!r} is not one word")

    @cached_property
    def sha256(self) -> str:
        """The hash of its categories and templates in their order. Its name is not part of it."""
        content = json.dumps([list(self.categories.items()), self.templates])
        return hashlib.sha256(content.encode()).hexdigest()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All different words: those that templates spell out, then those of the categories in their order."""
        spelled = [place for template in self.templates for place in template.split() if not place.isupper()]
        return tuple(dict.fromkeys([*spelled, *itertools.chain(*self.categories.values())]))

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """All different sentences, in the order of the templates.

        A sentence of several templates is listed once, as one of the first of them, with the sum of the probabilities.
        """
        by_text: dict[str, Sentence] = {}
        for template in self.templates:
            for sentence in self._filled(template):
                known = by_text.get(sentence.text)
                if known is not None:
                    sentence = replace(known, probability=known.probability + sentence.probability)
                by_text[sentence.text] = sentence
        return tuple(by_text.values())

    @cached_property
    def process(self) -> Process:
        """The endless stream of independent sentences of the grammar."""
        return Process([s.text for s in self.sentences], [s.probability for s in self.sentences])

    def category_of(self, word: str) -> str | None:
        """Return the first category that has a word; None for a word that templates spell out.

        Raise ValueError, with the nearest word, if the grammar does not have the word.
        """
        for name, words in self.categories.items():
            if word in words:
                return name
        if word in self.words:
            return None
        raise ValueError(f"{word!r} is not a word of grammar {self.name}{did_you_mean(word, self.words)}")

    def parse(self, sentence: str) -> Sentence | None:
        """Return the sentence with this text, without a space at its end; None if the grammar does not have it."""
        return self._by_text.get(sentence)

    @cached_property
    def _by_text(self) -> dict[str, Sentence]:
        return {sentence.text: sentence for sentence in self.sentences}

    def _filled(self, template: str) -> Iterator[Sentence]:
        """Yield every sentence of a template."""
        places = [
            (place, self.categories[place]) if place.isupper() else (None, (place,)) for place in template.split()
        ]
        probability = 1 / len(self.templates) / math.prod(len(words) for _, words in places)
        for chosen in itertools.product(*(words for _, words in places)):
            starts = itertools.accumulate((len(word) + 1 for word in chosen[:-1]), initial=0)
            words = tuple(
                Word(word, category, start, start + len(word))
                for word, (category, _), start in zip(chosen, places, starts, strict=True)
            )
            yield Sentence(" ".join(chosen), words, template, probability)
