"""The LSTM with a memory at its side against autograd through plain steps, finite differences and closed forms, and its
two defects; in float64.
"""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.lstm.equations import Lstm
from rnnctl.cells.lstm_side_memory.equations import LstmSideMemory
from tests.cells import memory_passes as passes
from tests.cells.memory_passes import INPUTS, OUTPUTS
from tests.examples import examples

KINDS = ["torch_tape", "fused_tape"]
both_tapes = pytest.mark.parametrize("kind", KINDS)


def network(hidden=5, slots=3, heads=2, size=2):
    """size: units of a slot and head."""
    return LstmSideMemory(INPUTS, hidden, OUTPUTS, slots, heads * size, heads)


@both_tapes
@given(
    hidden=st.integers(1, 6),
    slots=st.integers(1, 4),
    heads=st.integers(1, 3),
    size=st.integers(1, 3),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    batch=st.integers(1, 3),
    reals=st.booleans(),
    every_step=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@examples(15)
def test_every_gradient_equals_autograd_through_plain_steps(
    kind, hidden, slots, heads, size, lengths, batch, reals, every_step, seed
):
    model, question = network(hidden, slots, heads, size), passes.EVERY if every_step else passes.LAST
    settings = {"batch": batch, "reals": reals, "question": question}
    problem = passes.problem(np.random.default_rng(seed), model, sorted(lengths, reverse=True), **settings)
    passes.assert_is_autograds(model, *problem, question=question, kind=getattr(model, kind))


@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
def test_weight_gradients_equal_finite_differences(reals):
    model = network(3, 2, 1, 2)
    settings = {"batch": 2, "reals": reals, "question": passes.EVERY}
    problem = passes.problem(np.random.default_rng(4), model, [4, 3], **settings)
    passes.assert_is_finite_differences(model, *problem, question=passes.EVERY)


def test_the_gradient_through_time_equals_finite_differences():
    """Of a bumped h_t, as the LSTM of step t + 1 reads it. What the memory of step t reads is in d_t as well."""
    model = network()
    flat, inputs, targets = passes.problem(np.random.default_rng(5), model, [7])
    tape = passes.tape_for(model, inputs)
    passes.through(tape, flat, inputs, targets)
    d, sent = tape.d(0).clone(), tape.sent_RTBH[0].clone()
    states, eps = [], 1e-5
    for t in range(1, 7):
        tape.forward(model.layout.views(flat), [inputs[0][:t]])
        states.append(tape.state(0))
    for t, state in enumerate(states, start=1):
        for b, j in [(0, 0), (2, 4)]:
            ends = []
            for sign in (1, -1):
                moved = state.clone()
                moved[b, j] += sign * eps
                loss, _ = passes.through(tape, flat, [inputs[0][t:]], targets, states=[moved])
                ends.append(loss.item())
            expected = d[t, b, j].item() - sent[t - 1, b, j].item()
            assert np.isclose((ends[0] - ends[1]) / (2 * eps), expected, rtol=1e-5, atol=1e-9)
    assert (sent.abs().amax((1, 2)) > 1e-9).all()


@both_tapes
def test_packed_runs_have_the_bits_of_lone_ones(kind):
    for hidden, slots, heads, size in [(5, 3, 2, 4), (1, 1, 1, 1), (3, 2, 3, 1), (8, 4, 2, 8), (2, 1, 2, 3)]:
        model = network(hidden, slots, heads, size)
        passes.assert_packed_runs_have_the_bits_of_lone_ones(model, 3, getattr(model, kind))


@both_tapes
def test_a_sequence_in_pieces_is_the_whole(kind):
    passes.assert_pieces_are_the_whole(network(), getattr(network(), kind))


@both_tapes
def test_gradients_do_not_depend_on_stale_buffers(kind):
    passes.assert_stale_buffers_do_not_matter(network(), getattr(network(), kind))


def test_the_forward_pass_of_validation_reads_the_same_outputs():
    model = network()
    flat, inputs, _ = passes.problem(np.random.default_rng(8), model, [6, 6, 6])
    weights, tape = model.layout.views(flat), passes.tape_for(model, inputs)
    tape.forward(weights, [inputs[0]] * 3)
    for t, y in enumerate(model.steps(weights, inputs[0])):
        torch.testing.assert_close(y, tape.values["y"][:, t], rtol=0, atol=0)


@pytest.mark.parametrize("seed", range(3))
def test_all_slots_but_the_first_are_equal_for_ever(seed):
    model = network(6, 4, 2, 3)
    flat, inputs, _ = passes.problem(np.random.default_rng(seed), model, [12])
    tape = passes.tape_for(model, inputs)
    tape.forward(model.layout.views(flat), inputs)
    memory = tape.memory(0)[1:]
    assert memory.abs().min() > 1e-6
    others = memory[:, :, 1:2]
    torch.testing.assert_close(memory[:, :, 1:], others.expand(-1, -1, 3, -1), rtol=0, atol=1e-14)
    assert ((memory[:, :, :1] - others).abs().amax(3) > 1e-3).all()


def test_training_cannot_make_them_differ():
    """Their gradients are equal too: a step of any size leaves them equal."""
    model = network(6, 4, 2, 3)
    flat, inputs, targets = passes.problem(np.random.default_rng(1), model, [9])
    tape = passes.tape_for(model, inputs)
    for _ in range(5):
        _, grads = passes.through(tape, flat, inputs, targets)
        back = tape.memory_back_RBSF[0, :, 1:]
        torch.testing.assert_close(back, back[:, :1].expand_as(back), rtol=0, atol=1e-14)
        flat -= 0.5 * grads
    memory = tape.memory(0)
    torch.testing.assert_close(memory[:, :, 1:], memory[:, :, 1:2].expand(-1, -1, 3, -1), rtol=0, atol=1e-13)


@both_tapes
def test_hidden_states_never_depend_on_the_memory(kind):
    """h_t is that of a plain LSTM with the same weights, whatever the memory holds; the output is not."""
    model = network(6, 4, 2, 3)
    flat, inputs, _ = passes.problem(np.random.default_rng(2), model, [8])
    weights, tape = model.layout.views(flat), passes.tape_for(model, inputs, getattr(model, kind))
    plain = Lstm(INPUTS, 6, OUTPUTS)
    lstm = passes.tape_for(plain, inputs, getattr(plain, kind))
    lstm.forward({name: weights[name] for name, _ in plain.layout.shapes}, inputs)
    outputs = []
    for content in (0.0, 3.0):
        state = torch.cat([torch.zeros(3, 12), torch.full((3, 24), content)], 1).double()
        tape.forward(weights, inputs, [state])
        assert torch.equal(tape.h(0), lstm.h(0))
        outputs.append(tape.out(0).clone())
    assert (outputs[0] - outputs[1]).abs().amax(2).min() > 1e-7


def test_the_number_of_weights_has_a_closed_form():
    for hidden, slots, heads, size, v, o in [(5, 3, 2, 2, 7, 3), (1, 1, 1, 1, 2, 2), (8, 4, 2, 5, 11, 1)]:
        f = heads * size
        section = CELLS["lstm_side_memory"](hidden=hidden, slots=slots, slot_size=f, heads=heads)
        lstm = 4 * (v * hidden + hidden**2 + hidden)
        memory = 3 * f**2 + (hidden * f + f) + (f**2 + f) + ((f + hidden) * f + f) + (f**2 + f)
        expected = lstm + memory + ((hidden + f) * hidden + hidden) + hidden * o + o
        assert section.weights(v, o) == section.network(v, o).layout.size == expected


def test_it_is_never_taken_for_a_plain_lstm():
    """Neither on a GPU, by the kernels of the LSTM, nor as a layer of torch.nn."""
    assert network().kernel_tape is None
    with pytest.raises(ValueError, match="torch.nn has no layer"):
        network().torch_layer({})
