"""Generalisation: the task at other lengths than those that a network was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import torch

from rnnctl import seeds
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Baseline
from rnnctl.training.member import network_of
from rnnctl.training.validation import Validator

CHUNK = 1000  # sequences at a time


@dataclass(frozen=True)
class AtLength:
    """Mean loss, share of wrong answers, and what a predictor without memory reaches on the same sequences."""

    loss: float
    error: float
    baseline: Baseline


def chunk_of(samples: int) -> int:
    """How many of so many sequences are computed at a time. Raises ValueError for what at_length refuses."""
    chunk = min(CHUNK, samples)
    if samples < 1 or samples % chunk:
        raise ValueError(f"{samples} samples are neither at most {CHUNK:,} nor a multiple of it")
    return chunk


def at_length(spec: RunSpec, weights_N: torch.Tensor, length: int, samples: int, seed: int) -> AtLength:
    """Put `samples` sequences of one length to a network, of text those of its test split; they depend on task, length,
    seed and number of samples alone.

    samples: up to CHUNK, or a multiple of it. Raises ValueError for others, and (pydantic's) where the task has no such
    length.
    """
    chunk = chunk_of(samples)
    task = spec.task.at_length(length).make().split("test")
    rng, model = seeds.generator(seed, seeds.EVALUATION), network_of(spec.model, task)
    dtype = getattr(torch, spec.train.dtype)
    validator = Validator(task.question, model, task.max_steps, chunk, dtype=dtype, device="cpu")
    weights = model.layout.views(weights_N.unsqueeze(0))
    loss, errors, baselines = 0.0, 0.0, []
    with torch.no_grad():
        for _ in range(samples // chunk):
            batch = task.draw(rng, chunk)
            mean, wrongs = validator.judge(weights, *validator.tensors(batch))
            loss, errors = loss + float(mean) * chunk, errors + float(wrongs)
            baselines.append(task.baseline([batch]))
    return AtLength(loss / samples, errors / samples, _mean(baselines))


def _mean(baselines: Sequence[Baseline]) -> Baseline:
    """Of chunks of equally many answers."""
    of_text = baselines[0].bytes_per_answer is not None
    return Baseline(
        fmean(b.loss for b in baselines),
        fmean(b.error for b in baselines),
        bytes_per_answer=fmean(b.bytes_per_answer for b in baselines) if of_text else None,
    )
