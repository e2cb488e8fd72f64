"""A cell that is given by its step alone: gradients by autograd, the true dL/dh_t, and clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from rnnctl.cells.base.inits import OrthogonalInit
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.base.stepped import StepSection
from rnnctl.cells.lstm.section import LstmSection
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.usercode.errors import CodeError
from rnnctl.weight_files import hash_of, write_safetensors

FLOAT64: dict[str, Any] = {"dtype": torch.float64, "device": "cpu"}
HIDDEN, INPUTS, OUTPUTS, BATCH = 7, 4, 2, 5


class Elman(StepSection):
    """The cell `rnn`, by its step."""

    name: Literal["elman"] = "elman"

    furthest = 1.0

    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        return {"W_uh": (inputs, self.hidden), "W_hh": (self.hidden, self.hidden), "b_hh": (self.hidden,)}

    def step(self, weights: Any, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        return torch.tanh(x @ weights["W_uh"] + state @ weights["W_hh"] + weights["b_hh"])


class Lstm(StepSection):
    """The cell `lstm`, by its step: its state is h and c side by side."""

    name: Literal["own_lstm"] = "own_lstm"

    @property
    def state_size(self) -> int:
        return 2 * self.hidden

    def shapes(self, inputs: int) -> dict[str, tuple[int, ...]]:
        layout = LstmSection(hidden=self.hidden).network(inputs, 1).layout.shapes
        return {name: shape for name, shape in layout if name not in ("W_hy", "b_hy")}

    def step(self, weights: Any, x: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        h, c = state.chunk(2, 1)

        def total(branch: str) -> torch.Tensor:
            bias = weights["b_hh" if branch == "h" else f"b_{branch}"]
            return x @ weights[f"W_u{branch}"] + h @ weights[f"W_h{branch}"] + bias

        i, f, o = (torch.sigmoid(total(branch)) for branch in ("i", "f", "o"))
        c = f * c + i * torch.tanh(total("h"))
        return torch.cat([o * torch.tanh(c), c], 1)


def passes(section: CellSection, reals: bool) -> dict[str, torch.Tensor]:
    """Everything that a tape computes for three runs of falling lengths."""
    network = section.network(INPUTS, OUTPUTS)
    generator = torch.Generator().manual_seed(1)
    flat = torch.randn(3, network.layout.size, dtype=torch.float64, generator=generator)
    lengths, read = (6, 6, 4), (6, 1, 3)
    inputs = [
        torch.randn(length, BATCH, INPUTS, dtype=torch.float64, generator=generator)
        if reals
        else torch.randint(INPUTS, (length, BATCH), generator=generator)
        for length in lengths
    ]
    direct = [torch.randn(steps, BATCH, HIDDEN, dtype=torch.float64, generator=generator) for steps in read]
    weights, grads = network.layout.views(flat), torch.zeros_like(flat)
    with torch.no_grad():
        tape = network.torch_tape(network, 3, 6, BATCH, **FLOAT64)
        tape.forward(weights, inputs)
        tape.backward(weights, direct, network.layout.views(grads))
        steps = torch.stack([h.clone() for h in network.steps(weights, inputs[0])])
        found = {f"d{i}": tape.d(i).clone() for i in range(3)} | {f"out{i}": tape.out(i).clone() for i in range(3)}
        states = [tape.state(i) for i in range(3)]
        tape.forward(weights, [inputs[0][:2], inputs[1][:2], inputs[2][:2]], states)
        found |= {f"carried{i}": tape.out(i).clone() for i in range(3)}
    return {**found, "grads": grads, "steps": steps}


@pytest.mark.parametrize("reals", [False, True], ids=["symbols", "reals"])
def test_it_computes_what_the_written_out_cell_computes(reals: bool) -> None:
    mine, ours = passes(Elman(hidden=HIDDEN), reals), passes(RnnSection(hidden=HIDDEN, init=OrthogonalInit()), reals)
    for name, expected in ours.items():
        torch.testing.assert_close(
            mine[name], expected, rtol=1e-11, atol=1e-12, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_the_gradient_by_a_hidden_state_is_that_of_a_perturbed_one() -> None:
    section = Lstm(hidden=HIDDEN)
    network = section.network(INPUTS, OUTPUTS)
    generator = torch.Generator().manual_seed(2)
    flat = torch.randn(1, network.layout.size, dtype=torch.float64, generator=generator)
    weights = network.layout.views(flat)
    inputs = torch.randint(INPUTS, (5, BATCH), generator=generator)
    direct = torch.randn(2, BATCH, HIDDEN, dtype=torch.float64, generator=generator)

    def loss_after(state: torch.Tensor, start: int) -> torch.Tensor:
        total = torch.zeros((), dtype=torch.float64)
        own = network.own_weights(weights, 0)
        for t in range(start, 5):
            state = network.step(own, network.as_numbers(inputs[t], flat), state)
            if t >= 3:
                total = total + (state[:, :HIDDEN] * direct[t - 3]).sum()
        return total

    with torch.no_grad():
        tape = network.torch_tape(network, 1, 5, BATCH, **FLOAT64)
        tape.forward(weights, [inputs])
        tape.backward(weights, [direct], network.layout.views(torch.zeros_like(flat)))
        for t in range(4):  # of the states that the head does not read
            state = tape.h_RTBH[0, t].clone()
            direction = torch.randn(BATCH, HIDDEN, dtype=torch.float64, generator=generator)
            moved = torch.cat([1e-6 * direction, torch.zeros_like(direction)], 1)
            difference = (loss_after(state + moved, t) - loss_after(state - moved, t)) / 2e-6
            assert float((tape.d(0)[t] * direction).sum()) == pytest.approx(float(difference), rel=1e-6)


def test_it_begins_with_the_weights_of_a_file(tmp_path: Path) -> None:
    shapes = Elman(hidden=HIDDEN).network(INPUTS, OUTPUTS).layout.shapes
    rng = np.random.default_rng(3)
    weights = {name: rng.standard_normal(shape) for name, shape in shapes}
    with (tmp_path / "elman").open("wb") as file:
        write_safetensors(file, weights, {})
    init = {"name": "from", "file": str(tmp_path / "elman")}
    section = Elman.model_validate({"hidden": HIDDEN, "init": init}).identified(lambda: (INPUTS, OUTPUTS))
    assert section.data is not None
    assert section.data[1] == hash_of(weights)
    drawn = section.initial_weights(rng, shapes, ())
    assert drawn.keys() == weights.keys()
    assert all(np.array_equal(drawn[name], weights[name]) for name in weights)


def changed(step: Callable[..., Any]) -> StepSection:
    """The cell with another step."""
    kind = type("Changed", (Elman,), {"step": step, "__module__": __name__})
    return kind(hidden=HIDDEN)  # type: ignore[no-any-return]


Step = Callable[[StepSection, Any, torch.Tensor, torch.Tensor], Any]
BROKEN: list[tuple[str, Step, str]] = [
    ("no tensor", lambda self, w, x, s: None, "returned NoneType, and not a tensor"),
    ("a pair", lambda self, w, x, s: (s, s), "returned tuple, and not a tensor"),
    ("another shape", lambda self, w, x, s: s[:, :2], "returned (5, 2) float64; the state before it is (5, 7)"),
    ("another dtype", lambda self, w, x, s: s.float(), "returned (5, 7) float32"),
    ("an error", lambda self, w, x, s: s @ w["W_oh"], "step of elman failed: KeyError: 'W_oh'"),
    ("wrong product", lambda self, w, x, s: x @ w["W_hh"], "failed: RuntimeError: mat1 and mat2 shapes"),
    ("detached state", lambda self, w, x, s: Elman.step(self, w, x, s.detach()),
        "breaks the graph of autograd: its result does not depend on the state before it"),
    ("detached result", lambda self, w, x, s: Elman.step(self, w, x, s).detach(),
        "does not depend on W_uh, W_hh, b_hh, the state before it"),
    ("detached weight", lambda self, w, x, s: torch.tanh(x @ w["W_uh"] + s @ w["W_hh"].detach()),
        "does not depend on W_hh, b_hh"),
    ("state changed in place", lambda self, w, x, s: s.mul_(0.5), "failed: RuntimeError"),
]  # fmt: skip


@pytest.mark.parametrize(("step", "line"), [each[1:] for each in BROKEN], ids=[each[0] for each in BROKEN])
def test_a_step_that_is_wrong_is_told_in_a_line(step: Step, line: str) -> None:
    with pytest.raises(CodeError) as caught:
        passes(changed(step), False)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_answers_what_is_asked_of_a_cell() -> None:
    section = Elman(hidden=HIDDEN)
    network = section.network(INPUTS, OUTPUTS)
    assert section.weight_names == tuple(name for name, _ in network.layout.shapes)
    assert section.weights(INPUTS, OUTPUTS) == network.layout.size
    assert network.recurrent == ("W_hh",)
    assert (section.products, section.saturation_limit) == (1, 1.0)
    weights = network.layout.views(torch.randn(1, network.layout.size))
    assert network.candidate(weights) is weights["W_hh"]
