"""Schedules against the closed forms that their names promise, and against those of torch, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.optim import lr_scheduler

from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.exponential import ExponentialSection
from rnnctl.schedules.inverse import InverseSection
from rnnctl.schedules.plateau import PlateauSection
from rnnctl.schedules.section import NOTHING, Checked, ScheduleSection, Seen
from rnnctl.study.train import Train

RATES = st.floats(1e-6, 10)
UPDATES = st.integers(1, 10**7)
PERIODS = st.integers(1, 10**6)

# What a schedule must be told.
REQUIRED: dict[str, dict[str, Any]] = {
    "1/t": {"period": 7},
    "exponential": {"period": 7},
    "milestones": {"at": [3, 20, 150]},
}


def schedule(name: str, **keys: Any) -> ScheduleSection:
    return SCHEDULES[name].model_validate({"name": name, **REQUIRED.get(name, {}), **keys})


def rates(rate: dict[str, Any], updates: int, lr: float = 0.3) -> list[float]:
    """Return the learning rates of a run with this section, update by update, that never breaks the floor."""
    train = Train.model_validate({"lr": lr, "updates": updates, "rate": rate})
    return [train.learning_rate(update) for update in range(1, updates + 1)]


def of_torch(
    make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler], updates: int, lr: float = 0.3
) -> list[float]:
    """Return the learning rates that a scheduler of torch gives, update by update."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = make(optimizer)
    result = []
    for _ in range(updates):
        result.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return result


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


