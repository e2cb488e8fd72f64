"""What a value was most likely meant to be."""

import pytest

from rnnctl.study.slips import number_meant


@pytest.mark.parametrize(
    ("value", "meant"), [(20.0, "20"), (1e15, "1000000000000000"), (1e300, None), (float("inf"), None), (0.5, None)]
)
def test_a_float_that_may_stand_for_a_whole_number(value, meant):
    assert number_meant(value, "int_type") == meant
