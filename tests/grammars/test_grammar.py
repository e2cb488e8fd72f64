"""Alphabet, grammars and lexicons."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnctl.grammars.alphabet import V, decode, encode
from rnnctl.grammars.grammar import Grammar
from rnnctl.grammars.lexicons import GRAMMARS, third_person

TOY = Grammar(
    "toy", {"NOUN": ("man", "men"), "VERB": ("sees", "is")}, ("the NOUN VERB", "NOUN VERB NOUN", "the man is")
)


def test_alphabet_is_the_space_and_a_to_z():
    assert V == 27
    ids = encode("the lion")
    assert ids.dtype == np.uint8
    assert ids.tolist() == [20, 8, 5, 0, 12, 9, 15, 14]
    assert decode(ids) == "the lion"
    assert encode("").shape == (0,)


@pytest.mark.parametrize("text", ["the Lion", "the lion.", "the lión"])
def test_a_character_outside_the_alphabet_is_named_with_its_place(text):
    with pytest.raises(ValueError, match=r"^character \d, '.', is not in the alphabet: a to z and the space$"):
        encode(text)


def test_sentences_are_templates_with_words_in_their_places():
    sentence = TOY.parse("the men sees")
    assert sentence.template == "the NOUN VERB"
    assert sentence.probability == pytest.approx(1 / 12)
    assert [(word.text, word.category) for word in sentence.words] == [("the", None), ("men", "NOUN"), ("sees", "VERB")]
    for sentence in TOY.sentences:
        assert [sentence.text[word.start : word.stop] for word in sentence.words] == sentence.text.split()


def test_a_sentence_of_two_templates_is_one_with_both_probabilities():
    assert len(TOY.sentences) == 4 + 8
    assert TOY.parse("the man is").probability == pytest.approx(1 / 12 + 1 / 3)
    assert math.fsum(sentence.probability for sentence in TOY.sentences) == pytest.approx(1)


def test_what_is_no_sentence_is_not_parsed():
    assert [TOY.parse(text) for text in ("the man", "the man is ", "", "man is")] == [None] * 4


def test_categories_of_words():
    assert TOY.words == ("the", "man", "is", "men", "sees")
    assert [TOY.category_of(word) for word in TOY.words] == [None, "NOUN", "VERB", "NOUN", "VERB"]
    with pytest.raises(ValueError, match="'mem' is not a word of grammar toy; did you mean men"):
        TOY.category_of("mem")


@pytest.mark.parametrize(
    ("categories", "template", "message"),
    [
        ({"NOUN": ("man",)}, "the NUON", "there is no category NUON"),
        ({"NOUN": ()}, "NOUN", "there is no category NOUN with words"),
        ({"NOUN": ("Man",)}, "NOUN", "not in the alphabet"),
        ({"NOUN": ("a man",)}, "NOUN", "not one word"),
    ],
)
def test_a_grammar_that_makes_no_sense_is_refused(categories, template, message):
    with pytest.raises(ValueError, match=message):
        Grammar("wrong", categories, (template,))


def test_lexicon_lab_is_as_listed():
    lab = GRAMMARS["lab"]
    assert [len(words) for words in lab.categories.values()] == [6, 6, 5, 5, 4, 6, 3]
    assert len(lab.templates) == len(set(lab.templates)) == 16
    assert len(lab.sentences) == 2064
    assert {"the boy sleeps", "the lion chases the boy", "the queen watches the plate"} <= {
        sentence.text for sentence in lab.sentences
    }
    assert set(lab.words) - {"the"} == {word for words in lab.categories.values() for word in words}


def test_lexicon_elman_is_as_listed():
    elman = GRAMMARS["elman"]
    assert len(elman.words) == 29
    assert len(elman.categories) == 12
    assert len(elman.templates) == len(set(elman.templates)) == 16
    assert len(elman.sentences) == 252


def test_verbs_in_the_third_person():
    assert [third_person(verb) for verb in ("sleep", "chase", "watch")] == ["sleeps", "chases", "watches"]
