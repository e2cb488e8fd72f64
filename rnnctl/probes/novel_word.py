"""Novel word: where does a word that was never seen end up, in the place of a known one?

In the text of a split, all occurrences of a word are replaced by a novel word, and the network, which is not trained
any further, reads the changed text from its beginning, the state carried all along. The state of a word at a place is
the mean of h_t over its occurrences there; places are counted from the last letter, so that words of different lengths
can be compared, and the space after the word comes after it. Similarity is the cosine of the angle between two mean
states: 1 for states in the same direction.

similarity    of the novel word to the word that it replaces, at the last letter. similarity_space: at the space.
same_word     the upper end of the scale: of the word itself to itself, between the means of two random halves of its
              occurrences.
unrelated     the lower end: of the word to words of other categories, the mean over these.
same_category of the word to the other words of its category, the mean over these.
scaled        (similarity - unrelated) / (same_word - unrelated): 0 and 1 are the two ends.
rank          of the replaced word among all words of the grammar's categories by similarity to the novel word at the
              last letter; 1 is the nearest.
same_category_neighbours
              share of words of its category among the nearest neighbours of the novel word at the last letter. The
              replaced word itself does not count. As many neighbours are taken as there are other words in the
              category, at most NEIGHBOURS. neighbours_chance: the share in a random choice.

Numbers that end in `_space` are taken at the space after the word. Where several words are replaced, each is replaced
alone; the headline numbers are the means over these words, and `similarity_man` is that of `man`. Some letters of a
novel word may occur nowhere in the training text: their input weights are those of the initialisation, so that what
such a letter adds to the state is random.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from rnnctl import seeds
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.grammars import generated_text, no_grammar
from rnnctl.probes.replicates import (
    Curve,
    Value,
    configurations,
    mean_curves,
    mean_over,
    means_table,
    number_named,
    range_named,
    the_answer,
)
from rnnctl.probes.word_states import Occurrence, by_word, cosine, cosines, mean_states, occurrences, states_at
from rnnctl.study.run import RunSpec
from rnnctl.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.grammars.grammar import Grammar
    from rnnctl.training.trained import Trained, WeightsAt

NEIGHBOURS = 5
SPACE = 1  # the place of the space after a word, where the last letter is 0


class NovelWord(Probe):
    """Similarity of an unseen word to the word that it replaces."""

    about: ClassVar[str] = """Replace a word by one that was never seen, and show what runs take it for.

    For runs of task grammar, without any training. The cosine similarity of hidden states says how near the novel word
    is to the word that it replaces and to every other word. The two ends of the scale are measured: two halves of the
    occurrences of the word itself, and words of other categories. Words of different lengths are compared from their
    last letters back. Words are written as in the sentences of the grammar, verbs with their endings.
    """
    figure: ClassVar[str | None] = "novel-word"

    name: Literal["novel-word"] = "novel-word"
    word: tuple[str, ...] = Field(("man", "lion"), min_length=1, description="Words to replace, separated by commas.")
    novel: str = Field("zog", description="The novel word, of letters a to z.")
    split: Literal["test", "validation", "train"] = Field("test", description="The part of the text that is read.")
    symbols: int = Field(20_000, ge=1000, le=1_000_000, description="Greatest number of characters that are read.")
    seed: Seed = Field(1, description="Seed of the halves of the occurrences of a word.")

    @field_validator("word")
    @classmethod
    def _each_once(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(words))

    @field_validator("novel")
    @classmethod
    def _one_word(cls, novel: str) -> str:
        from rnnctl.grammars.alphabet import encode

        encode(novel)
        if not novel or " " in novel:
            raise ValueError("a novel word is one word, of letters a to z")
        return novel

    def applies(self, spec: RunSpec) -> str | None:
        return no_grammar(spec)

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        from rnnctl.grammars.alphabet import decode, encode
        from rnnctl.probes.stream import Stream

        task = generated_text(trained.task)
        grammar, novel = task.grammar, question["novel"]
        for word in question["word"]:
            _refuse_unknown(grammar, word)
        if novel in grammar.words:
            raise QuestionError("novel", f"{novel} is a word of grammar {grammar.name}, and not a novel one")
        ids_T = task.ids(question["split"])[: question["symbols"]]
        text = decode(ids_T)
        words = by_word(occurrences(text))
        stream = Stream(trained.spec, trained.task, weights.flat_N)
        h_TH = stream.hidden(ids_T)
        kinds = {word: kind for word in words if (kind := grammar.category_of(word)) is not None}
        known = {word: words[word] for word in kinds}
        answers = []
        for word in question["word"]:
            if len(words.get(word, ())) < 2:
                there = f"{len(ids_T):,} characters of the {question['split']} split"
                raise QuestionError("word", f"{word} occurs {len(words.get(word, ()))} times in {there}; 2 are needed")
            changed = replaced(text, word, novel)
            answers.append(
                placed(
                    word,
                    h_TH,
                    known,
                    kinds,
                    stream.hidden(encode(changed)),
                    by_word(occurrences(changed))[novel],
                    seeds.generator(question["seed"], seeds.SHUFFLING),
                )
            )
        return {**headline(answers), "words": answers}

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return tables of the similarities, the ranks, and similarity by place of each word, and the neighbours."""
        chance = range_named(runs, "neighbours_chance")
        blocks: list[Table | str] = []
        for where, end in (("at its last letter", ""), ("at the space after it", "_space")):
            near, ends = ({head: number_named(f"{key}{end}") for head, key in heads.items()} for heads in (NEAR, ENDS))
            blocks += [
                f"{where}: cosine similarity of {self.novel} to the word that it replaces, {self.split} split\n"
                "(scaled: 0 is a word of another category, 1 the word itself)",
                means_table(runs, near, 1, 3, not end),
                "similarity of the word to itself, to its category, and to others",
                means_table(runs, ends, 1, 3, False),
            ]
        blocks += [
            f"neighbours of {self.novel}: rank of the word that it replaces, share of its category (chance {chance})",
            means_table(runs, {head: number_named(key) for head, key in NEIGHBOURHOOD.items()}, 1, 2, False),
        ]
        for i, word in enumerate(self.word):
            blocks += [
                f"{self.novel} in the place of {word}: similarity by place, counted from the last letter",
                _places_table(runs, i),
                f"nearest words to {self.novel} in the place of {word}, the most similar first",
                _neighbours_table(runs, i),
            ]
        return blocks

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw similarity by place for each word, and the two ends of the scale, averaged over the runs."""
        from plots.novel_word import WordPanel, novel_word_figure

        panels = []
        for i, word in enumerate(self.word):
            places = the_answer(runs[0])["words"][i]["places"]
            panels.append(
                WordPanel(
                    word,
                    [_place_name(entry["place"]) for entry in places],
                    [
                        (curve.configuration.label, curve.configuration.group, curve.mean)
                        for curve in mean_curves(runs, _curve(i, "similarity"))
                    ],
                    {
                        words: mean_over(mean_curves(runs, _curve(i, key)))
                        for words, key in (("same word", "same_word"), ("other categories", "unrelated"))
                    },
                )
            )
        return novel_word_figure(
            panels, self.novel, groups=runs[0].groups if runs else (), title=f"{title}: {self.novel} as a novel word"
        )

    def sentence(self, question: Question, answer: Answer) -> str:
        similarity, same, unrelated, rank = (
            number(answer[key], 3) for key in ("similarity", "same_word", "unrelated", "rank")
        )
        return f"similarity {similarity} (same word {same}, other categories {unrelated}), rank {rank}"


NEAR = {"similarity": "similarity", "scaled": "scaled"}
ENDS = {"same word": "same_word", "same category": "same_category", "other categories": "unrelated"}
NEIGHBOURHOOD = {
    "rank": "rank",
    "category": "same_category_neighbours",
    "rank, space": "rank_space",
    "category, space": "same_category_neighbours_space",
}


def _refuse_unknown(grammar: Grammar, word: str) -> None:
    """Raise QuestionError for a word that is in no category of a grammar."""
    try:
        kind = grammar.category_of(word)
    except ValueError as error:
        raise QuestionError("word", str(error)) from error
    if kind is None:
        raise QuestionError("word", f"{word} is in no category of grammar {grammar.name}")


def _curve(i: int, key: str) -> Curve:
    """Return what reads the values by place of the i-th word from the answer about a run."""
    return lambda run: [entry[key] for entry in the_answer(run)["words"][i]["places"]]


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return fmean(known) if known else float("nan")


def _place_name(place: int) -> str:
    return "space" if place == SPACE else "last" if not place else str(place)


def _places_table(runs: Sequence[Asked], i: int) -> Table:
    """Return similarity by place of the i-th word."""
    places = [entry["place"] for entry in the_answer(runs[0])["words"][i]["places"]]
    columns = {_place_name(place): _similarity(i, j) for j, place in enumerate(places)}
    return means_table(runs, columns, 1, 2, False)


def _similarity(i: int, j: int) -> Value:
    return lambda run: the_answer(run)["words"][i]["places"][j]["similarity"]


def _neighbours_table(runs: Sequence[Asked], i: int) -> Table:
    """Return the nearest words of the first run of each configuration."""
    rows = []
    for group in configurations(runs):
        entry = the_answer(group.runs[0])["words"][i]
        rows.append(
            [group.runs[0].label, *(", ".join(each["word"] for each in entry[key][:NEIGHBOURS]) for key in ORDERS)]
        )
    return Table(["label", "at the last letter", "at the space"], rows)


ORDERS = ("neighbours", "neighbours_space")


# --- what is computed ------------------------------------------------------------------------------------------------


def replaced(text: str, word: str, novel: str) -> str:
    """Return a text with every occurrence of a word, as a whole word, replaced by another one."""
    return " ".join(novel if each == word else each for each in text.split(" "))


@dataclass(frozen=True)
class Neighbourhood:
    """The words by their similarity to a novel word at one place, and where the replaced word is among them."""

    order: list[tuple[str, float]]  # word and similarity, the most similar first
    rank: int  # of the replaced word
    same_category: float | None  # share among the nearest; None if it is alone in its category
    chance: float | None


def neighbourhood(word: str, kinds: Mapping[str, str], similarities_W: np.ndarray) -> Neighbourhood:
    """Return the neighbours of a novel word that replaces `word`.

    kinds: category of each word. similarities_W: of each word to the novel word, in the same order.
    """
    names = list(kinds)
    order = [(names[i], float(similarities_W[i])) for i in np.argsort(-similarities_W, kind="stable")]
    rank = 1 + int((similarities_W > similarities_W[names.index(word)]).sum())
    mates = [name for name in names if kinds[name] == kinds[word] and name != word]
    if not mates:
        return Neighbourhood(order, rank, None, None)
    nearest = [name for name, _ in order if name != word][: min(NEIGHBOURS, len(mates))]
    share = sum(name in mates for name in nearest) / len(nearest)
    return Neighbourhood(order, rank, share, len(mates) / (len(names) - 1))


def placed(
    word: str,
    h_TH: np.ndarray,
    known: Mapping[str, Sequence[Occurrence]],
    kinds: Mapping[str, str],
    novel_TH: np.ndarray,
    novel: Sequence[Occurrence],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return what a network takes a novel word for, as a JSON object.

    h_TH: hidden states on the text. known: all words of categories with their occurrences there, `word` among them with
    at least two. kinds: the category of each, in the same order. novel_TH: hidden states on the changed text. novel:
    occurrences of the novel word there.
    """
    letters = min(len(word), len(novel[0].word))
    halves = np.array_split(rng.permutation(len(known[word])), 2)
    places = [
        _at_place(word, h_TH, known, kinds, novel_TH, novel, halves, place) for place in [*range(1 - letters, 1), SPACE]
    ]
    result: dict[str, Any] = {"word": word, "category": kinds[word], "occurrences": len(known[word]), "places": places}
    for end, place, at in (("", 0, places[-2]), ("_space", SPACE, places[-1])):
        state_H = states_at(novel_TH, novel, place).mean(0)
        near = neighbourhood(word, kinds, cosines(state_H, mean_states(h_TH, known, place)))
        span = at["same_word"] - at["unrelated"]
        result |= {f"{name}{end}": at[name] for name in ("similarity", "same_word", "same_category", "unrelated")}
        result |= {
            f"scaled{end}": (at["similarity"] - at["unrelated"]) / span if span else None,
            f"rank{end}": near.rank,
            f"same_category_neighbours{end}": near.same_category,
            f"neighbours_chance{end}": near.chance,
            f"neighbours{end}": [{"word": name, "similarity": value} for name, value in near.order],
        }
    return result


