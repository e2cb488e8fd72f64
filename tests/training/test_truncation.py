"""Truncated backpropagation and Adam, against torch's autograd and torch.optim on one step after another."""

import numpy as np
import pytest
import torch

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.feed import Feed
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack
from tests.training.by_autograd import CELLS, by_autograd, spec
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

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
