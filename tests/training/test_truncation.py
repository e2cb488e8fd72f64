"""Truncated backpropagation and Adam, against torch's autograd and torch.optim on one step after another."""

import numpy as np
import pytest
import torch

from rnnctl import seeds
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.feed import Feed
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack
from tests.training.equations import step
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

CELLS = {"rnn": {"init": "xavier"}, "gru": {"init": "xavier"}, "lstm": {}}
STEPS = 9  # of a sequence: 3 blank and 2 * 3 of the pattern


def spec(cell="rnn", bptt=4, seed=1, **more):
    train_section = {"updates": 14, "batch": 4, "lr": 0.05, "clip": "none", "bptt": bptt} | more
    return RunSpec.model_validate(
        {
            "task": {"name": "memorization", "min_length": 3, "max_length": 3, "values": 3, "positions": 3},
            "model": {"name": cell, "hidden": 6, **CELLS[cell]},
            "train": train_section,
            "check": {"every": 7, "samples": 20, "chunk": 10, "diagnostic_batch": 3},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    )


def by_autograd(run_spec, optimizer):
    """The weights after run_spec's updates, by name."""
    task, cell, k = run_spec.task.make(), run_spec.model.name, run_spec.train.bptt
    k = STEPS if k == "full" else k
    model = network_of(run_spec.model, task)
    _, flat = begin("a", run_spec, task, model)
    w = {name: x[0].clone().requires_grad_() for name, x in model.layout.views(flat.unsqueeze(0)).items()}
    descend = optimizer(list(w.values()))
    rng, pieces = seeds.generator(run_spec.seed, seeds.TRAINING), []
    for _ in range(run_spec.train.updates):
        if not pieces:
            window = task.draw(rng, run_spec.train.batch)
            pieces = [slice(t, t + k) for t in range(0, STEPS, k)]
            state = torch.zeros(run_spec.train.batch, 6 * (1 + (cell == "lstm")), dtype=torch.float64)
        part, state = pieces.pop(0), state.detach()
        losses = []
        for u, target in zip(window.inputs[part], window.targets[part], strict=True):
            one_hot = torch.eye(task.n_inputs, dtype=torch.float64)[torch.from_numpy(u).long()]
            h, state = step(cell, w, one_hot, state)
            losses.append(torch.nn.functional.cross_entropy(h @ w["W_hy"] + w["b_hy"], torch.from_numpy(target)))
        descend.zero_grad()
        torch.stack(losses).mean().backward()
        descend.step()
    return {name: x.detach() for name, x in w.items()}


OPTIMIZERS = {
    "sgd": lambda w: torch.optim.SGD(w, lr=0.05),
    "adam": lambda w: torch.optim.Adam(w, lr=0.05, betas=(0.8, 0.99), eps=1e-6),
}


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bptt", [1, 4, 9, 20, "full"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_by_pieces_is_that_of_autograd_with_the_state_cut_off(cell, bptt, optimizer):
    moments = {"beta1": 0.8, "beta2": 0.99, "epsilon": 1e-6} if optimizer == "adam" else {}
    run_spec = spec(cell, bptt, dtype="float64", optimizer={"name": optimizer, **moments})
    expected = by_autograd(run_spec, OPTIMIZERS[optimizer])
    task = run_spec.task.make()
    member, weights = begin("a", run_spec, task, network_of(run_spec.model, task))
    pack = Pack([member], [weights], "cpu")
    with torch.no_grad():
        for _ in range(run_spec.train.updates):
            pack.update()
    for name, actual in pack.layout.views(pack.flat_RN).items():
        torch.testing.assert_close(actual[0], expected[name], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_alone_packed_and_resumed_between_pieces_have_the_same_bits(cell, optimizer):
    specs = {name: spec(cell, 4, seed, optimizer=optimizer) for seed, name in enumerate("abc")}
    together = train(specs)
    for name, one in specs.items():
        assert_same(train({name: one}), together, name)
        for stop in (3, 4, 5):  # updates; a window has three pieces
            memory = Memory()
            memory.drain_after = stop
            train({name: one}, memory)
            assert memory.state(name)["step"] == stop
            memory.drain_after = None
            assert_same(train({name: one}, memory), together, name)


def test_a_feed_goes_on_where_its_state_was_taken():
    task = spec().task.make()
    feed = Feed(task, np.random.default_rng(3), 4, 4)
    for _ in range(8):
        state, again = feed.state(), Feed(task, np.random.default_rng(99), 4, 4)
        again.resume(state)
        for _ in range(4):
            (actual, goes_on), (expected, did) = again.next(), feed.next()
            assert goes_on == did
            np.testing.assert_array_equal(actual.inputs, expected.inputs)
            np.testing.assert_array_equal(actual.targets, expected.targets)


def test_pieces_and_moments_without_a_meaning_are_refused():
    for section, message in (({"bptt": 3}, "temporal_order"), ({"optimizer": {"name": "sgd", "beta1": 0.5}}, "beta1")):
        with pytest.raises(ValueError, match=message):
            RunSpec.model_validate({"task": "temporal_order", "train": section})
    assert PackKey.of(spec(bptt=3)) != PackKey.of(spec(bptt=4))
