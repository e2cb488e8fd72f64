"""Studies that several test files train."""

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
CELLS_CHECKS = [20, 40, 60, 70]  # the updates of its checks; 40 and 70 make a diagnosis
