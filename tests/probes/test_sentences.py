"""Division into sentences: as many words as possible in sentences, compared to all divisions there are."""

import itertools
import random

import pytest

from rnnctl.grammars.lexicons import GRAMMARS
from rnnctl.probes.sentences import divide, words_of

SENTENCES = {("a",), ("a", "b"), ("b", "c", "a"), ("c", "c")}
KNOWN = {"a", "b", "c"}


def brute(words):
    """The most words that sentences can cover, and the fewest sentences that cover so many."""
    best = (0, 0)
    spans = [(i, j) for i in range(len(words)) for j in range(i + 1, len(words) + 1) if tuple(words[i:j]) in SENTENCES]
    for n in range(len(words) + 1):
        for chosen in itertools.combinations(spans, n):
            if all(one[1] <= two[0] for one, two in itertools.pairwise(chosen)):
                best = max(best, (sum(j - i for i, j in chosen), -n))
    return best


@pytest.mark.parametrize("seed", range(60))
def test_as_many_words_as_possible_are_in_as_few_sentences_as_possible(seed):
    rng = random.Random(seed)
    words = [rng.choice("abcx") for _ in range(rng.randrange(7))]
    divided = divide(words, KNOWN, SENTENCES)
    assert (divided.inside, -divided.sentences) == brute(words)
    assert (divided.words, divided.real) == (len(words), sum(word != "x" for word in words))


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_text_of_sentences_is_accepted_whole_although_nothing_marks_their_ends(name):
    grammar = GRAMMARS[name]
    rng = random.Random(1)
    chosen = rng.choices(grammar.sentences, [s.probability for s in grammar.sentences], k=100)
    sentences = {tuple(sentence.text.split()) for sentence in grammar.sentences}
    divided = divide(words_of("".join(s.text + " " for s in chosen)), grammar.words, sentences)
    assert (divided.real_share, divided.accepted_share, divided.inside_share) == (1, 1, 1)
    assert divided.broken == divided.unfinished == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the cat watches the boy sleeps ", (6, 6, 2, 6, 0, 0)),
        ("the cat watches the boy the boy sleeps ", (8, 8, 2, 8, 0, 0)),
        ("the boy sleeps the gorl sleeps the man walks ", (9, 8, 2, 6, 1, 0)),
        ("the boy sleeps sleeps sleeps the man walks the ", (9, 9, 2, 6, 1, 1)),
        ("the boy sleeps the man mo", (5, 5, 1, 3, 0, 2)),
        ("the  boy sleeps ", (4, 3, 0, 0, 1, 0)),
        ("zzz ", (1, 0, 0, 0, 1, 0)),
        ("zzz", (0, 0, 0, 0, 0, 0)),
    ],
)
def test_texts_with_known_divisions(text, expected):
    grammar = GRAMMARS["lab"]
    sentences = {tuple(sentence.text.split()) for sentence in grammar.sentences}
    actual = divide(words_of(text), grammar.words, sentences)
    assert (
        actual.words, actual.real, actual.sentences, actual.inside, actual.broken, actual.unfinished
    ) == expected  # fmt: skip


def test_shares_of_nothing_are_none():
    divided = divide([], KNOWN, SENTENCES)
    assert (divided.real_share, divided.accepted_share, divided.inside_share) == (None, None, None)
