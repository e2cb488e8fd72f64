"""Where is the object? Stories of agents that go from place to place and grab an object, like those of bAbI (Weston et
al. 2015, "Towards AI-complete question answering"), task 2, without words.

A story has L facts. Each is a move of an agent to a place, or with the probability q a grab: an agent takes the object,
wherever it is, and carries it from then on. Agents and places are uniform. Only agents that have moved can grab, so the
first fact is a move. After the facts comes the question, and the answer is the place of the agent that grabbed last.

In a `sound` story somebody grabs. The stories of the library that the task is from (sutskever-30, paper 18) are there
as `original`: nobody need grab. A grab before anybody has moved leaves a blank step. If nobody has grabbed, the label
is the place of an agent drawn among those that have moved (among all places, if nobody has): noise, which no network
can learn. `perfect` of the floor is what these labels cost a reader that remembers everything.

The inputs of a step are one-hots: of the agent (with one place more for the object, which the question names), of the
place, and of what the step is: move, grab or question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from rnnctl.question import Question
from rnnctl.section import HOST, also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import LENGTH, LengthsSection

MOVE, GRAB, QUESTION = range(3)


class BabiSection(LengthsSection):
    """Agents move and grab an object: where is it at the end? A story without words, after bAbI (Weston et al. 2015).

    The length is the number of facts. The question is one step more.
    """

    name: Annotated[Literal["babi"], also_called(babi=("babi_like", "bAbI", "qa", "question_answering"))]
    min_length: Annotated[int, also_called(*LENGTH, "min_len", "length_min", "n_facts", "facts")] = Field(
        2, description="least number of facts of a batch's stories"
    )
    max_length: Annotated[int, also_called(*LENGTH, "max_len", "length_max", "n_facts", "facts")] = Field(
        6, description="numbers of facts are drawn below this one; equal to min_length, it fixes them"
    )
    agents: Annotated[int, also_called("n_agents", "num_agents", "n_entities", "actors", "people")] = Field(
        4, ge=1, le=64, description="number of agents"
    )
    places: Annotated[int, also_called("locations", "n_locations", "num_locations", "rooms")] = Field(
        4, ge=2, le=256, description="number of places, and of classes"
    )
    grabs: Annotated[float, HOST, also_called("grab", "grab_prob", "p_grab")] = Field(
        0.3, gt=0, lt=1, description="probability that a fact is a grab"
    )
    stories: Literal["sound", "original"] = Field(
        "sound", description="whether somebody always grabs, or the answer may be unknowable, as in the original"
    )

    LEAST: ClassVar[int] = 2
    real_inputs: ClassVar[bool] = True

    @model_validator(mode="after")
    def _stories_are_not_endless(self) -> Self:
        if self.max_length > MOST_FACTS:
            raise ValueError(f"max_length must be at most {MOST_FACTS} where name is {self.name}")
        return self

    def make(self) -> Babi:
        return Babi(self.min_length, self.max_length, self.agents, self.places, self.grabs, self.stories)


MOST_FACTS = 10_000


class Babi(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal."""

    question = Question()

    def __init__(
        self,
        min_length: int,
        max_length: int,
        agents: int,
        places: int,
        grabs: float,
        stories: Literal["sound", "original"],
    ) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.agents, self.places, self.grabs, self.stories = agents, places, grabs, stories
        self.n_inputs, self.n_outputs = agents + 1 + places + 3, places
        self.max_steps = max_length + 1
        self.plateaus: Plateaus = ()

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` stories of one length in steps, L + 1."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length) + 1
        assert length >= 3
        grabs_LB = self._kinds(rng, length - 1, batch)
        agents_LB = rng.random((length - 1, batch))
        places_LB = rng.integers(self.places, size=(length - 1, batch))
        inputs_TBV = np.zeros((length, batch, self.n_inputs), dtype=np.float32)
        columns, kinds = np.arange(batch), self.agents + 1 + self.places
        at_AB = np.full((self.agents, batch), -1)  # where agents are; -1 for those that have not moved
        holder_B = np.full(batch, -1)
        for t, (grab_B, share_B, place_B) in enumerate(zip(grabs_LB, agents_LB, places_LB, strict=True)):
            moved_AB = at_AB >= 0
            # A share in [0, 1) names an agent: any one for a move, the i-th of those that have moved for a grab.
            agent_B = (share_B * self.agents).astype(int)
            number_B = (share_B * moved_AB.sum(0)).astype(int)
            grabber_B = (moved_AB.cumsum(0) > number_B).argmax(0)
            agent_B = np.where(grab_B, grabber_B, agent_B)
            told_B = ~grab_B | moved_AB.any(0)
            moves, takes = columns[~grab_B], columns[grab_B & told_B]
            inputs_TBV[t, columns[told_B], agent_B[told_B]] = 1
            inputs_TBV[t, moves, self.agents + 1 + place_B[moves]] = 1
            inputs_TBV[t, moves, kinds + MOVE] = 1
            inputs_TBV[t, takes, kinds + GRAB] = 1
            at_AB[agent_B[moves], moves] = place_B[moves]
            holder_B[takes] = agent_B[takes]
        inputs_TBV[-1, :, self.agents] = 1
        inputs_TBV[-1, :, kinds + QUESTION] = 1
        return Batch(inputs_TBV, self._answers(rng, at_AB, holder_B))

    def _kinds(self, rng: np.random.Generator, facts: int, batch: int) -> np.ndarray:
        """Return whether each fact is a grab, (L, B)."""
        grabs_LB: np.ndarray = rng.random((facts, batch)) < self.grabs
        if self.stories == "original":
            return grabs_LB
        # The first grab of a story that has one comes at fact g = 1 .. L - 1, counted from 0, with a probability in
        # proportion to (1 - q)^(g - 1). Facts before it are moves, and those after it are as they were drawn.
        log_stay = math.log1p(-self.grabs)
        some = -math.expm1((facts - 1) * log_stay)  # probability of a grab among L - 1 facts
        first_B = 1 + np.floor(np.log1p(-some * rng.random(batch)) / log_stay).astype(int)
        first_B = np.clip(first_B, 1, facts - 1)
        steps_L1 = np.arange(facts)[:, None]
        result_LB: np.ndarray = (steps_L1 > first_B) & grabs_LB | (steps_L1 == first_B)
        return result_LB

    def _answers(self, rng: np.random.Generator, at_AB: np.ndarray, holder_B: np.ndarray) -> np.ndarray:
        """Return where the object is, (B,). at_AB: where agents are. holder_B: who has it, -1 if nobody has."""
        columns = np.arange(len(holder_B))
        answers_B: np.ndarray = at_AB[holder_B, columns].astype(np.int64)
        if self.stories == "original":
            moved_AB = at_AB >= 0
            number_B = (rng.random(len(columns)) * moved_AB.sum(0)).astype(int)
            someone_B = (moved_AB.cumsum(0) > number_B).argmax(0)
            anywhere_B = rng.integers(self.places, size=len(columns))
            noise_B = np.where(moved_AB.any(0), at_AB[someone_B, columns], anywhere_B)
            answers_B = np.where(holder_B < 0, noise_B, answers_B)
        return answers_B

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return the loss of a uniform guess among the places, which is all that the question tells. perfect: the mean
        entropy of the answer for a reader of the whole story.
        """
        sizes = [batch.inputs.shape[1] for batch in batches]
        perfect = 0.0
        if self.stories == "original":
            unknowable = [unknowable_loss(batch.length - 1, self.agents, self.places, self.grabs) for batch in batches]
            perfect = float(np.average(unknowable, weights=sizes))
        return Baseline(math.log(self.places), 1 - 1 / self.places, perfect)


@lru_cache(maxsize=1024)
def unknowable_loss(facts: int, agents: int, places: int, grabs: float) -> float:
    """Return the mean entropy, in nats, of the answer to an original story for a reader of the whole story.

    The answer is unknowable if all facts before the first move are grabs and all facts after it are moves. If these
    moves are of K different agents, whose places are independent and uniform, it is the place of one of the K. Each
    move is of a new agent with the probability 1 - K / agents.
    """
    total = grabs**facts * math.log(places)
    counts_K = np.zeros(agents + 1)  # distribution of K after the moves so far
    counts_K[0] = 1.0
    share_K = np.arange(agents + 1) / agents
    entropies_K = np.array([0.0, *(_entropy(k, places) for k in range(1, agents + 1))])
    for moves in range(1, facts + 1):
        new_K = counts_K * (1 - share_K)
        counts_K = counts_K * share_K
        counts_K[1:] += new_K[:-1]
        total += grabs ** (facts - moves) * (1 - grabs) ** moves * float(counts_K @ entropies_K)
    return total


def _entropy(agents: int, places: int) -> float:
    """Return the mean entropy of the place of one of `agents` agents, drawn at random, whose places are known and were
    drawn uniformly. The number of agents at a place is binomial.
    """
    p = 1 / places
    terms = (
        math.comb(agents, c) * p**c * (1 - p) ** (agents - c) * (c / agents) * math.log(c / agents)
        for c in range(1, agents + 1)
    )
    return 0.0 - places * math.fsum(terms)
