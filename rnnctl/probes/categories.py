"""Categories: does a network keep words of a kind together, though nobody told it of kinds?

Text is read from its beginning, the state carried all along. The state of a word is the mean of h_t over its
occurrences, at its last letter, and at the space after it (numbers that end in `_space`). Words are those of the
categories of the grammar, in the forms in which they stand in its sentences; a word of several categories belongs to
the first of them, and words that templates spell out, such as `the`, belong to none and are left out.

silhouette   mean over words of (b - a) / max(a, b), with a the mean distance to the other words of its category and b
             the least mean distance to the words of another one; 0 for a word alone in its category (Rousseeuw 1987,
             J. Comput. Appl. Math. 20, 53-65). Distances are Euclidean. 1: apart; 0: one cloud.
accuracy     share of words whose category a linear classifier names that was fitted to all other words: multinomial
             logistic regression on states that are standardised by the other words, with the usual L2 penalty of
             scikit-learn (C = 1). Words are left out, and not occurrences, so that nothing of the word is known.
chance       share of the largest category.
spelling     the accuracy of the same classifier that sees the last three letters of a word in place of the state. What
             it knows is no knowledge of the network.

Numbers that end in `_nouns` are of the categories whose names begin with NOUN among themselves, `_verbs` likewise, and
`_kinds` are of two categories, nouns and verbs. They are None where there are fewer than two categories. An untrained
network (--weights 0) is the other end of the scale.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Table
from rnnctl.probes.grammars import generated_text, no_grammar
from rnnctl.probes.packages import need_scikit_learn
from rnnctl.probes.replicates import configurations, means_table, number_named, range_named, the_answer
from rnnctl.probes.word_states import by_word, mean_states, occurrences
from rnnctl.study.run import RunSpec
from rnnctl.words import number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

LETTERS = 3  # at the end of a word, which the classifier by spelling sees
PLACES = {"": 0, "_space": 1}  # the ends of the names of numbers, and the place counted from the last letter
KINDS = {"nouns": "NOUN", "verbs": "VERB"}  # what the names of categories begin with
DRAWN = 4  # greatest number of configurations in a figure


class Categories(Probe):
    """How far apart the categories of words are in hidden-state space."""

    about: ClassVar[str] = """Show whether runs keep words of a category together: nouns, verbs and their kinds.

    For runs of task grammar. The state of a word is the mean hidden state at the last letter of its occurrences, and at
    the space after it. Shown are the silhouette of the categories (1: apart, 0: mixed) and the share of words whose
    category a linear classifier names that has seen the other words only. Beside it stand the share of the largest
    category and the accuracy of a classifier that sees the last three letters of a word. The figure has a dendrogram
    of the words and a projection onto two principal components, at the space.
    """
    figure: ClassVar[str | None] = "categories"

    name: Literal["categories"] = "categories"
    split: Literal["test", "validation", "train"] = Field("test", description="The part of the text that is read.")
    symbols: int = Field(20_000, ge=1000, le=1_000_000, description="Greatest number of characters that are read.")

    def applies(self, spec: RunSpec) -> str | None:
        return no_grammar(spec)

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        from rnnctl.grammars.alphabet import decode
        from rnnctl.probes.stream import Stream

        need_scikit_learn(self.name)
        task = generated_text(trained.task)
        ids_T = task.ids(question["split"])[: question["symbols"]]
        words = by_word(occurrences(decode(ids_T)))
        kinds = {word: category for word in words if (category := task.grammar.category_of(word)) is not None}
        if len(set(kinds.values())) < 2:
            raise QuestionError("symbols", f"the {question['split']} split has words of one category only")
        h_TH = Stream(trained.spec, trained.task, weights.flat_N).hidden(ids_T)
        groups = {word: words[word] for word in kinds}
        names, labels = list(kinds), list(kinds.values())
        counts = [len(groups[word]) for word in kinds]
        at = {end: separation(mean_states(h_TH, groups, place), names, labels) for end, place in PLACES.items()}
        return {
            **at[""].numbers,
            **{f"{name}_space": value for name, value in at["_space"].numbers.items() if not fixed(name)},
            "spelling": held_out_accuracy(spelled(names), np.array(labels)),
            **{f"map{end}": result.to_json(counts) for end, result in at.items()},
        }

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return a table for each place, and one of nouns and verbs if there are any. Rows are configurations."""
        chance, spelling = range_named(runs, "chance"), range_named(runs, "spelling")
        both = {"silhouette": "silhouette", "accuracy": "accuracy"}
        blocks: list[Table | str] = [
            f"mean states of words at their last letter, {self.split} split; accuracy on held-out words\n"
            f"(the largest category is {chance} of all words; by the last {LETTERS} letters alone: {spelling})",
            means_table(runs, {head: number_named(key) for head, key in both.items()}, digits=3),
            "at the space after the word",
            means_table(runs, {head: number_named(f"{key}_space") for head, key in both.items()}, 1, 3, False),
        ]
        if any(the_answer(run)["chance_kinds"] is not None for run in runs):
            kinds, nouns, verbs = (range_named(runs, f"chance_{key}") for key in BY_KIND.values())
            columns = {head: number_named(f"accuracy_{key}_space") for head, key in BY_KIND.items()}
            blocks += [
                "accuracy at the space: noun or verb, the kinds of nouns among nouns, those of verbs among verbs\n"
                f"(the largest is {kinds}, {nouns} and {verbs} of the words)",
                means_table(runs, columns, 1, 3, False),
            ]
        return blocks

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw a dendrogram and a projection of the words at the space, for the first run of each configuration."""
        from plots.words import WordMap, word_maps

        groups = configurations(runs)
        maps = []
        for group in groups[:DRAWN]:
            run, answer = group.runs[0], the_answer(group.runs[0])["map_space"]
            words = answer["words"]
            maps.append(
                WordMap(
                    run.label,
                    [entry["word"] for entry in words],
                    [entry["category"] for entry in words],
                    np.array([entry["projection"] for entry in words], dtype=float),
                    np.array(answer["merges"], dtype=float),
                    answer["explained"],
                )
            )
        left_out = len(runs) - len(maps)
        note = f"the first run of each configuration is shown, {left_out} of {len(runs)} left out" if left_out else ""
        return word_maps(maps, title=f"{title}: categories of words", note=note)

    def sentence(self, question: Question, answer: Answer) -> str:
        silhouette, accuracy, chance = (number(answer[key], 3) for key in ("silhouette", "accuracy", "chance"))
        return f"silhouette {silhouette}, accuracy {accuracy} (chance {chance})"


BY_KIND = {"noun or verb": "kinds", "nouns": "nouns", "verbs": "verbs"}


def fixed(name: str) -> bool:
    """Return whether a number follows from the words alone, whatever their states."""
    return name.startswith("chance")


# --- what is computed ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Separation:
    """How far apart categories are, the words in their projection, and how a dendrogram merges them.

    numbers: by name; None where not defined. projection: (W, 2), onto the first two principal components. explained:
    their share of the variance. merges: (W - 1, 3), of average linkage by Euclidean distances: the two clusters that
    are merged, words first, then clusters in the order of merging, and their distance.
    """

    words: Sequence[str]
    categories: Sequence[str]
    numbers: dict[str, float | None]
    projection: np.ndarray
    explained: float
    merges: np.ndarray

    def to_json(self, counts: Sequence[int]) -> Answer:
        """Return it as a JSON object. counts: the number of occurrences of each word."""
        words = [
            {"word": word, "category": category, "occurrences": n, "projection": place}
            for word, category, n, place in zip(
                self.words, self.categories, counts, self.projection.tolist(), strict=True
            )
        ]
        return {"explained": self.explained, "words": words, "merges": self.merges.tolist()}


def separation(states_WH: np.ndarray, words: Sequence[str], categories: Sequence[str]) -> Separation:
    """Return how far apart the categories of words are by the states of the words.

    There are at least two categories and three words. scikit-learn has to be installed.
    """
    from scipy.cluster.hierarchy import linkage

    labels = np.array(categories)
    kinds = np.array([next((kind for kind, start in KINDS.items() if c.startswith(start)), "") for c in categories])
    numbers = _numbers(states_WH, labels)
    parts = {"kinds": (kinds != "", kinds), **{kind: (kinds == kind, labels) for kind in KINDS}}
    for end, (chosen, names) in parts.items():
        values = _numbers(states_WH[chosen], names[chosen])
        numbers |= {f"{name}_{end}": value for name, value in values.items()}
    centred = states_WH - states_WH.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is free: the greatest value in size is made positive, so that figures are the same.
    signs = np.sign(u[np.abs(u).argmax(0), np.arange(u.shape[1])])
    projection = (u * s * signs)[:, :2]
    variance = float((s**2).sum())
    explained = float((s[:2] ** 2).sum() / variance) if variance else 0.0
    return Separation(words, categories, numbers, projection, explained, linkage(states_WH, "average")[:, :3])


def _numbers(states_WH: np.ndarray, labels_W: np.ndarray) -> dict[str, float | None]:
    """Return silhouette, accuracy and chance; None for each if there are fewer than two categories or three words."""
    sizes = Counter(labels_W.tolist())
    if len(sizes) < 2 or len(labels_W) < 3:
        return dict.fromkeys(("silhouette", "accuracy", "chance"))
    return {
        "silhouette": silhouette(states_WH, labels_W),
        "accuracy": held_out_accuracy(states_WH, labels_W),
        "chance": max(sizes.values()) / len(labels_W),
    }


def silhouette(states_WH: np.ndarray, labels_W: np.ndarray) -> float:
    """Return the mean silhouette of words; 0 if all are alone in their category."""
    distances = np.linalg.norm(states_WH[:, None] - states_WH[None], axis=2)
    members = np.array([labels_W == label for label in dict.fromkeys(labels_W.tolist())], dtype=float)
    sums, sizes = distances @ members.T, members.sum(1)
    own = members.argmax(0)
    rows = np.arange(len(labels_W))
    alone = sizes[own] == 1
    within = sums[rows, own] / np.where(alone, 1, sizes[own] - 1)
    others = sums / sizes
    others[rows, own] = np.inf
    nearest = others.min(1)
    greatest = np.maximum(within, nearest)
    values = np.divide(nearest - within, greatest, out=np.zeros(len(labels_W)), where=(greatest > 0) & ~alone)
    return float(values.mean())


def held_out_accuracy(features_WF: np.ndarray, labels_W: np.ndarray) -> float:
    """Return the share of words whose category a linear classifier names that was fitted to all other words.

    features_WF: what it sees of each word.
    """
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    right = 0
    with threadpool_limits(1):  # fits this small only wait for each other: they take ten times as long in threads
        for held in range(len(labels_W)):
            others = np.arange(len(labels_W)) != held
            if len(set(labels_W[others].tolist())) < 2:
                right += labels_W[others][0] == labels_W[held]
                continue
            mean, deviation = features_WF[others].mean(0), features_WF[others].std(0)
            scaled = (features_WF - mean) / np.where(deviation > 0, deviation, 1)
            model = LogisticRegression(max_iter=1000).fit(scaled[others], labels_W[others])
            right += model.predict(scaled[held : held + 1])[0] == labels_W[held]
    return float(right / len(labels_W))


def spelled(words: Sequence[str]) -> np.ndarray:
    """Return the last letters of each word as one-hot codes, (W, F); places before the word are zeros."""
    letters = sorted({letter for word in words for letter in word})
    codes = np.zeros((len(words), LETTERS, len(letters)))
    for i, word in enumerate(words):
        for back, letter in enumerate(reversed(word[-LETTERS:])):
            codes[i, back, letters.index(letter)] = 1
    return codes.reshape(len(words), -1)
