"""Network: a trained network as a torch.nn.Module, with its states and gates, and gradients for its weights.

It goes through time by the passes of the trainer itself (rnnctl.cells.base.passes), forward and backward: so its
outputs are the trainer's, and its gradients are those of the backpropagation through time that is written out there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from rnnctl.api.rows import ByName
from rnnctl.arguments import quoted
from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.heads import read
from rnnctl.cells.base.names import HEAD
from rnnctl.cells.base.passes import make_tape
from rnnctl.cells.base.tape import Tape
from rnnctl.errors import InvalidArgument
from rnnctl.study.run import RunSpec
from rnnctl.training.trained import Trained, WeightsAt

Inputs = torch.Tensor | npt.NDArray[Any]


class Unrolled(NamedTuple):
    """What a network does over T steps with B sequences.

    outputs: y_t, (T, B, O). hidden: the hidden state that is read at every step, (T, B, H). gates: each gate by name,
    (T, B, H). state: what the next step starts from, (B, C), with C = H unless the cell has more than h_t.
    """

    outputs: torch.Tensor
    hidden: torch.Tensor
    gates: dict[str, torch.Tensor]
    state: torch.Tensor


class Step(NamedTuple):
    """What a network does in one step: as Unrolled, without the axis of time."""

    outputs: torch.Tensor
    hidden: torch.Tensor
    gates: dict[str, torch.Tensor]
    state: torch.Tensor


class Network(torch.nn.Module):
    """The network of a run with weights of its own: changing them changes no run.

    Time is the first axis. Inputs are symbols, (T, B) integers from 0 to V - 1, or real numbers, (T, B, V). Parameters
    have the names of the equations of the cell, such as `W_hh`, and the row-vector convention: h W. Gradients are
    computed for all parameters, not for inputs or states. spec: of the run. updates: those that led to the weights.
    """

    def __init__(self, trained: Trained, weights: WeightsAt) -> None:
        """Raise ValueError if the text that the network was trained on has changed or is gone."""
        super().__init__()
        self.spec: RunSpec = trained.spec
        self.updates = weights.step
        self.cell: Cell = trained.cell
        self._every_step = trained.task.question.every_step
        for name, values in trained.views(weights).items():
            self.register_parameter(name, torch.nn.Parameter(values.clone()))

    def forward(self, inputs: Inputs, state: torch.Tensor | None = None) -> torch.Tensor:
        """Return the outputs that the task asks for: (B, O) at the last step, or (T, B, O) if every step is asked.

        state: what the first step starts from, (B, C), as `unroll` and `step` return it; None for zeros. Raise
        InvalidArgument for inputs or a state that do not fit the network.
        """
        hidden, _ = self._through_time(inputs, state)
        return self._read(hidden) if self._every_step else self._read(hidden[-1:])[0]

    def unroll(self, inputs: Inputs, state: torch.Tensor | None = None) -> Unrolled:
        """Return outputs, hidden states and gates of every step. Raise InvalidArgument, as `forward` does."""
        hidden, tape = self._through_time(inputs, state)
        gates = ByName("gate", {name: values.clone() for name, values in tape.gates(0).items()})
        return Unrolled(self._read(hidden), hidden, gates, tape.state(0))

    def step(self, inputs: Inputs, state: torch.Tensor | None = None) -> Step:
        """Read one input of each sequence, (B,) symbols or (B, V) real numbers. Raise InvalidArgument, as `forward`."""
        values = _tensor(inputs)
        if values.ndim != (2 if values.is_floating_point() else 1):
            raise InvalidArgument(f"inputs of a step are (B,) symbols or (B, V) real numbers, not {_shape(values)}")
        outputs, hidden, gates, state = self.unroll(values[None], state)
        return Step(outputs[0], hidden[0], ByName("gate", {name: gate[0] for name, gate in gates.items()}), state)

    def extra_repr(self) -> str:
        cell = self.cell
        sizes = f"inputs={cell.inputs}, hidden={cell.hidden}, outputs={cell.outputs}"
        return f"{self.spec.model.name}, {sizes}, updates={self.updates}"

    def _through_time(self, inputs: Inputs, state: torch.Tensor | None) -> tuple[torch.Tensor, Tape]:
        """Return the hidden states of all steps, (T, B, H), and the tape that has the gates."""
        symbols = self._checked(inputs)
        if state is not None:
            state = self._checked_state(state, symbols.shape[1])
        tapes: list[Tape] = []
        hidden: torch.Tensor = _ThroughTime.apply(self.cell, symbols, state, tapes, *self.parameters())  # type: ignore[no-untyped-call]
        return hidden, tapes[0]

    def _read(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the outputs, (T, B, O), of hidden states, (T, B, H), by one product as the trainer makes it."""
        steps, batch, units = hidden.shape
        head = {name: weight[None] for name, weight in self.named_parameters() if name in HEAD}
        return read(head, hidden.reshape(1, steps * batch, units)).view(steps, batch, -1)

    def _checked(self, inputs: Inputs) -> torch.Tensor:
        """Return inputs as a tensor on the device of the weights. Raise InvalidArgument."""
        values, like = _tensor(inputs), next(self.parameters())
        if torch.is_grad_enabled() and values.requires_grad:
            raise InvalidArgument("gradients for inputs are not computed; pass inputs.detach()")
        if values.is_floating_point():
            if values.ndim != 3 or values.shape[2] != self.cell.inputs or 0 in values.shape:
                raise InvalidArgument(f"real inputs are (T, B, {self.cell.inputs}), not {_shape(values)}")
            if not self.spec.model.takes_reals:
                raise InvalidArgument(f"a network of cell {self.spec.model.name} reads symbols, (T, B) integers")
            return values.to(like).contiguous()
        if values.ndim != 2 or 0 in values.shape or values.dtype == torch.bool or values.is_complex():
            raise InvalidArgument(f"inputs are (T, B) integers or (T, B, V) real numbers, not {_shape(values)}")
        least, most = int(values.min()), int(values.max())
        if least < 0 or most >= self.cell.inputs:
            wrong = least if least < 0 else most
            raise InvalidArgument(f"symbols are 0 to {self.cell.inputs - 1:,}, and one of the inputs is {wrong:,}")
        return values.to(like.device, torch.int64).contiguous()

    def _checked_state(self, state: torch.Tensor, batch: int) -> torch.Tensor:
        """Return a state like the weights. Raise InvalidArgument."""
        if not isinstance(state, torch.Tensor):
            raise InvalidArgument(f"a state is a tensor, as `step` and `unroll` return it, not {type(state).__name__}")
        if torch.is_grad_enabled() and state.requires_grad:
            raise InvalidArgument("gradients for states are not computed; pass state.detach()")
        tape = make_tape(self.cell, 1, 1, batch, dtype=torch.float32, device="cpu")
        tape.forward(_zeros(self.cell), [_any_input(self.spec, self.cell, batch)])
        wanted = tuple(tape.state(0).shape)
        if tuple(state.shape) != wanted:
            raise InvalidArgument(f"a state is {wanted}, not {_shape(state)}")
        return state.to(next(self.parameters()))


