"""Schedules against the closed forms that their names promise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.exponential import ExponentialSection
from rnnctl.schedules.inverse import InverseSection
from rnnctl.schedules.section import ScheduleSection
from rnnctl.study.train import Train

RATES = st.floats(1e-6, 10)
UPDATES = st.integers(1, 10**7)
PERIODS = st.integers(1, 10**6)


def schedules(period: int = 7) -> list[ScheduleSection]:
    return [
        section.model_validate({"name": section.model_fields["name"].default, "period": period})
        if "period" in section.model_fields
        else section()
        for section in SCHEDULES
    ]


@given(RATES, UPDATES)
def test_a_constant_rate_is_that_of_the_study(lr: float, update: int) -> None:
    assert ConstantSection().rate(lr, update) == lr


@given(RATES, UPDATES, PERIODS)
def test_1_over_t_is_lr_period_over_period_plus_the_updates_made(lr: float, update: int, period: int) -> None:
    expected = lr * period / (period + update - 1)
    assert InverseSection(period=period).rate(lr, update) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("periods", "divisor"), [(0, 1), (1, 2), (2, 3), (9, 10)])
def test_1_over_t_falls_to_a_half_then_a_third(periods: int, divisor: int) -> None:
    assert InverseSection(period=100).rate(0.6, 1 + 100 * periods) == pytest.approx(0.6 / divisor, rel=1e-15)


@given(RATES, st.integers(1, 10**5), st.integers(100, 10**6))
def test_exponential_is_e_to_the_minus_updates_made_ln_2_over_the_period(lr: float, update: int, period: int) -> None:
    expected = lr * math.exp(-(update - 1) * math.log(2) / period)
    assert ExponentialSection(period=period).rate(lr, update) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("halvings", range(6))
def test_exponential_is_halved_once_a_period(halvings: int) -> None:
    assert ExponentialSection(period=30).rate(0.5, 1 + 30 * halvings) == 0.5 / 2**halvings


@pytest.mark.parametrize("schedule", schedules(), ids=lambda schedule: schedule.name)
def test_every_schedule_starts_at_lr_and_never_rises(schedule: ScheduleSection) -> None:
    rates = [schedule.rate(0.3, update) for update in range(1, 200)]
    assert rates[0] == 0.3
    assert all(later <= earlier for earlier, later in zip(rates, rates[1:], strict=False))
    assert rates[-1] > 0


@pytest.mark.parametrize("schedule", schedules(), ids=lambda schedule: schedule.name)
def test_the_section_train_asks_its_schedule(schedule: ScheduleSection) -> None:
    train = Train.model_validate({"lr": 0.2, "rate": schedule.canonical()})
    assert [train.learning_rate(update) for update in (1, 8, 50)] == [schedule.rate(0.2, u) for u in (1, 8, 50)]


@pytest.mark.parametrize("name", ["1/t", "exponential"])
def test_a_rate_that_falls_needs_a_period(name: str) -> None:
    with pytest.raises(ValidationError, match=r"period"):
        Train.model_validate({"rate": name})
    with pytest.raises(ValidationError, match=r"period"):
        Train.model_validate({"rate": {"name": name, "period": 0}})
