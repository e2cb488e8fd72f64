"""The relational memory against autograd through plain steps, finite differences and closed forms; in float64."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.cells.catalogue import CELLS
from rnnctl.cells.relational_memory.equations import RelationalMemory
from tests.cells import memory_passes as passes
from tests.cells.memory_passes import INPUTS, OUTPUTS
from tests.examples import examples

KINDS = [(by_unit, norm) for by_unit in (True, False) for norm in (True, False)]
SIZES = [(3, 2, 4), (1, 1, 1), (2, 3, 1), (4, 2, 8), (1, 2, 3)]  # slots, heads, units of a head
both_tapes = pytest.mark.parametrize("tape", ["torch_tape", "fused_tape"])
every_kind = pytest.mark.parametrize(("by_unit", "norm"), KINDS, ids=repr)


def network(slots=3, heads=2, size=2, *, by_unit=True, norm=True):
    """size: units of a slot and head."""
    return RelationalMemory(INPUTS, slots * heads * size, OUTPUTS, slots, heads, by_unit, norm)


@both_tapes
@given(
    kind=st.sampled_from(KINDS),
    slots=st.integers(1, 4),
    heads=st.integers(1, 3),
    size=st.integers(1, 3),
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=3),
    batch=st.integers(1, 3),
    reals=st.booleans(),
    every_step=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
@examples(25)
def test_every_gradient_equals_autograd_through_plain_steps(
    tape, kind, slots, heads, size, lengths, batch, reals, every_step, seed
):
    model = network(slots, heads, size, by_unit=kind[0], norm=kind[1])
    rng, question = np.random.default_rng(seed), passes.EVERY if every_step else passes.LAST
    settings = {"batch": batch, "reals": reals, "question": question}
    passes.assert_is_autograds(
        model,
        *passes.problem(rng, model, sorted(lengths, reverse=True), **settings),
        question=question,
        kind=getattr(model, tape),
    )


@every_kind
@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
def test_weight_gradients_equal_finite_differences(by_unit, norm, reals):
    model = network(2, 1, 3, by_unit=by_unit, norm=norm)
    settings = {"batch": 2, "reals": reals, "question": passes.EVERY}
    problem = passes.problem(np.random.default_rng(4), model, [4, 3], **settings)
    passes.assert_is_finite_differences(model, *problem, question=passes.EVERY)


@both_tapes
@every_kind
def test_the_gradient_through_time_equals_finite_differences(by_unit, norm, tape):
    model = network(by_unit=by_unit, norm=norm)
    problem = passes.problem(np.random.default_rng(5), model, [7])
    passes.assert_the_gradient_through_time_is_finite_differences(model, *problem, kind=getattr(model, tape))


@both_tapes
@every_kind
def test_packed_runs_have_the_bits_of_lone_ones(by_unit, norm, tape):
    for slots, heads, size in SIZES:
        model = network(slots, heads, size, by_unit=by_unit, norm=norm)
        passes.assert_packed_runs_have_the_bits_of_lone_ones(model, 3, getattr(model, tape))


@both_tapes
@every_kind
def test_a_sequence_in_pieces_is_the_whole(by_unit, norm, tape):
    model = network(by_unit=by_unit, norm=norm)
    passes.assert_pieces_are_the_whole(model, getattr(model, tape))


@both_tapes
@every_kind
def test_gradients_do_not_depend_on_stale_buffers(by_unit, norm, tape):
    model = network(by_unit=by_unit, norm=norm)
    passes.assert_stale_buffers_do_not_matter(model, getattr(model, tape))


@both_tapes
@every_kind
def test_a_weight_of_nan_makes_losses_or_gradients_nan(by_unit, norm, tape):
    """By these the trainer knows that a run has diverged."""
    model = network(by_unit=by_unit, norm=norm)
    flat, *problem = passes.problem(np.random.default_rng(14), model, [5])
    for name, _ in model.layout.shapes:
        bad = flat.clone()
        model.layout.views(bad)[name][0].view(-1)[0] = float("nan")
        losses, grads = passes.through(passes.tape_for(model, problem[0], getattr(model, tape)), bad, *problem)
        assert losses.isnan().any() or grads.isnan().any(), name


@every_kind
def test_compiled_loops_in_float32_are_near_float64(by_unit, norm):
    """Where torch's passes in float32 are not, a hidden unit of the perceptron is on the other side of zero."""
    for slots, heads, size in SIZES:
        model = network(slots, heads, size, by_unit=by_unit, norm=norm)
        settings = {"batch": 33, "scale": 0.4, "question": passes.EVERY}
        flat, *problem = passes.problem(np.random.default_rng(13), model, [7, 5], **settings)
        (losses, grads), (expected_losses, expected) = (
            passes.through(passes.tape_for(model, problem[0], kind, dtype), flat.to(dtype), *problem, passes.EVERY)
            for kind, dtype in ((model.fused_tape, torch.float32), (model.torch_tape, torch.float64))
        )
        torch.testing.assert_close(losses.double(), expected_losses, rtol=1e-6, atol=0)
        assert (grads - expected).abs().max() < 3e-6 * expected.abs().max()


