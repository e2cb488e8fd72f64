"""The small study of every cell that the campaigns train."""

from __future__ import annotations


def study_of_every_cell(updates: int, every: int, seeds: int, hidden: int = 24, samples: int = 200) -> str:
    """Return a study of four cells with a number of seeds each. every: updates between checks."""
    return f"""\
study: campaign
base:
  task: {{name: memorization, min_length: 20, max_length: 40}}
  model: {{hidden: {hidden}}}
  train: {{updates: {updates}, batch: 12, lr: 0.02}}
  check: {{every: {every}, samples: {samples}, chunk: {min(100, samples)}, diagnostic_batch: 5}}
  stop: {{solved: never}}
cases:
  rnn: {{model.init: orthogonal, train.omega: 0.5}}
  gru: {{model.name: gru}}
  lstm: {{model.name: lstm, train.optimizer: adam, train.lr: 0.003}}
  gated: {{model.name: gated, model.layers: 2, train.optimizer: adam, train.lr: 0.003}}
seeds: {list(range(1, seeds + 1))}
"""
