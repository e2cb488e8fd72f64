"""Benchmarks: rnnctl beside plain torch implementations (baselines), in one process, alternating, on one thread.

A comparison is two callables that do the same work. They run A B A B ..., and the result is the ratio of each pair of
timings, so that changes in the speed of the machine affect both; medians are shown with their extremes. Nothing here is
a test: no time is asserted.

cases.py        the comparisons          timing.py        alternating timings of two callables
baselines.py    the torch programs       bookkeeping.py   time spent on storage instead of training
"""
