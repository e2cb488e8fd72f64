"""The comparison of whole commands trains what it says, in processes of its own."""

from __future__ import annotations

from rnnctl.bench.whole_commands import whole_command


def test_whole_commands_are_timed_in_pairs(figure):
    comparison = whole_command(1, runs=2, updates=20)
    figure("seconds of rnnctl, and of scripts:", [*comparison.rnnctl_seconds, *comparison.baseline_seconds])
    assert len(comparison.ratios) == 1
    assert comparison.ratio > 0
