"""Arguments of every public method with values of many kinds: the call succeeds, or tells in one line what is wrong.

tests/slow tries all values, of which some are drawn here.
"""

from __future__ import annotations

import pytest

from tests.api.wrong_arguments import CALLS, offered, try_wrong_arguments

DRAWN = 5  # values for each argument


def test_every_method_is_tried():
    assert [name for name in offered() if name not in CALLS] == []


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_told_in_one_line(there, name):
    try_wrong_arguments(there, name, DRAWN)
