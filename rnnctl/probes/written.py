"""How good a text is that a network wrote, and what it reads before it.

Runs of task text: known_words is the share of words that occur in the training split. A word is a longest stretch of
letters, digits, underscores and bytes above 127; words that the text begins or ends in the middle of are left out.

Runs of task grammar: a text begins with a sentence. Its complete words are those with a space after them.

real_words  share of complete words that the grammar has
accepted    sentences of the grammar, as a share of these and of stretches of words that belong to none. A sentence has
            no mark at its end, so the text is divided in the way that puts as many words as possible into sentences
            (rnnctl.probes.sentences). Words at the end that can still become a sentence are left out.
covered     share of words that are in a sentence of the grammar
surprisal   mean of -log p(character | all before it), nats per character, p being the exact probability under the
            generating process of the whole grammar. A character that is impossible has the surprise of a probability of
            1e-4, 9.21 nats, and the process goes on as rnnctl.grammars.process.Reader.feed says.
impossible  share of characters that the grammar does not allow where they stand
entropy     mean surprise of a text of the process itself, to compare surprisal with

Words and sentences are those of prompt and text together, characters those of the text after the prompt.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from rnnctl.grammars.alphabet import SPACE, decode
from rnnctl.probes.grammars import IMPOSSIBLE, surprises
from rnnctl.probes.sentences import divide, words_of
from rnnctl.tasks.grammar import GrammarText
from rnnctl.tasks.windows import KnownText, Text

WORD = re.compile(rb"[\w\x80-\xff]+")
Scores = dict[str, float | None]


def before(text: Text) -> tuple[int, ...]:
    """Return the symbols that a network reads before a text that it writes, and that are no part of it."""
    return (SPACE,) if isinstance(text, GrammarText) else ()


def scores(text: Text, prompt: int, ids: np.ndarray) -> Scores:
    """Return how good a text is that a network of a task wrote.

    ids: (N,), prompt and text, at least one symbol of text. prompt: the number of symbols of the prompt.
    """
    return (
        scores_of_sentences(text, prompt, ids) if isinstance(text, GrammarText) else scores_of_words(text, prompt, ids)
    )


# --- words -----------------------------------------------------------------------------------------------------------


def scores_of_words(text: Text, prompt: int, ids: np.ndarray) -> Scores:
    """Return the share of words that the training split has; None without a whole word."""
    vocabulary = text.known.vocabulary
    written, start = vocabulary.decode(ids), len(vocabulary.decode(ids[:prompt]))
    whole = [match[0] for match in WORD.finditer(written) if start < match.start() and match.end() < len(written)]
    if not whole:
        return {"known_words": None}
    training = _training_text(text.known)
    known = {word: occurs(word, training) for word in set(whole)}
    return {"known_words": sum(known[word] for word in whole) / len(whole)}


@lru_cache(maxsize=1)
def _training_text(known: KnownText) -> bytes:
    return known.vocabulary.decode(known.ids["train"])


def occurs(word: bytes, text: bytes) -> bool:
    """Return whether a text has a word as a whole word."""
    at = text.find(word)
    while at >= 0:
        around = text[at - 1 : at] if at else b"", text[at + len(word) : at + len(word) + 1]
        if not any(WORD.match(each) for each in around):
            return True
        at = text.find(word, at + 1)
    return False


# --- sentences of a grammar ------------------------------------------------------------------------------------------


def scores_of_sentences(text: GrammarText, prompt: int, ids: np.ndarray) -> Scores:
    """Return the shares of words and sentences that the grammar has, and the surprise of characters under it."""
    grammar, process = text.grammar, text.process
    divided = divide(words_of(decode(ids)), set(grammar.words), {tuple(s.text.split()) for s in grammar.sentences})
    surprise_T = surprises(process, ids[:prompt], ids[prompt:], at_start=True)
    return {
        "real_words": divided.real_share,
        "accepted": divided.accepted_share,
        "covered": divided.inside_share,
        "surprisal": float(np.minimum(surprise_T, IMPOSSIBLE).mean()),
        "impossible": float(np.isinf(surprise_T).mean()),
        "entropy": process.entropy,
    }
