"""Small studies for tests of the use-cases, registered without a command."""

STUDY = """\
study: tiny
about: Four runs of two configurations.
base:
  task: {name: temporal_order, min_length: 10, max_length: 20}
  model: {hidden: 12, init: orthogonal}
  train: {updates: 120, batch: 10, lr: 0.05}
  check: {every: 20, samples: 100, chunk: 50, diagnostic_batch: 5}
  stop: {solved: never}
grid: {train.omega: [0, 1.0]}
seeds: [1, 2]
"""
