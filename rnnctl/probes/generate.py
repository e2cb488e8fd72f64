"""Generate: text from a trained network, symbol by symbol.

A prompt is read from a state of zeros. Then each symbol is drawn from softmax(y / temperature), y being the outputs
after the symbol before it, and read in its turn. At temperature 0 it is the most probable one, the first of several.
With beams, rnnctl.probes.beams searches for the most probable text instead. rnnctl.probes.written says how good a text
is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from rnnctl import seeds
from rnnctl.probes.base import Answer, Asked, Probe, Question, QuestionError, Seed, Table
from rnnctl.probes.beams import BestText, beam_search
from rnnctl.probes.replicates import Value, configurations, means_table, range_named, the_answer
from rnnctl.probes.texts import known_text, not_text, text_of
from rnnctl.probes.written import before, scores
from rnnctl.study.run import RunSpec
from rnnctl.words import one_line

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from rnnctl.training.trained import Trained, WeightsAt

SHOWN = 200  # characters of a text in a list of texts
# What a table calls the scores of a text.
HEADS = {
    "known_words": "known words",
    "real_words": "real words",
    "accepted": "accepted",
    "covered": "covered",
    "surprisal": "surprisal",
    "impossible": "impossible",
    "score": "score",
}
DRAWN = ("known_words", "real_words", "accepted", "surprisal")  # the scores that a figure shows


class Generate(Probe):
    """Text after a prompt, and how good it is."""

    about: ClassVar[str] = """Let runs write a text: the prompt, and what a run adds to it, symbol by symbol.

    Without a prompt, the first symbol is drawn by its frequency in the training split; text of task grammar begins with
    a sentence. The same seed gives the same text. Bytes that are not UTF-8 are shown replaced. Of several runs, and of
    task grammar, it is shown how good the text is: the share of words that occur in the training text, or of words and
    sentences of the grammar and the surprisal under it, in nats per character. With --beams, it is the most probable
    text that beam search finds, and nothing is drawn.
    """
    figure: ClassVar[str | None] = "texts"
    lone_object: ClassVar[bool] = True
    topic = "samples"

    name: Literal["generate"] = "generate"
    prompt: str = Field("", description="What the text begins with.")
    symbols: int = Field(
        400, ge=1, le=1_000_000, description="Number of symbols to add; with --until the greatest number."
    )
    temperature: float = Field(
        1.0, ge=0, description="Divides the outputs before softmax; 0: the most probable symbol."
    )
    seed: Seed = Field(1, description="Seed of the symbols that are drawn.")
    beams: int = Field(0, ge=0, le=1000, description="Number of texts that beam search keeps; 0: symbols are drawn.")
    until: str = Field("", description="With --beams: what a text ends with, such as a space. Default: it never ends.")
    length_penalty: float = Field(
        0.0, ge=0, le=10, description="With --beams: power a in log p / ((5 + n) / 6)^a, the score of n symbols."
    )

    @field_validator("until")
    @classmethod
    def _of_beams(cls, until: str, info: ValidationInfo) -> str:
        if until and not info.data.get("beams"):
            raise ValueError("it has a meaning with --beams only")
        return until

    @field_validator("length_penalty")
    @classmethod
    def _of_ends(cls, penalty: float, info: ValidationInfo) -> float:
        if penalty and not info.data.get("until"):
            raise ValueError("without --until all texts are equally long, and it would change nothing")
        return penalty

    def applies(self, spec: RunSpec) -> str | None:
        return not_text(spec)

    def questions(self, spec: RunSpec) -> list[Question]:
        """Return one question. That of a text that is drawn has no new keys, so that earlier answers stay valid."""
        keys = {"prompt", "symbols"}
        keys |= {"beams", "until", "length_penalty"} if self.beams else {"temperature", "seed"}
        return [self.model_dump(mode="json", include=keys)]

    def ask(self, trained: Trained, question: Question, weights: WeightsAt) -> Answer:
        vocabulary = known_text(trained.task).vocabulary
        encoded: dict[str, np.ndarray] = {}
        for field in ("prompt", "until"):
            try:
                encoded[field] = vocabulary.encode(question.get(field, ""))
            except ValueError as error:
                raise QuestionError(field, str(error)) from error
        prompt, best = question["prompt"], None
        if "beams" in question:
            searching = (question[key] for key in ("symbols", "beams", "until", "length_penalty"))
            best = searched(trained.spec, weights.flat_N, prompt, *searching)
            ids = np.array([*encoded["prompt"].tolist(), *best.symbols], np.int64)
        else:
            drawing = (question[key] for key in ("symbols", "temperature", "seed"))
            ids = drawn_ids(trained.spec, weights.flat_N, prompt, *drawing)
        answer: Answer = {"text": vocabulary.decode(ids).decode("utf-8", "replace")}
        answer |= scores(text_of(trained.task), len(encoded["prompt"]), ids)
        return answer if best is None else {**answer, "log_probability": best.log_probability, "score": best.score}

    def tabulate(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return the text of a single run, and of several runs a table of scores and the beginnings of their texts.

        Texts of a grammar have their scores below them.
        """
        tables = self._scores(runs)
        if len(runs) == 1:
            text = str(the_answer(runs[0])["text"])
            return [text, *tables] if "entropy" in the_answer(runs[0]) else [text]
        return [*tables, "\n".join(f"{run.label}: {cut_text(the_answer(run)['text'])}" for run in runs)]

    def _scores(self, runs: Sequence[Asked]) -> list[Table | str]:
        """Return tables of the scores that some of the runs have, none if there are none."""
        scored = [key for key in HEADS if any(key in the_answer(run) for run in runs)]
        if not scored:
            return []
        columns = {HEADS[key]: _value(key) for key in scored}
        first = dict(list(columns.items())[:2])
        tables: list[Table | str] = [means_table(runs, first, digits=3)]
        if others := {head: value for head, value in columns.items() if head not in first}:
            entropy = range_named(runs, "entropy")
            tables += [
                f"covered: words in sentences; surprisal: nats per character (entropy {entropy})",
                means_table(runs, others, digits=3, updates=False),
            ]
        return tables

    def draw(self, runs: Sequence[Asked], title: str) -> Figure | None:
        """Draw the scores of the texts of several runs; nothing for a single one."""
        if len(runs) == 1:
            return None
        from plots.scores import Score, score_figure

        groups = configurations(runs)
        return score_figure(
            [(group.label, group.group) for group in groups],
            [
                Score(
                    HEADS[key] if key != "surprisal" else "surprisal (nats per character)",
                    [[math.nan if (v := _value(key)(run)) is None else v for run in group.runs] for group in groups],
                    is_share=key != "surprisal",
                    level=_level(runs) if key == "surprisal" else None,
                )
                for key in DRAWN
                if any(_value(key)(run) is not None for run in runs)
            ],
            groups=runs[0].groups,
            title=f"{title}: texts",
        )


