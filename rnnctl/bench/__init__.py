"""Benchmarks: rnnctl's own code beside named rivals, in one process, in turn, on one thread.

A comparison is a pair of callables that do the same work. They run A B A B ..., and the figure is the ratio of each
pair, so that a machine whose speed drifts does not decide; medians are shown with their extremes. Nothing here is a
test: no time is asserted.
"""