@every_kind
def test_the_forward_pass_of_validation_goes_through_the_same_hidden_states(by_unit, norm):
    model = network(by_unit=by_unit, norm=norm)
    flat, inputs, _ = passes.problem(np.random.default_rng(8), model, [6, 6, 6])
    weights, tape = model.layout.views(flat), passes.tape_for(model, inputs)
    tape.forward(weights, [inputs[0]] * 3)
    for t, h in enumerate(model.steps(weights, inputs[0]), start=1):
        torch.testing.assert_close(h, tape.h_RTBH[:, t], rtol=0, atol=0)


def test_slots_differ_because_they_begin_as_different_rows_of_an_identity():
    model = network(3, 1, 4)
    flat, inputs, _ = passes.problem(np.random.default_rng(6), model, [8])
    tape = passes.tape_for(model, inputs)
    tape.forward(model.layout.views(flat), inputs)
    assert torch.equal(tape.memory(0)[0], torch.eye(3, 4).double().expand(3, 3, 4))
    apart = (tape.memory(0)[:, :, :, None] - tape.memory(0)[:, :, None]).abs().amax(4)
    assert (apart[:, :, [0, 0, 1], [1, 2, 2]] > 1e-3).all()


@both_tapes
@every_kind
def test_slots_that_began_equal_would_be_equal_for_ever(by_unit, norm, tape):
    model = network(3, 2, 2, by_unit=by_unit, norm=norm)
    flat, inputs, _ = passes.problem(np.random.default_rng(7), model, [8])
    tape = passes.tape_for(model, inputs, getattr(model, tape))
    equal = torch.cat([torch.zeros(3, 2 * model.hidden), torch.ones(3, 1)], 1).double()
    tape.forward(model.layout.views(flat), inputs, [equal])
    memory = tape.memory(0)
    assert memory[1:].abs().min() > 1e-6
    torch.testing.assert_close(memory, memory[:, :, :1].expand_as(memory), rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("slots", "heads", "size", "equal"), [(4, 2, 1, 2), (4, 1, 1, 3), (5, 3, 1, 2), (3, 2, 1, 0), (4, 1, 3, 0)]
)
def test_slots_that_are_equal_for_ever_are_counted_and_told_with_a_size_that_sets_them_apart(slots, heads, size, equal):
    section = CELLS["relational_memory"](hidden=slots * heads * size, slots=slots, heads=heads)
    assert _equal_slots(section) == equal
    odd = section.oddities(None)
    assert len(odd) == (equal > 0)
    if odd:
        assert odd[0].startswith(f"{equal} of {slots} slots are equal for ever")
        enough = int(odd[0].partition("with hidden ")[2].split()[0])
        assert _equal_slots(section.model_copy(update={"hidden": enough})) == 0
        fewer = section.model_copy(update={"hidden": enough - slots * heads})
        assert _equal_slots(fewer) > 0


