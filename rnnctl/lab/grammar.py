"""Describe a grammar: its words and sentences, and what can be known of its text."""

from __future__ import annotations

from dataclasses import dataclass

from rnnctl.grammars.lexicons import GRAMMARS, grammar_of
from rnnctl.lab.errors import Code, LabError
from rnnctl.words import did_you_mean, shown


@dataclass(frozen=True)
class TemplateFacts:
    """A template, how many different sentences it has, and one of them."""

    template: str
    sentences: int
    example: str


@dataclass(frozen=True)
class Lag:
    """What can be known given k characters, or about the character k back; at a random place of the stream.

    entropy: of the next character given the last k, in nats. window: the mean loss, in nats, of a reader that knows the
    grammar, over the targets of a window of k characters. guess: the share of right answers of the best guess at the
    character k before the present one, given the present one alone. Both are None for k = 0.
    """

    k: int
    entropy: float
    window: float | None
    guess: float | None


@dataclass(frozen=True)
class GrammarFacts:
    """A grammar, and what can be known of the endless stream of its sentences.

    categories: name -> words. spelled: words that templates spell out. mean_length: of a sentence with the space after
    it, in characters. entropy: given all before, in nats per character.
    """

    lexicon: str
    categories: dict[str, list[str]]
    spelled: list[str]
    templates: list[TemplateFacts]
    sentences: int
    mean_length: float
    entropy: float
    lags: list[Lag]


def describe(lexicon: str = "lab", last: int = 25) -> GrammarFacts:
    """Describe the grammar of a lexicon. last: the greatest number of characters back. Raises LabError."""
    if lexicon not in GRAMMARS:
        raise LabError(
            f"there is no lexicon {shown(lexicon)}; allowed: {', '.join(GRAMMARS)}{did_you_mean(lexicon, GRAMMARS)}"
        )
    try:
        grammar = grammar_of(lexicon)
    except ValueError as error:
        raise LabError(str(error), Code.FAILURE) from error
    process = grammar.process
    entropies = [process.entropy_given_last(k) for k in range(last + 1)]
    of_template = {
        template: [sentence.text for sentence in grammar.sentences if sentence.template == template]
        for template in grammar.templates
    }
    return GrammarFacts(
        lexicon=lexicon,
        categories={name: list(words) for name, words in grammar.categories.items()},
        spelled=[word for word in grammar.words if grammar.category_of(word) is None],
        templates=[TemplateFacts(name, len(texts), texts[0]) for name, texts in of_template.items()],
        sentences=len(grammar.sentences),
        mean_length=process.automaton.mean_length,
        entropy=process.entropy,
        lags=[
            Lag(k, entropy, sum(entropies[1 : k + 1]) / k if k else None, process.guess_back(k) if k else None)
            for k, entropy in enumerate(entropies)
        ],
    )
