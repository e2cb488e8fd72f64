"""The recurrences of rnnctl.cells as fused loops over plain arrays, compiled by numba for one CPU core.

Each kernel works on one run: one call goes through all time steps, where torch would be called three times a step.
They know arrays and nothing else; who chooses between them and torch is rnnctl.cells.base.passes. LOG.md keeps what was
tried and measured.
"""