def _at_place(
    word: str,
    h_TH: np.ndarray,
    known: Mapping[str, Sequence[Occurrence]],
    kinds: Mapping[str, str],
    novel_TH: np.ndarray,
    novel: Sequence[Occurrence],
    halves: Sequence[np.ndarray],
    place: int,
) -> dict[str, float | int]:
    """Return the similarities at one place, counted from the last letter."""
    states_NH = states_at(h_TH, known[word], place)
    mean_H = states_NH.mean(0)
    # Words that are too short have no such place.
    others = {name: words for name, words in known.items() if name != word and len(name) > -place}
    by_kind = {
        same: [
            cosine(mean_H, states_at(h_TH, words, place).mean(0))
            for name, words in others.items()
            if (kinds[name] == kinds[word]) == same
        ]
        for same in (True, False)
    }
    return {
        "place": place,
        "similarity": cosine(mean_H, states_at(novel_TH, novel, place).mean(0)),
        "same_word": cosine(*(states_NH[half].mean(0) for half in halves)),
        "same_category": fmean(by_kind[True]) if by_kind[True] else float("nan"),
        "unrelated": fmean(by_kind[False]) if by_kind[False] else float("nan"),
    }


MEANS = (
    "similarity",
    "same_word",
    "same_category",
    "unrelated",
    "scaled",
    "rank",
    "same_category_neighbours",
    "neighbours_chance",
)


def headline(answers: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the means over the replaced words, and the numbers of each word where there are several."""
    numbers = {}
    for name in (f"{name}{end}" for end in ("", "_space") for name in MEANS):
        numbers[name] = _mean([answer[name] for answer in answers])
        if len(answers) > 1:
            numbers |= {f"{name}_{answer['word']}": answer[name] for answer in answers if answer[name] is not None}
    return numbers