def _value(key: str) -> Value:
    """Return what reads a score of a run's text; None where it has none, such as in answers of earlier versions."""
    return lambda run: the_answer(run).get(key)


def _level(runs: Sequence[Asked]) -> tuple[float, str] | None:
    """Return the entropy as a named level, if it is the same for all runs."""
    entropies = {the_answer(run)["entropy"] for run in runs if "entropy" in the_answer(run)}
    return (entropies.pop(), "entropy") if len(entropies) == 1 else None


def cut_text(text: str) -> str:
    """Return the beginning of a text, on one line."""
    return one_line(text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}...")


# --- what is computed ------------------------------------------------------------------------------------------------


def generated(
    spec: RunSpec, weights_N: torch.Tensor, prompt: str | bytes, symbols: int, temperature: float, seed: int
) -> bytes:
    """Return the text of `drawn_ids`."""
    return known_text(spec.task.make()).vocabulary.decode(
        drawn_ids(spec, weights_N, prompt, symbols, temperature, seed)
    )


def drawn_ids(
    spec: RunSpec, weights_N: torch.Tensor, prompt: str | bytes, symbols: int, temperature: float, seed: int
) -> np.ndarray:
    """Return the prompt and `symbols` more symbols, (N,) int64, of the network of a run of text with these weights.

    An empty prompt begins with a symbol drawn from the unigram of the training split, the first of `symbols`; that of a
    grammar with what the network expects after a space. The same arguments give the same text. Raise ValueError for a
    character that the vocabulary lacks, a temperature that is negative or not finite, and if the corpus has changed;
    FloatingPointError if the network's outputs are not finite.
    """
    import torch

    from rnnctl.probes.stepper import Stepper

    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(f"temperature {temperature:g}: a finite number, 0 or more")
    task, rng = spec.task.make(), seeds.generator(seed, seeds.GENERATION)
    known, first = known_text(task), before(text_of(task))
    ids = [*first, *known.vocabulary.encode(prompt).tolist()]
    wanted = len(ids) + symbols
    if not ids and wanted:
        ids.append(drawn(rng, known.ngrams.unigram_V))
    network, state = Stepper(spec, task, weights_N, 1), None
    with torch.no_grad():
        for at in range(wanted - 1):
            state = network.step(np.array([ids[at]]), state)
            if at + 1 == len(ids):
                ids.append(chosen(rng, network.outputs()[0].double().numpy(), temperature))
    return np.array(ids[len(first) :], np.int64)