@given(RATES, st.integers(0, 1000), st.integers(1, 100), st.floats(0.5, 0.999))
def test_stairs_are_lr_times_decay_to_the_whole_periods(lr: float, made: int, every: int, decay: float) -> None:
    """Seed 004: lr0 * decay ** (n // every)."""
    stairs = ExponentialSection(period=every, factor=decay, stairs=True)
    assert stairs.rate(lr, made + 1) == pytest.approx(lr * decay ** (made // every), rel=1e-15)


@pytest.mark.parametrize(
    ("rate", "make"),
    [
        ({"name": "exponential", "period": 1, "factor": 0.97}, lambda o: lr_scheduler.ExponentialLR(o, 0.97)),
        ({"name": "exponential", "period": 9, "factor": 0.7, "stairs": True}, lambda o: lr_scheduler.StepLR(o, 9, 0.7)),
        ({"name": "exponential", "period": 30, "stairs": True}, lambda o: lr_scheduler.StepLR(o, 30, 0.5)),
        ({"name": "milestones", "at": [3, 20, 150]}, lambda o: lr_scheduler.MultiStepLR(o, [3, 20, 150])),
        ({"name": "milestones", "at": "150+3", "factor": 0.6}, lambda o: lr_scheduler.MultiStepLR(o, [150, 3], 0.6)),
        ({"name": "cosine"}, lambda o: lr_scheduler.CosineAnnealingLR(o, 200)),
        ({"name": "cosine", "period": "updates", "end": 0.1}, lambda o: lr_scheduler.CosineAnnealingLR(o, 200, 0.03)),
        ({"name": "one_cycle"}, lambda o: lr_scheduler.OneCycleLR(o, 0.3, 200)),
        ({"name": "one_cycle", "period": 200}, lambda o: lr_scheduler.OneCycleLR(o, 0.3, 200)),
        (
            {"name": "one_cycle", "rise": 0.45, "start": 0.1, "end": 0.001},
            lambda o: lr_scheduler.OneCycleLR(o, 0.3, 200, pct_start=0.45, div_factor=10, final_div_factor=100),
        ),
        (
            {"name": "constant", "warmup": 17},
            lambda o: lr_scheduler.LinearLR(o, start_factor=1 / 17, total_iters=16),
        ),
        (
            {"name": "cosine", "warmup": 17},
            lambda o: lr_scheduler.ChainedScheduler(
                [lr_scheduler.LinearLR(o, start_factor=1 / 17, total_iters=16), lr_scheduler.CosineAnnealingLR(o, 200)],
                o,
            ),
        ),
    ],
    ids=lambda value: None if callable(value) else repr(value),  # a function has another address in each process
)
def test_a_schedule_is_that_of_torch(
    rate: dict[str, Any], make: Callable[[torch.optim.Optimizer], lr_scheduler.LRScheduler]
) -> None:
    # Torch goes from rate to rate, so its rounding errors add up; near the end of a cosine they are all that is left.
    assert rates(rate, 200) == pytest.approx(of_torch(make, 200), rel=1e-10, abs=1e-13)


def test_a_cosine_with_a_period_stays_at_its_end() -> None:
    shown = rates({"name": "cosine", "period": 10, "end": 0.25}, 30)
    assert shown[0] == 0.3
    assert shown[5] == pytest.approx(0.3 * 0.625)
    assert shown[10:] == [0.3 * 0.25] * 20


@pytest.mark.parametrize("updates", range(1, 8))
@pytest.mark.parametrize("rise", [0.0, 0.3, 0.999])
def test_one_cycle_reaches_lr_and_its_end_however_few_updates_there_are(updates: int, rise: float) -> None:
    shown = rates({"name": "one_cycle", "rise": rise, "end": 0.01}, updates)
    assert all(0 < rate <= 0.3 for rate in shown)
    if updates > 1 and rise < 0.9:
        assert max(shown) > 0.15
        assert shown[-1] == pytest.approx(0.003)


@pytest.mark.parametrize("name", [name for name in SCHEDULES.names if name != "one_cycle"])
def test_every_schedule_starts_at_lr_and_never_rises(name: str) -> None:
    shown = rates({"name": name, **REQUIRED.get(name, {})}, 200)
    assert shown[0] == 0.3
    assert all(later <= earlier for earlier, later in zip(shown, shown[1:], strict=False))
    assert shown[-1] > 0


@pytest.mark.parametrize("name", SCHEDULES.names)
def test_the_section_train_asks_its_schedule(name: str) -> None:
    section = schedule(name)
    train = Train.model_validate({"lr": 0.2, "updates": 60, "rate": section.canonical()})
    filled = section.over(60)
    assert [train.learning_rate(update) for update in (1, 8, 50)] == [filled.rate(0.2, u) for u in (1, 8, 50)]


@pytest.mark.parametrize("name", SCHEDULES.names)
def test_warmup_multiplies_by_the_share_of_its_updates_made(name: str) -> None:
    keys = {"name": name, **REQUIRED.get(name, {})}
    plain, warm = rates(keys, 50), rates({**keys, "warmup": 20}, 50)
    assert warm[19:] == plain[19:]
    assert warm[:20] == pytest.approx([rate * update / 20 for update, rate in enumerate(plain[:20], start=1)])


@pytest.mark.parametrize("name", ["1/t", "exponential", "milestones", "cosine"])
def test_a_decay_that_waits_for_the_floor_begins_after_that_check(name: str) -> None:
    keys = {"name": name, **REQUIRED.get(name, {})}
    train = Train.model_validate({"lr": 0.3, "updates": 50, "rate": {**keys, "after": "broke_floor"}})
    seen: Seen = NOTHING
    shown = []
    for update in range(1, 51):
        shown.append(train.learning_rate(update, seen))
        if update % 10 == 0:  # the floor is broken at 20, and what happens to it later makes no difference
            seen = train.rate.observe(seen, Checked(update, 0.1, below_floor=update in (20, 40)))
    assert shown[:20] == [0.3] * 20
    assert shown[20:] == rates(keys, 30)
    assert shown[20] == 0.3 > shown[29]


def test_a_decay_whose_floor_is_never_broken_never_begins() -> None:
    assert rates({"name": "1/t", "period": 2, "after": "broke_floor"}, 30) == [0.3] * 30


SCRIPTED = [3.0, 2.5, 2.5, 2.4999, 2.49, 2.6, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3, 1.0, 1.0, 1.0, 1.0, math.inf, 1.0, 1.0]


@pytest.mark.parametrize("patience", range(1, 5))
@pytest.mark.parametrize("min_delta", [0.0, 0.05])
def test_a_plateau_is_that_of_torch(patience: int, min_delta: float) -> None:
    section = PlateauSection(factor=0.5, patience=patience, min_delta=min_delta, end=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs = lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience - 1, threshold=min_delta, threshold_mode="abs", min_lr=0.03, eps=0
    )
    seen: Seen = NOTHING
    shown = set()
    for check, loss in enumerate(SCRIPTED, start=1):
        theirs.step(loss)
        seen = section.observe(seen, Checked(10 * check, loss, below_floor=False))
        rate = section.in_force(0.3, 10 * check + 1, 1000, seen)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-14)
        shown.add(rate)
    assert len(shown) > 1


@pytest.mark.parametrize(("name", "key"), [("1/t", "period"), ("exponential", "period"), ("milestones", "at")])
def test_a_rate_that_falls_needs_to_know_when(name: str, key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        Train.model_validate({"rate": name})
    with pytest.raises(ValidationError, match=key):
        Train.model_validate({"rate": {"name": name, key: 0}})


def test_the_order_of_milestones_makes_no_difference() -> None:
    texts = [schedule("milestones", at=at).canonical()["at"] for at in ([20, 3], "3+20", [3, 20, 3])]
    assert texts == ["3+20"] * 3
    assert schedule("milestones", at=5).canonical()["at"] == "5"


@pytest.mark.parametrize("at", [[], "", [0], [3, -1], [1.5], [True], ["x"], "3+", None, {"a": 1}])
def test_milestones_are_updates(at: Any) -> None:
    with pytest.raises(ValidationError, match=r"must be whole numbers from 1, such as \[1, 1000\], not"):
        schedule("milestones", at=at)
