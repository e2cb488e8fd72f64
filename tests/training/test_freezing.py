"""Frozen weights: they keep their bits, and everything else trains as if they were constants."""

from __future__ import annotations

import pytest
import torch

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack
from tests.oracles import omega_value, rnn_loss
from tests.training.by_autograd import CELLS as EQUATIONS
from tests.training.by_autograd import by_autograd
from tests.training.by_autograd import spec as small
from tests.training.memory import Memory, train
from tests.training.runs import explosive, spec
from tests.training.same_bits import assert_same
from tests.training.updates import as_float64, one_update


def with_frozen(run_spec: RunSpec, *names: str, **changes: object) -> RunSpec:
    data = run_spec.model_dump(mode="json")
    data["train"] |= {"freeze": list(names), **changes}
    return RunSpec.model_validate(data)


def initial(run_spec: RunSpec) -> torch.Tensor:
    task = run_spec.task.make()
    return begin("a", run_spec, task, network_of(run_spec.model, task))[1]


def of_cell(cell: str, optimizer: str) -> RunSpec:
    data = small().model_dump(mode="json")
    data["model"] = {"name": cell, "hidden": 16}
    data["train"] |= {"optimizer": {"name": optimizer}, "clip": 0.5, "bptt": "full"}
    return RunSpec.model_validate(data)


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("optimizer", OPTIMIZERS.names)
@pytest.mark.parametrize("cell", CELLS.names)
def test_frozen_weights_and_what_the_optimizer_keeps_for_them_stay_as_they_began(cell, optimizer):
    plain = of_cell(cell, optimizer)
    task = plain.task.make()
    network = network_of(plain.model, task)
    names = (network.recurrent[0], network.layout.shapes[-1][0])
    run_spec = with_frozen(plain, *names)
    member, first = begin("a", run_spec, task, network)
    kept = None if member.kept is None else member.kept.clone()
    state = train({"a": run_spec}).state("a")
    frozen_1N = torch.zeros(1, network.layout.size, dtype=torch.bool)
    flags = network.layout.views(frozen_1N)
    before, after = (network.layout.views(flat.unsqueeze(0)) for flat in (first, state["weights"]))
    for name in before:
        assert torch.equal(before[name], after[name]) == (name in names), name
        flags[name].fill_(name in names)
    if kept is not None:
        assert torch.equal(state["kept"][:, frozen_1N[0]], kept[:, frozen_1N[0]])
        assert not torch.equal(state["kept"], kept)


DESCENTS = {
    "sgd": lambda w: torch.optim.SGD(w, lr=0.05),
    "adam": lambda w: torch.optim.Adam(w, lr=0.05, betas=(0.9, 0.999), eps=1e-8),
}