def searched(
    spec: RunSpec, weights_N: torch.Tensor, prompt: str, symbols: int, beams: int, until: str, power: float
) -> BestText:
    """Return the best continuation of a prompt by up to `symbols` symbols, of the network of a spec of a run of text.

    until: a text ends with it; empty: all texts have `symbols` symbols. power: the length penalty. Raise ValueError for
    a character that the vocabulary lacks, and if the corpus has changed; FloatingPointError if the network's outputs
    are not finite.
    """
    import torch

    from rnnctl.probes.stepper import Stepper

    task = spec.task.make()
    known, first = known_text(task), before(text_of(task))
    prompt_ids = [*first, *known.vocabulary.encode(prompt).tolist()]
    network = Stepper(spec, task, weights_N, beams)
    end = until.encode("utf-8", "surrogateescape")

    def step(symbols_B: np.ndarray, state: torch.Tensor | None) -> tuple[np.ndarray, torch.Tensor]:
        after = network.step(symbols_B, state)
        return network.outputs().double().log_softmax(1).numpy(), after

    with np.errstate(divide="ignore"):  # a symbol that never comes first has the logarithm minus infinity
        first_V = None if prompt_ids else np.log(known.ngrams.unigram_V)
    with torch.no_grad():
        return beam_search(
            step,
            first_V,
            prompt_ids,
            symbols,
            beams,
            power,
            # A symbol stands for one byte or more.
            lambda text: bool(end) and known.vocabulary.decode(np.array(text[-len(end) :])).endswith(end),
        )


def chosen(rng: np.random.Generator, y_O: np.ndarray, temperature: float) -> int:
    """Return the index of a symbol drawn by these outputs. Raise FloatingPointError if one is not finite."""
    if not np.isfinite(y_O).all():
        raise FloatingPointError("the network's outputs are not finite")
    if temperature == 0:
        return int(y_O.argmax())
    with np.errstate(over="ignore"):  # minus infinity is what is wanted of temperatures near 0
        return drawn(rng, np.exp((y_O - y_O.max()) / temperature))


def drawn(rng: np.random.Generator, weights_O: np.ndarray) -> int:
    """Return an index, drawn with a probability in proportion to its weight, which is 0 or more."""
    edges = np.cumsum(weights_O)
    # The last edge is left out: a product that was rounded up to it still belongs to the last index.
    return int(np.searchsorted(edges[:-1], rng.random() * edges[-1], side="right"))