class _ThroughTime(torch.autograd.Function):
    """The hidden states of every step, (T, B, H), with gradients for the weights by the cell's own backward pass."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        inputs: torch.Tensor,
        state: torch.Tensor | None,
        tapes: list[Tape],
        *weights: torch.Tensor,
    ) -> torch.Tensor:
        ctx.cell, ctx.inputs, ctx.state = cell, inputs, state
        ctx.save_for_backward(*weights)
        tape = _run(cell, inputs, state, weights)
        tapes.append(tape)
        ctx.tape = tape
        return tape.out(0).clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, d_TBH: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        weights = ctx.saved_tensors
        # A backward pass overwrites what it reads of the forward pass: a second one has to make that anew.
        tape = ctx.tape or _run(ctx.cell, ctx.inputs, ctx.state, weights)
        ctx.tape = None
        flat, grads = _flat(weights), torch.zeros_like(_flat(weights))
        views = ctx.cell.layout.views(grads)
        tape.backward(ctx.cell.layout.views(flat), [d_TBH.contiguous()], views)
        # Autograd itself takes the outputs back to the head.
        return None, None, None, None, *(None if name in HEAD else view[0] for name, view in views.items())


def _run(cell: Cell, inputs: torch.Tensor, state: torch.Tensor | None, weights: tuple[torch.Tensor, ...]) -> Tape:
    flat = _flat(weights)
    steps, batch = inputs.shape[:2]
    with torch.no_grad():
        tape = make_tape(cell, 1, steps, batch, dtype=flat.dtype, device=str(flat.device))
        tape.forward(cell.layout.views(flat), [inputs], None if state is None else [state])
    return tape


def _flat(weights: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Return all weights in one row, (1, N), as a pack of one run has them: loops rely on their order in memory."""
    return torch.cat([weight.detach().reshape(-1) for weight in weights])[None]


def _zeros(cell: Cell) -> dict[str, torch.Tensor]:
    return cell.layout.views(torch.zeros(1, cell.layout.size))


def _any_input(spec: RunSpec, cell: Cell, batch: int) -> torch.Tensor:
    return torch.zeros(1, batch, cell.inputs) if spec.task.reads_reals else torch.zeros(1, batch, dtype=torch.int64)


def _tensor(values: Inputs) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "iuf":
        raise InvalidArgument(f"inputs are an array of numbers, not {quoted(values)}")
    return torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iu" else array)


def _shape(values: torch.Tensor) -> str:
    return str(tuple(values.shape))
