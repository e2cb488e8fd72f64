"""Loops over plain arrays that the kernels of several cells share, compiled by numba for one CPU core.

A kernel works on one run, and one call goes through all time steps, where torch would need several calls per step. The
recurrences are in rnnctl.cells.NAME.loops; rnnctl.cells.base.passes chooses between kernels and torch. LOG.md records
what was tried and measured.
"""
