"""Comparison in words: verdicts on runs and on differences between configurations, by rules that are written down.

Everything here is computed from results, histories and specs that were read before: no store, no torch, no terminal. A
verdict is given only where the numbers carry it, and is `undecided` with a reason elsewhere.
"""

from rnnctl.report.remarks.answer import Answer, answer_of
from rnnctl.report.remarks.difference import Difference, Side
from rnnctl.report.remarks.differences import average_differences, differences
from rnnctl.report.remarks.of_run import TOPICS, remarks_of
from rnnctl.report.remarks.remark import UNDECIDED, Remark, Topic

__all__ = [
    "TOPICS",
    "UNDECIDED",
    "Answer",
    "Difference",
    "Remark",
    "Side",
    "Topic",
    "answer_of",
    "average_differences",
    "differences",
    "remarks_of",
]
