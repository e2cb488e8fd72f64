"""Stories against their definition: read fact by fact; floors against all stories of a small world."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from rnnctl.tasks.babi import Babi, unknowable_loss
from tests.tasks.chance import is_uniform


def task(facts=4, agents=3, places=2, grabs=0.3, stories="sound"):
    return Babi(facts, facts, agents, places, grabs, stories)


def read(column_TV, agents, places):
    """The facts of a story: ("move", agent, place), ("grab", agent) or "blank", and the last step's row."""
    facts = []
    for row in column_TV[:-1]:
        who, where, kind = np.split(row, [agents + 1, agents + 1 + places])
        if not row.any():
            facts.append("blank")
        elif kind.tolist() == [1, 0, 0]:
            assert who.sum() == where.sum() == 1
            facts.append(("move", int(who.argmax()), int(where.argmax())))
        else:
            assert kind.tolist() == [0, 1, 0]
            assert who.sum() == 1
            assert where.sum() == 0
            facts.append(("grab", int(who.argmax())))
    return facts


def understood(facts):
    """Where the object is by the facts, None if nobody has grabbed it, and where the agents are."""
    at, holder = {}, None
    for fact in facts:
        if fact[0] == "move":
            at[fact[1]] = fact[2]
        elif fact != "blank":
            assert fact[1] in at, "who grabs has moved"
            holder = fact[1]
    return None if holder is None else at[holder], at


@pytest.mark.parametrize("facts", [2, 3, 8])
def test_the_answer_follows_from_every_sound_story(facts):
    batch = task(facts, 4, 4).draw(np.random.default_rng(1), 500)
    assert batch.inputs.shape == (facts + 1, 500, 12)
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        story = read(column, 4, 4)
        assert "blank" not in story
        place, _ = understood(story)
        assert target == place
        assert np.flatnonzero(column[-1]).tolist() == [4, 11]  # the object, and the mark of a question


def test_original_stories_have_blanks_and_answers_among_occupied_places():
    batch = task(3, 3, 4, stories="original").draw(np.random.default_rng(2), 3000)
    kinds = Counter()
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        story = read(column, 3, 4)
        place, at = understood(story)
        kinds["blank" in story, place is None, bool(at)] += 1
        if place is not None:
            assert target == place
        elif at:
            assert target in at.values()
    assert set(kinds) == {
        (False, False, True),
        (False, True, True),
        (True, False, True),
        (True, True, True),
        (True, True, False),
    }


@pytest.mark.parametrize("stories", ["sound", "original"])
def test_stories_have_their_probabilities(stories):
    """Every kind of story of two agents, two places and three facts, enumerated with its probability."""
    q, expected = 0.3, defaultdict(float)
    for kinds in itertools.product([False, True], repeat=3):
        weight = math.prod(q if grab else 1 - q for grab in kinds)
        if stories == "sound" and (kinds[0] or not any(kinds)):
            continue
        for agents in itertools.product(range(2), repeat=3):
            for places in itertools.product(range(2), repeat=3):
                told, moved = [], []
                for grab, agent, place in zip(kinds, agents, places, strict=True):
                    if not grab:
                        told.append(("move", agent, place))
                        moved = sorted({*moved, agent})
                    elif moved:
                        told.append(("grab", moved[agent * len(moved) // 2]))
                    else:
                        told.append("blank")
                expected[tuple(told)] += weight / 64
    total = sum(expected.values())
    size = 20_000
    batch = task(3, 2, 2, stories=stories).draw(np.random.default_rng(3), size)
    counts = Counter(tuple(read(column, 2, 2)) for column in batch.inputs.transpose(1, 0, 2))
    assert set(counts) <= set(expected)
    for story, weight in expected.items():
        mean = size * weight / total
        assert abs(counts[story] - mean) < 6 * math.sqrt(mean) + 1


def test_the_answer_is_uniform_so_the_question_alone_tells_nothing():
    for stories in ("sound", "original"):
        one = task(5, 3, 4, stories=stories)
        batch = one.draw(np.random.default_rng(4), 40_000)
        assert is_uniform(Counter(batch.targets.tolist()), range(4))
        floor = one.baseline([batch])
        assert (floor.loss, floor.error) == (pytest.approx(math.log(4)), 0.75)
        assert (floor.perfect > 0) == (stories == "original")


def entropy(weights):
    total = sum(weights)
    return -sum(w / total * math.log(w / total) for w in weights if w)


@pytest.mark.parametrize(("facts", "agents", "places"), [(2, 2, 2), (3, 2, 3), (4, 3, 2)])
def test_what_is_unknowable_costs_its_entropy_over_all_stories(facts, agents, places):
    q, total = 0.3, 0.0
    for kinds in itertools.product([False, True], repeat=facts):
        moves = facts - sum(kinds)
        if any(kinds[facts - moves :]):  # a grab after a move: the answer is known
            continue
        weight = math.prod(q if grab else 1 - q for grab in kinds)
        if not moves:
            total += weight * math.log(places)
        choices = list(itertools.product(range(agents), range(places)))
        for told in itertools.product(choices, repeat=moves) if moves else ():
            at = dict(told)
            total += weight / len(choices) ** moves * entropy(Counter(at.values()).values())
    assert unknowable_loss(facts, agents, places, q) == pytest.approx(total, rel=1e-12)


def test_what_is_unknowable_is_what_a_reader_with_full_memory_loses_on_drawn_stories():
    one = task(3, 4, 4, stories="original")
    batch = one.draw(np.random.default_rng(5), 10_000)
    losses = []
    for column, target in zip(batch.inputs.transpose(1, 0, 2), batch.targets, strict=True):
        place, at = understood(read(column, 4, 4))
        if place is not None:
            losses.append(0.0)
            continue
        counts = Counter(at.values()) or Counter(range(4))
        losses.append(-math.log(counts[int(target)] / counts.total()))
    perfect = one.baseline([batch]).perfect
    assert abs(np.mean(losses) - perfect) < 5 * np.std(losses) / math.sqrt(len(losses))


def test_numbers_of_facts_are_drawn_and_equal_generators_draw_equal_batches():
    one, rng = Babi(2, 6, 4, 4, 0.3, "sound"), np.random.default_rng(6)
    assert is_uniform(Counter(one.draw(rng, 1).length for _ in range(2000)), [3, 4, 5, 6])
    first, second = (one.draw(np.random.default_rng(7), 8) for _ in range(2))
    assert np.array_equal(first.inputs, second.inputs)
    assert np.array_equal(first.targets, second.targets)
