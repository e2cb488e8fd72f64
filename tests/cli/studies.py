"""Studies that several test files train."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

CELLS = """\
study: cells
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {hidden: 12, init: orthogonal}
  train: {updates: 70, batch: 10, lr: 0.1}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5, diagnose_every: 40}
  stop: {solved: never}
cases:
  RNN: {train.omega: 0.5}
  GRU: {model.name: gru}
  LSTM: {model.name: lstm}
seeds: [1, 2]
"""
CELLS_CHECKS = [0, 20, 40, 60, 70]  # the updates of its checks; 0, 40 and 70 make a diagnosis


def write_study_of_folders(place: Path, name: str, about: str, folders: Sequence[str]) -> None:
    """Write folders with a short text in each, and `NAME.yaml`: a study with a run for each of these texts.

    about: as YAML writes it between double quotes.
    """
    for number, folder in enumerate(folders):
        (place / folder).mkdir(parents=True)
        (place / folder / "text").write_text("".join(f"{n * n + number} is \u202e\x07 {n}; " for n in range(300)))
    (place / f"{name}.yaml").write_text(f"""\
study: {name}
about: "{about}"
base:
  task: {{name: text, level: chars, window: 12}}
  model: {{hidden: 16}}
  train: {{updates: 20, batch: 10, lr: 0.05}}
  check: {{every: 10, samples: 50, chunk: 50, diagnostic_batch: 5}}
  stop: {{solved: never}}
grid: {{task.corpus: {json.dumps(list(folders))}}}
""")