def _equal_slots(section):
    """Return how many slots equal another one after 8 steps."""
    model = section.network(INPUTS, OUTPUTS)
    flat, inputs, _ = passes.problem(np.random.default_rng(7), model, [8])
    tape = passes.tape_for(model, inputs)
    tape.forward(model.layout.views(flat), inputs)
    last_SX = tape.memory(0)[-1].transpose(0, 1).flatten(1)
    equal_SS = (last_SX[:, None] - last_SX[None]).abs().amax(2) < 1e-12
    return int((equal_SS.sum(1) > 1).sum())


@both_tapes
def test_the_output_and_the_next_step_read_the_memory(tape):
    """dh_T / dM_1 is not 0 although h_1 is held: through attention and the path from one memory to the next."""
    model = network()
    flat, inputs, _ = passes.problem(np.random.default_rng(12), model, [5])
    tape, weights = passes.tape_for(model, inputs, getattr(model, tape)), model.layout.views(flat)
    tape.forward(weights, [inputs[0][:1]])
    state = tape.state(0)
    ends = []
    for add in (0.0, 0.1):
        moved = state.clone()
        moved[:, model.hidden : 2 * model.hidden] += add
        tape.forward(weights, [inputs[0][1:]], [moved])
        ends.append(tape.out(0)[-1].clone())
    assert (ends[0] - ends[1]).abs().min() > 1e-7


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize("gating", ["unit", "slot"])
def test_the_number_of_weights_has_a_closed_form(gating, norm):
    for slots, heads, size, v, o in [(4, 2, 16, 7, 3), (1, 1, 1, 2, 2), (3, 2, 5, 11, 1)]:
        f = heads * size
        g = f if gating == "unit" else 1
        section = CELLS["relational_memory"](hidden=slots * f, slots=slots, heads=heads, gating=gating, norm=norm)
        expected = v * (f + 3 * g) + (f + 3 * g) + 3 * f * g + 3 * f**2 + 2 * (f**2 + f) + 4 * f * norm
        expected += slots * f * o + o
        assert section.weights(v, o) == section.network(v, o).layout.size == expected


def test_gains_begin_at_one_and_the_forget_bias_at_what_is_asked_for():
    biases = CELLS["relational_memory"](forget_bias=2.5).biases
    assert biases == {"g_1": 1.0, "g_2": 1.0, "b_f": 2.5, "b_i": 0.0}
    assert CELLS["relational_memory"](norm=False).biases == {"b_f": 1.0, "b_i": 0.0}


def test_attention_and_norm_are_those_of_torch():
    """Attention of one step against torch.nn.MultiheadAttention, normalisation against torch.nn.LayerNorm."""
    from rnnctl.cells.base.attention import attend
    from rnnctl.cells.base.layer_norm import standardised

    rng, f = np.random.default_rng(3), 6
    w_q, w_k, w_v = torch.from_numpy(rng.standard_normal((3, f, f)))
    asking, answering = (
        torch.from_numpy(rng.standard_normal((5, 3, f))),
        torch.from_numpy(rng.standard_normal((5, 4, f))),
    )
    theirs = torch.nn.MultiheadAttention(f, 2, bias=False, batch_first=True).double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([w_q.T, w_k.T, w_v.T]))
        theirs.out_proj.weight.copy_(torch.eye(f))
        expected, shares = theirs(asking, answering, answering, average_attn_weights=False)
    z, weights = attend((asking @ w_q)[None], (answering @ w_k)[None], (answering @ w_v)[None], 2)
    torch.testing.assert_close(z[0], expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(weights[0], shares, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(
        standardised(asking)[0], torch.nn.functional.layer_norm(asking, (f,)), rtol=1e-12, atol=1e-12
    )