@pytest.mark.parametrize("optimizer", DESCENTS)
@pytest.mark.parametrize("cell", EQUATIONS)
def test_a_run_whose_recurrent_weights_are_frozen_is_autograd_over_the_others(cell, optimizer):
    plain = small(cell, "full", dtype="float64", optimizer=optimizer)
    task = plain.task.make()
    model = network_of(plain.model, task)
    run_spec = with_frozen(plain, *model.recurrent)
    expected = by_autograd(run_spec, DESCENTS[optimizer])
    member, weights = begin("a", run_spec, task, model)
    pack = Pack([member], [weights], "cpu")
    with torch.no_grad():
        for _ in range(run_spec.train.updates):
            pack.update()
    for name, actual in pack.layout.views(pack.flat_RN).items():
        torch.testing.assert_close(actual[0], expected[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("frozen", ["W_hh", "W_uh", "b_hy"])
def test_the_norm_that_is_clipped_and_recorded_is_that_of_the_weights_that_are_trained(frozen):
    run_spec = as_float64(with_frozen(spec(3, clip=1e-3, omega=2.0, lr=0.1), frozen))
    before, after, batch, member, _ = one_update(run_spec)
    leaves = {name: w.clone().requires_grad_() for name, w in before.items()}
    loss, states = rnn_loss(leaves, torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets), "tanh")
    loss.backward()
    w_hh = before["W_hh"].clone().requires_grad_()
    omega_value(w_hh, states, [h.grad for h in states], "tanh", 1e-20)[0].backward()
    gradients = {name: leaf.grad for name, leaf in leaves.items()}
    gradients["W_hh"] = gradients["W_hh"] + 2.0 * w_hh.grad
    del gradients[frozen]
    norm = sum(float((g**2).sum()) for g in gradients.values()) ** 0.5
    assert member.window.grad_norm == pytest.approx(norm)
    assert member.window.grad_norm_clipped == pytest.approx(1e-3)
    assert torch.equal(after[frozen], before[frozen])
    for name, gradient in gradients.items():
        torch.testing.assert_close(after[name], before[name] - 0.1 * 1e-3 / norm * gradient, rtol=1e-9, atol=1e-13)


def test_the_guard_leaves_a_frozen_recurrent_matrix_alone():
    before, after, _, member, diverged = one_update(with_frozen(explosive(1.0), "W_hh"))
    assert not diverged
    assert member.window.guarded == 1
    assert member.window.grad_norm_clipped == 0
    for name, w in before.items():
        assert torch.equal(after[name], w)


def test_the_guard_shrinks_the_recurrent_matrices_of_a_gated_cell_that_are_not_frozen():
    data = explosive(1e-3).model_dump(mode="json")
    data["model"] = {"name": "gru", "hidden": 5}
    run_spec = with_frozen(RunSpec.model_validate(data), "W_hz")
    task = run_spec.task.make()
    member, weights = begin("a", run_spec, task, network_of(run_spec.model, task))
    pack = Pack([member], [weights], "cpu")
    before = {name: w.clone() for name, w in pack.weights.items()}
    pack._shrink(0, 0.1)
    for name, w in pack.weights.items():
        shrunk = name in ("W_hr", "W_hh")
        assert torch.equal(w, before[name] * (1 - 0.1 * 0.02) if shrunk else before[name])


@pytest.mark.usefixtures("code_path")
@pytest.mark.parametrize("optimizer", OPTIMIZERS.names)
def test_alone_packed_and_resumed_have_the_same_bits_whatever_is_frozen(optimizer):
    plain = with_frozen(spec(1, updates=12), optimizer={"name": optimizer})
    frozen = {"none": (), "recurrent": ("W_hh",), "ends": ("W_uh", "b_hy"), "but one": ("W_uh", "W_hh", "b_hh", "W_hy")}
    specs = {label: with_frozen(plain, *names) for label, names in frozen.items()}
    pack, broken = train(specs), Memory()
    broken.drain_after = 5 * len(specs)
    train(specs, broken)
    broken.drain_after = None
    train(specs, broken)
    for label, run_spec in specs.items():
        assert_same(train({label: run_spec}), pack, label)
        assert_same(broken, pack, label)
    assert_same(train({"none": plain}), pack, "none")


def test_a_frozen_run_goes_on_from_a_shorter_one_and_not_from_a_trained_one():
    short, long = (with_frozen(spec(1, updates=n), "W_hh") for n in (10, 20))
    memory = Memory()
    memory.specs = {"short": short, "trained": spec(1, updates=10), "long": long}
    train({"short": short}, memory)
    train({"trained": spec(1, updates=10)}, memory)
    train({"long": long}, memory)
    assert memory.origins == {"long": ("short", 10)}
    assert_same(memory, train({"long": long}), "long")


def test_the_places_of_the_weights_that_are_trained():
    layout = network_of(spec().model, spec().task.make()).layout
    (_, (v, h)), *_, (_, (_, o)), _ = layout.shapes
    ends = [0, v * h, v * h + h * h, v * h + h * h + h, v * h + h * h + h + h * o, layout.size]
    assert layout.slices_without(()) == (slice(0, layout.size),)
    assert layout.slices_without(("W_hh",)) == (slice(0, ends[1]), slice(ends[2], layout.size))
    assert layout.slices_without(("W_uh", "b_hy")) == (slice(ends[1], ends[4]),)
