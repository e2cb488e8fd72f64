"""Passes through time on a GPU, for a whole pack in a few launches.

A KernelTape keeps everything in one arena on the device, so that one table of numbers can say where the factors of each
weight's gradient lie (rnnctl.kernels.gpu.gradients). Runs differ in length: kernels read the lengths from the device,
so the launches of an update are always the same and can be recorded once. Rows need no order.

Rows may have several networks, if kernels read from tables what differs between them (see rnnctl.cells.base.kinds).

A cell gives its buffers, a launch for each direction, and the products of its gradients; see the abstract methods.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch

from rnnctl.cells.base.cell import Cell
from rnnctl.cells.base.kinds import Kinds
from rnnctl.cells.base.section import CellSection
from rnnctl.kernels.gpu import gradients, heads
from rnnctl.kernels.gpu.launch import blocks, launch, parts_of
from rnnctl.question import Question

ALIGNED = 16  # numbers; a buffer begins at a multiple
GATHERED = 1024  # weights that a program of rnnctl.kernels.gpu.gradients.gather takes


# One row, or several whose runs have equally many steps; their axis comes first.
Rows = int | slice


@dataclass(frozen=True)
class Inputs:
    """The inputs of a pack on the device.

    values: (R, T, B) symbols or (R, T, B, V) reals; R is 1 where all runs have the same. lengths_R: int32, the steps of
    each run. goes_on_R: int32, 1 for a run that starts from the state that it carries. shared: whether all runs have
    the same inputs and targets.
    """

    values: torch.Tensor
    lengths_R: torch.Tensor
    goes_on_R: torch.Tensor
    shared: bool = False

    @property
    def reals(self) -> bool:
        """Whether the inputs are real numbers."""
        return self.values.is_floating_point()

    @property
    def stride(self) -> int:
        """How far apart the inputs of two runs are; 0 where all have the same."""
        # Not 0 for a run alone: Triton makes another program for a multiple of 16, and that may have other bits.
        return 0 if self.shared else self.values.stride(0)


@dataclass(frozen=True)
class Factor:
    """What is multiplied for a weight: rows of `width` numbers, one row for each time step and sequence of a run.

    buffer: a buffer of the tape, (R, T or T + 1, B, its width). column: the first number of a row that counts.
    """

    buffer: str
    width: int
    column: int = 0


@dataclass(frozen=True)
class Product:
    """Gradients A^T D, where A has states, inputs and a one side by side, as far as they are named.

    weight: of the states a. first_row: its row that the first of these states is multiplied by. inputs: the input
    matrix. bias: the bias. last_step: whether only the last step counts.
    """

    weight: str | None
    a: Factor | None
    d: Factor
    first_row: int = 0
    inputs: str | None = None
    bias: str | None = None
    last_step: bool = False


class KernelTape(ABC):
    """Buffers and launches for up to `runs` runs, `steps` steps and `batch` sequences.

    model: the network of the rows, or the widest of several: weights are (R, N) with the N of this one. `kinds` says
    which network each row has; here all have this one.
    After forward(), h(rows) is h_t for t = 0..T and gates(rows) are the gates; after backward(), d(rows) is dL/dh_t.
    every: whether the head reads every step. train: False for a tape that only goes forward, and keeps the last state
    alone unless `every`.
    """

    def __init__(
        self,
        model: Cell,
        runs: int,
        steps: int,
        batch: int,
        *,
        dtype: torch.dtype,
        device: str,
        every: bool,
        train: bool = True,
        precision: str = "ieee",
    ) -> None:
        self.model, self.runs, self.steps, self.batch = model, runs, steps, batch
        self.dtype, self.device, self.every, self.train, self.precision = dtype, device, every, train, precision
        self.keep = train or every
        self.answers = steps * batch if every else batch
        shapes = {**self._buffers(), **self._head_buffers()}
        self.arena = torch.zeros(sum(map(_room, shapes.values())), dtype=dtype, device=device)
        self.buffers: dict[str, torch.Tensor] = {}
        start = 0
        for name, shape in shapes.items():
            self.buffers[name] = self.arena[start : start + math.prod(shape)].view(shape)
            start += _room(shape)
        self.carry_RBC = torch.zeros(runs, batch, model.state_size * self._state_parts, dtype=dtype, device=device)
        self.lengths: Sequence[int] = []
        self.kinds = Kinds(device)
        self.kinds.arrange([model] * runs)
        self._turned: dict[tuple[str, ...], torch.Tensor] = {}

    takes_regularisers: ClassVar[bool] = False  # whether Omega is defined for the cell
    _section: ClassVar[type[CellSection]]  # the cell's, which tells without torch how passes are cut into programs
    _state_parts: ClassVar[int] = 1  # states of `model.state_size` units that are handed from batch to batch

    def _head_buffers(self) -> dict[str, tuple[int, ...]]:
        head: dict[str, tuple[int, ...]] = {
            "dy": (self.runs, self.answers, self.model.outputs),
            "losses": (self.runs, self.answers),
        }
        if not self.keep:
            head["last"] = (self.runs, self.batch, self.model.hidden)
        if self.train:
            head |= {"direct": (self.runs, self.answers, self.model.hidden), "omegas": (self.runs,)}
        return head

    @abstractmethod
    def _buffers(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the cell's buffers, runs first. `h` and `d` are among them."""

    @abstractmethod
    def forward(self, flat_RN: torch.Tensor, inputs: Inputs, *, carry: bool = False) -> None:
        """Launch the recurrence over all rows. carry: whether final states are kept, as the next initial ones."""

    @abstractmethod
    def backward(self, flat_RN: torch.Tensor, inputs: Inputs) -> None:
        """Launch the way back, from `direct` to dL/dh_0 and all deltas."""

    @abstractmethod
    def products(self, network: Cell) -> list[Product]:
        """Return the products that are the gradients of the cell's weights in rows with this network. Without the
        head's.
        """

    @property
    @abstractmethod
    def read(self) -> Factor:
        """The states that the head reads: (R, T, B, H), for t = 1..T, of a tape that keeps all steps."""

    @property
    def _in_registers(self) -> bool:
        """Whether a program takes one sequence, and keeps the recurrent matrices in its registers."""
        return self._section.in_registers(self.model.hidden, self.precision)

    def steps_of(self, rows: Rows) -> int:
        """Return T, the time steps of a row, or of rows that all have the same. Set `lengths` first."""
        lengths = self.lengths[rows]
        if isinstance(lengths, int):
            return lengths
        (steps,) = set(lengths)
        return steps

    def h(self, rows: Rows) -> torch.Tensor:
        """Return h_t of rows for t = 0..T, (..., T + 1, B, H)."""
        return self.buffers["h"][rows, : self.steps_of(rows) + 1]

    def d(self, rows: Rows) -> torch.Tensor:
        """Return dL/dh_t of rows for t = 0..T, (..., T + 1, B, H)."""
        return self.buffers["d"][rows, : self.steps_of(rows) + 1]

    def gates(self, rows: Rows) -> dict[str, torch.Tensor]:
        """Return each gate of rows for t = 1..T, (..., T, B, H), by name. The rows must have the same gates."""
        return {}

    def gates_of(self, network: Cell) -> tuple[str, ...]:
        """Return what tells the gates of rows with this network from those of others: nothing if all have the same."""
        return ()

    def regularise(self, scalars_RS: torch.Tensor) -> None:
        """Launch Omega and what it adds to gradients, after backward(). scalars_RS: alpha and bound come first.

        Nothing is launched for a cell that the regulariser is not defined for.
        """
        return

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each weight of the widest network begins in its row."""
        return self._places_of(self.model)

    def _places_of(self, network: Cell) -> dict[str, int]:
        """Return where each weight of a network begins in its row: they end where the row does."""
        starts, start = {}, self.model.layout.size - network.layout.size
        for name, shape in network.layout.shapes:
            starts[name] = start
            start += math.prod(shape)
        return starts

    def weight(self, flat_RN: torch.Tensor, name: str) -> torch.Tensor:
        """Return the weight of a name where the widest network has it in the first row, from where a kernel finds those
        of the others.
        """
        return flat_RN[0, self.places[name] :]

    @property
    def table(self) -> torch.Tensor:
        """The tiles of all gradients of each kind of network, for rnnctl.kernels.gpu.gradients.products."""
        return self.kinds.table("gradients", self._tiles)

    def _tiles(self, network: Cell) -> list[list[int]]:
        head = Product("W_hy", self.read, Factor("dy", self.model.outputs), bias="b_hy", last_step=not self.every)
        shapes, places = dict(network.layout.shapes), self._places_of(network)
        rows: list[list[int]] = []

        def add(a: list[int], height: int, tile_rows: int, product: Product, out: int, bias: int, length: int) -> None:
            d = self._place(product.d)
            for first in range(0, height, tile_rows):
                for column in range(0, length, self._tile[1]):
                    rows.append([*a, *d, out, bias, length, first, column, length, int(product.last_step)])

        for product in [*self.products(network), head]:
            if product.a is not None and product.weight is not None:
                length, width = shapes[product.weight][-1], product.a.width
                out = places[product.weight] + product.first_row * length
                add([*self._place(product.a), width, 0, 0], width, self._tile[0], product, out, 0, length)
            named = [name for name in (product.inputs, product.bias) if name is not None]
            if named:
                inputs, ones = self.model.inputs if product.inputs else 0, int(product.bias is not None)
                out, bias = (places[name] if name else 0 for name in (product.inputs, product.bias))
                length = shapes[named[0]][-1]
                add([0, 0, 0, 0, inputs, ones], inputs + ones, self._input_rows, product, out, bias, length)
        return rows

    @property
    def _input_rows(self) -> int:
        """Rows of a tile of inputs and a one."""
        return gradients.FEW if self.model.inputs < 2 * gradients.FEW else self._tile[0]

    def transposed(self, flat_RN: torch.Tensor, *names: str) -> torch.Tensor:
        """Return a copy of the weights in which these matrices are transposed, each in its own place; the other weights
        are not copied. Names that a row's network has not are passed over.

        A kernel that reads a matrix block by block is several times as fast if what it sums over comes first.
        """
        table = self.kinds.table(("transposed", names), lambda network: self._turned_blocks(network, names))
        if names not in self._turned:
            self._turned[names] = torch.zeros(self.runs, flat_RN.shape[1], dtype=self.dtype, device=self.device)
        turned_RN = self._turned[names]
        launch(
            gradients.transpose, (table.shape[1], len(flat_RN)), flat_RN, turned_RN, self.kinds.numbers_R, table,
            flat_RN.shape[1],
            BLOCK=gradients.TURNED,
        )  # fmt: skip
        return turned_RN

    def _turned_blocks(self, network: Cell, names: Collection[str]) -> list[list[int]]:
        places, rows = self._places_of(network), []
        for name, shape in network.layout.shapes:
            if name in names:
                height, width = shape
                for first in range(0, height, gradients.TURNED):
                    for column in range(0, width, gradients.TURNED):
                        rows.append([places[name], height, width, first, column])
        return rows

    def _place(self, factor: Factor) -> tuple[int, int, int]:
        buffer = self.buffers[factor.buffer]
        at = int(buffer.storage_offset()) + factor.column
        return at, buffer.stride(0), buffer.stride(-2)

    @property
    def _tile(self) -> tuple[int, int, int]:
        return gradients.TILES[str(self.dtype).removeprefix("torch.")]

    @cached_property
    def parts(self) -> int:
        """Parts that the rows of gradients are split into. The same for every pack of one key."""
        return parts_of(self.steps * self.batch)

    @cached_property
    def _gathering(self) -> tuple[torch.Tensor, torch.Tensor]:
        size = self.model.layout.size
        parts = torch.zeros(self.runs, self.parts, size, dtype=self.dtype, device=self.device)
        squares = torch.zeros(self.runs, blocks(size, GATHERED), 2, dtype=self.dtype, device=self.device)
        return parts, squares

    def flags(self, frozen: Sequence[Collection[str]]) -> torch.Tensor:
        """Return what the kernels have to know of each weight of each run, (R, N) uint8: RECURRENT, FROZEN or 0. What
        lies before a run's own weights is FROZEN.

        frozen: for each run the names of the weights that are frozen.
        """
        flags_RN = torch.full((len(frozen), self.model.layout.size), gradients.FROZEN, dtype=torch.uint8)
        for flags_N, network, names in zip(flags_RN, self.kinds.networks, frozen, strict=True):
            places, recurrent = self._places_of(network), set(network.recurrent)
            for name, shape in network.layout.shapes:
                if name not in names:
                    place = slice(places[name], places[name] + math.prod(shape))
                    flags_N[place] = gradients.RECURRENT if name in recurrent else 0
        return flags_RN.to(self.device)

    def gradients(
        self, flat_RN: torch.Tensor, inputs: Inputs, grads_RN: torch.Tensor, flags_RN: torch.Tensor
    ) -> torch.Tensor:
        """Write the gradients of all weights, 0 for those that are frozen, and return the sums of squares of blocks of
        them (see `gather`).

        flags_RN: as `flags` returned them.
        """
        parts_RSN, squares_RG2 = self._gathering
        runs, size = flat_RN.shape
        table = self.table
        launch(
            gradients.products,
            (table.shape[1], self.parts, runs),
            self.arena, inputs.values, inputs.stride, inputs.lengths_R, self.kinds.numbers_R, table, parts_RSN, size,
            self.batch, self.model.inputs,
            HAS_REALS=inputs.reals, SPLIT=self.parts, PRECISION=self.precision,
            BI=self._input_rows, **dict(zip(("BK", "BN", "BM"), self._tile, strict=True)),
        )  # fmt: skip
        launch(
            gradients.gather,
            (blocks(size, GATHERED), runs),
            parts_RSN, flat_RN, flags_RN, grads_RN, squares_RG2, size,
            SPLIT=self.parts, BLOCK=GATHERED,
        )  # fmt: skip
        return squares_RG2

    def head(self, question: Question, flat_RN: torch.Tensor, inputs: Inputs, targets_RA: torch.Tensor) -> None:
        """Launch the head over the states that forward() left: write `losses`, `dy`, `wrong`, and `direct`.

        targets_RA: a target for each answer of each run; one row where all runs have the same.
        """
        runs, outputs = len(flat_RN), self.model.outputs
        assert question.every_step == self.every
        if self.keep:
            at, run, row = self._place(self.read)
            states = self.arena[at:]
        else:
            last = self.buffers["last"]
            states, run, row = last, last.stride(0), last.stride(1)
        launch(
            heads.head,
            (blocks(self.answers, heads.TILE), runs),
            states, run, row, targets_RA, 0 if inputs.shared else targets_RA.stride(0), inputs.lengths_R,
            self.weight(flat_RN, "W_hy"), self.weight(flat_RN, "b_hy"), flat_RN.shape[1], self.buffers["dy"],
            self.buffers.get("direct"), self.buffers["losses"], self.wrong_RA, self.answers,
            self.batch, self.model.hidden, outputs, question.tolerance,
            EVERY=self.every, KEPT=self.keep, SQUARED=question.loss == "squared_error", TRAIN=self.train,
            PRECISION=self.precision, TILE=heads.TILE, BLOCK=heads.BLOCK,
        )  # fmt: skip

    def judge(self, question: Question, inputs: Inputs, runs: int) -> torch.Tensor:
        """Return the sums over sequences of the mean loss and of the error, (R, 2) float64, after head()."""
        sums_R2 = torch.empty(runs, 2, dtype=torch.float64, device=self.device)
        launch(
            heads.judge,
            (runs,),
            self.buffers["losses"], self.wrong_RA, inputs.lengths_R, sums_R2, self.answers, self.batch,
            EVERY=self.every, JUDGED=question.judged, TILE=heads.BLOCK,
        )  # fmt: skip
        return sums_R2

    @cached_property
    def wrong_RA(self) -> torch.Tensor:
        """Whether each answer is wrong, after head()."""
        return torch.zeros(self.runs, self.answers, dtype=torch.int8, device=self.device)


def _room(shape: tuple[int, ...]) -> int:
    """Return the numbers that a buffer takes in the arena, so that the next one begins at a multiple of 16 bytes.

    Triton makes other programs, which may have other bits, for addresses that are not. Where a buffer begins depends on
    the number of runs, and bits must not.
    """
    return -(-math.prod(shape) // ALIGNED) * ALIGNED
