"""Updates of several batches: the larger batch to rounding, the same bits alone, packed and resumed, and what is told
of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rnnctl.report.cost import core_seconds
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.tasks.base import Batch
from rnnctl.training.member import begin, network_of
from rnnctl.training.memory import bytes_of_run, bytes_on_cpu
from rnnctl.training.own_samples import draws_of
from rnnctl.training.pack import Pack
from tests.training.check_bits import check_bits
from tests.training.memory import train
from tests.training.runs import spec

TASKS: dict[str, dict[str, Any]] = {
    "last step, classes": {"name": "temporal_order", "min_length": 12, "max_length": 12},
    "last step, reals": {"name": "addition", "min_length": 12, "max_length": 12},
    "every step": {"name": "memorization", "min_length": 4, "max_length": 4},
}
SIZE, PARTS, UPDATES = 5, 3, 12


def with_keys(run: RunSpec, **keys: Any) -> RunSpec:
    """A run with other keys of train, and other sections."""
    plain = run.model_dump(mode="json")
    sections = {name: keys.pop(name) for name in ("task", "model") if name in keys}
    return RunSpec.model_validate({**plain, **sections, "train": {**plain["train"], **keys}}).identified()


def pack_of(*runs: RunSpec) -> Pack:
    started = [begin(str(i), run, task := run.task.make(), network_of(run.model, task)) for i, run in enumerate(runs)]
    return Pack([member for member, _ in started], [weights for _, weights in started], "cpu")


def weights_after(pack: Pack, updates: int) -> torch.Tensor:
    with torch.no_grad():
        for _ in range(updates):
            assert not pack.update()
    return pack.flat_RN[0].clone()


def in_parts(pack: Pack, size: int) -> None:
    """Let a pack draw its batches as several of a size, side by side."""
    for member in pack.members:
        task = member.feed.task

        def draw(rng: np.random.Generator, batch: int, task: Any = task) -> Batch:
            parts = [type(task).draw(task, rng, size) for _ in range(batch // size)]
            sides = (np.concatenate([getattr(part, name) for part in parts], 1 - (name == "targets" and last))
                     for last in [parts[0].targets.ndim == 1] for name in ("inputs", "targets"))  # fmt: skip
            return Batch(*sides)

        task.draw = draw  # type: ignore[method-assign]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_it_is_the_larger_batch_to_rounding(cell, task, optimizer):
    """Also where the gradient is clipped, and with Omega."""
    if task["name"] == "addition" and cell == "gru":
        task = {**task, "min_length": 11, "max_length": 11}
    keys = {"dtype": "float64", "optimizer": optimizer, "clip": 0.3, "omega": 0.4 if cell == "rnn" else 0, "lr": 0.05}
    model = {"name": cell, "hidden": 9, "init": "orthogonal"}
    small = with_keys(spec(), task=task, model=model, batch=SIZE, accumulate=PARTS, **keys)
    large = with_keys(small, batch=SIZE * PARTS, accumulate=1)
    together, parts = pack_of(large), pack_of(small)
    in_parts(together, SIZE)
    torch.testing.assert_close(weights_after(parts, UPDATES), weights_after(together, UPDATES), rtol=1e-9, atol=1e-11)
    one, other = parts.members[0].window, together.members[0].window
    assert one.updates == other.updates == UPDATES
    for name in ("loss", "errors", "grad_norm", "grad_norm_max", "grad_norm_clipped", "clipped", "omega"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9), name
    assert one.clipped


def test_batches_of_different_lengths_count_alike():
    """One update by SGD: the mean of what each batch alone would do."""
    run = with_keys(spec(omega=0, clip="none", lr=0.1), dtype="float64", accumulate=PARTS)
    single = with_keys(run, accumulate=1)
    start, alone = pack_of(run).flat_RN[0].clone(), pack_of(single)
    steps = []
    for _ in range(PARTS):
        alone.flat_RN[0] = start
        steps.append(weights_after(alone, 1) - start)
    mean = torch.stack(steps).mean(0)
    torch.testing.assert_close(weights_after(pack_of(run), 1) - start, mean, rtol=1e-12, atol=1e-15)
    assert not torch.allclose(steps[0], steps[1])


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_alone_packed_and_resumed_have_the_same_bits(cell):
    def run(seed: int, **keys: Any) -> RunSpec:
        model = {"name": cell, "hidden": 13, "init": "orthogonal"}
        omega = 0.5 if cell == "rnn" else 0
        return with_keys(spec(seed, updates=24), model=model, accumulate=3, omega=omega, optimizer="adam", **keys)

    check_bits({"a": run(1), "b": run(2, lr=0.005), "c": run(3, clip=0.1), "d": run(4, freeze=["W_hh"])}, (1, 7, 13))


def text_run(tmp_path, **keys: Any) -> RunSpec:
    corpus = tmp_path / "text"
    corpus.write_text("".join(f"{n} bottles, {n * n} squares; " for n in range(60)))
    task = {"name": "text", "corpus": str(corpus), "window": 8, "state": "carried"}
    return with_keys(spec(omega=0), task=task, **keys)


@pytest.mark.parametrize("bptt", [3, "full"])
def test_streams_go_on_from_batch_to_batch_within_an_update(bptt, tmp_path, monkeypatch):
    """With weights that stay, an update of three batches sees what three updates see."""
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    keys = {"lr": 1e-30, "bptt": bptt, "dtype": "float64"}
    several, single = (pack_of(text_run(tmp_path, accumulate=parts, **keys)) for parts in (3, 1))
    weights_after(several, 2), weights_after(single, 6)
    one, other = several.members[0], single.members[0]
    torch.testing.assert_close(one.carried, other.carried, rtol=0, atol=0)
    assert one.feed.state() == other.feed.state()
    assert (one.step, other.step) == (2, 6)
    assert one.window.loss / 2 == pytest.approx(other.window.loss / 6, rel=1e-12)
    assert one.window.errors / 2 == pytest.approx(other.window.errors / 6, rel=1e-12)


def test_streams_have_the_same_bits_alone_packed_and_resumed(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNCTL_CACHE", str(tmp_path / "cache"))
    runs = {
        name: RunSpec.model_validate(
            {**text_run(tmp_path, bptt=3, accumulate=2, teacher=0.5).canonical(), "seed": seed}
        )
        for seed, name in enumerate("ab")
    }
    check_bits(runs, (1, 5, 11))


def test_every_batch_of_an_update_has_draws_of_its_own(tmp_path):
    run = text_run(tmp_path, accumulate=3, teacher=0.5)
    drawn = [draws_of(run, update, 4, 3, part).places_TB.tobytes() for update in (1, 2) for part in range(3)]
    assert len(set(drawn)) == 6


def test_the_budget_counts_updates():
    memory = train({"run": with_keys(spec(updates=20), accumulate=4)})
    assert memory.state("run")["step"] == 20
    assert [row.step for row in memory.history["run"]] == [0, 10, 20]
    # 20 updates of 4 batches: as many draws as 80 updates of one.
    others = train({"run": spec(updates=80)})
    assert memory.state("run")["feed"] == others.state("run")["feed"]


def test_ids_of_runs_without_it_stay_and_it_is_a_matter_of_the_pack():
    assert with_keys(spec(), accumulate=1).run_id == spec().run_id
    assert with_keys(spec(), accumulate=2).run_id != spec().run_id
    assert PackKey.of(with_keys(spec(), accumulate=2)) != PackKey.of(spec())


def test_estimates_count_the_batches_and_the_sums():
    run, several = spec(), with_keys(spec(), accumulate=4)
    weights = run.parameter_count
    assert bytes_of_run(several) - bytes_of_run(run) == 4 * weights
    assert bytes_on_cpu(several) - bytes_on_cpu(run) == 4 * weights
    updates_alone = core_seconds(with_keys(run, updates=120)) - core_seconds(run)  # 60 updates, and their checks
    assert core_seconds(several) - core_seconds(run) == pytest.approx(3 * updates_alone, rel=0.2)
