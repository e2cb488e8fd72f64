"""A novel word: taken for the word that it replaces it has similarity 1, and the ends of the scale are as planted."""

import numpy as np
import pytest

from rnnctl.probes.novel_word import headline, neighbourhood, placed, replaced
from rnnctl.probes.word_states import by_word, cosine, occurrences, states_at

KINDS = {"man": "HUMAN", "boy": "HUMAN", "girl": "HUMAN", "lion": "ANIMAL", "cat": "ANIMAL"}
TEXT = "the man sees the cat the boy sees the lion the girl sees the man the man sees the boy " * 4


def words_of(text):
    return {word: found for word, found in by_word(occurrences(text)).items() if word in KINDS}


def asked(states, word="man", novel="zog", seed=1):
    """What is said of a network whose hidden states on a text are states(text), (T, H)."""
    words = words_of(TEXT)
    changed = replaced(TEXT, word, novel)
    kinds = {name: KINDS[name] for name in words}
    found = by_word(occurrences(changed))[novel]
    return placed(word, states(TEXT), words, kinds, states(changed), found, np.random.default_rng(seed))


def counting(text):
    """A network that ignores letters: its state counts the symbols since the last space, and the spaces so far."""
    rng = np.random.default_rng(5)
    random = rng.standard_normal((40, 6))
    at, rows = 0, []
    for character in text:
        at = 0 if character == " " else at + 1
        rows.append(random[at])
    return np.array(rows)


def by_letter(text):
    """A network that knows the last letter and no more."""
    random = np.random.default_rng(6).standard_normal((128, 20))
    return np.array([random[ord(character)] for character in text])


def test_a_network_that_ignores_the_word_has_similarity_1():
    answer = asked(counting)
    assert [answer[name] for name in ("similarity", "similarity_space", "same_word")] == pytest.approx([1, 1, 1])
    assert [entry["place"] for entry in answer["places"]] == [-2, -1, 0, 1]
    assert all(entry["similarity"] == pytest.approx(1) for entry in answer["places"])


@pytest.mark.parametrize("novel", ["q", "zo", "zoggles"])
def test_words_of_other_lengths_are_aligned_from_their_end(novel):
    """The state is the distance to the next space: the same at the last letter of every word."""

    def distances(text):
        random = np.random.default_rng(5).standard_normal((40, 6))
        return np.array([random[text.index(" ", at) - at] for at in range(len(text))])

    answer = asked(distances, novel=novel)
    assert [entry["place"] for entry in answer["places"]] == [*range(1 - min(3, len(novel)), 1), 1]
    assert all(entry["similarity"] == pytest.approx(1) for entry in answer["places"])
    assert asked(counting, novel="zoggles")["similarity"] < 0.9  # another distance to the space before


def test_a_network_that_sees_letters_alone_finds_nothing_of_the_word():
    answer = asked(by_letter)
    letters = by_letter("ng")
    assert answer["similarity"] == pytest.approx(cosine(letters[0], letters[1]))
    assert answer["same_word"] == pytest.approx(1)
    assert answer["similarity_space"] == pytest.approx(1)


def test_planted_categories_are_the_neighbours_and_the_ends_of_the_scale():
    """States at the end of a word: its category, a little of the word, and noise. The novel word is a human."""
    rng = np.random.default_rng(3)
    axes = dict(zip([*set(KINDS.values()), *KINDS, "zog"], np.eye(20), strict=False))

    def states(text):
        h = 0.01 * rng.standard_normal((len(text), 20))
        for word in occurrences(text):
            kind = "HUMAN" if word.word == "zog" else KINDS.get(word.word)
            if kind:
                h[word.stop - 1] += axes[kind] + 0.3 * axes[word.word]
        return h

    answer = asked(states)
    near = 1 / 1.09  # the cosine of 1, .3 and 1, .3 in directions of which they share the first
    assert answer["similarity"] == pytest.approx(near, abs=0.02)
    assert answer["same_category"] == pytest.approx(near, abs=0.02)
    assert answer["same_word"] == pytest.approx(1, abs=0.01)
    assert answer["unrelated"] == pytest.approx(0, abs=0.02)
    assert answer["scaled"] == pytest.approx(near, abs=0.03)
    assert answer["same_category_neighbours"] == 1
    assert answer["neighbours_chance"] == 2 / 4
    assert {each["word"] for each in answer["neighbours"][:3]} == {"man", "boy", "girl"}


def test_rank_and_neighbours_by_hand():
    near = neighbourhood("man", KINDS, np.array([0.5, 0.9, 0.1, 0.7, 0.2]))
    assert near.rank == 3
    assert [word for word, _ in near.order] == ["boy", "lion", "man", "cat", "girl"]
    assert (near.same_category, near.chance) == (0.5, 0.5)
    alone = neighbourhood("man", {"man": "A", "cat": "B"}, np.array([0.1, 0.2]))
    assert (alone.rank, alone.same_category, alone.chance) == (2, None, None)


def test_headline_numbers_are_means_over_the_words_and_those_of_each():
    answers = [asked(by_letter, word) for word in ("man", "lion")]
    numbers = headline(answers)
    assert numbers["rank"] == pytest.approx((answers[0]["rank"] + answers[1]["rank"]) / 2)
    assert numbers["similarity_lion"] == answers[1]["similarity"]
    assert numbers["similarity_space_man"] == answers[0]["similarity_space"]
    assert "similarity_man" not in headline(answers[:1])


def test_only_whole_words_are_replaced():
    assert replaced("the man woman man ", "man", "zog") == "the zog woman zog "


def test_words_end_before_spaces():
    words = occurrences("a  bcd e")
    assert [(word.word, word.start, word.stop) for word in words] == [("a", 0, 1), ("bcd", 3, 6)]
    h = np.arange(8.0)[:, None]
    assert [states_at(h, words[1:], place).item() for place in (-2, 0, 1)] == [3, 5, 6]
    assert np.isnan(cosine(np.zeros(2), np.ones(2)))
