"""What a study says of a cell, and what every other room asks of it. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from rnnctl.kernels.gpu.launch import MOST_UNITS, TILE, blocks
from rnnctl.section import Section

if TYPE_CHECKING:
    import numpy as np

    from rnnctl.cells.base.cell import Cell

# batch * hidden^2 of one run up to which the compiled loops are known to beat BLAS products: the largest that was
# measured, see kernels/LOG.md.
FUSED_STEP_WORK = 50_000_000

# Sequences of a validation batch that go through time together in the compiled loops of a CPU.
SLICE = 50

Shapes = Sequence[tuple[str, tuple[int, ...]]]

# What other tools call the keys that every cell has; see rnnctl.section.also_called.
CELL = ("cell", "cell_type", "rnn_type", "rnn_mode")
HIDDEN = ("hidden_size", "hidden_dim", "hidden_units", "n_hidden", "num_hidden", "nhid", "units", "num_units", "size")
INIT = ("initializer", "initialization", "initialisation", "weight_init", "recurrent_initializer", "kernel_initializer")


class InitSection(Section, ABC):
    """How initial weights are drawn. Biases start at zero, unless the cell's section or the init says otherwise."""

    name: str

    @abstractmethod
    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> dict[str, np.ndarray]:
        """Draw initial weights by name, float64.

        shapes: names and shapes of all weights in the order of the cell's layout: matrices (fan in, fan out), biases
        (fan out,). recurrent: the names of the recurrent matrices.
        """


class CellSection(Section, ABC):
    """The section `model` of a run: a cell, its size, its initial weights.

    An abstract method or a class variable without a value is a question that every cell must answer: the catalogue
    refuses a cell that does not.
    """

    name: str
    hidden: int
    init: InitSection

    # Names that other tools have for what is no key here, each with what there is instead.
    not_keys: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("dropout", "recurrent_dropout"), "the one regulariser is train.omega"),
        **dict.fromkeys(("input_size", "output_size", "n_inputs", "n_outputs"), "it follows from the task"),
        "bidirectional": "networks read forward in time only",
        "batch_first": "the first axis is always time",
        "bias": "every cell has its biases",
    }

    has_omega: ClassVar[bool]  # whether the regulariser Omega is defined for the cell
    takes_reals: ClassVar[bool]  # whether inputs may be real numbers; symbols are always taken
    # How exports name a weight, where the name differs from ours.
    export_names: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def network(self, inputs: int, outputs: int) -> Cell:
        """Return the network for so many input symbols (or real inputs) and outputs. Loads torch.

        It reads only keys that runs of a pack have in common.
        """

    @property
    @abstractmethod
    def gates(self) -> tuple[str, ...]:
        """The names of the gates whose values are measured, drawn and exported."""

    @property
    @abstractmethod
    def products(self) -> int:
        """Products of a (hidden, hidden) matrix with the states that a time step takes, for estimates of costs."""

    def weights(self, inputs: int, outputs: int) -> int:
        """Return the number of weights of the network for so many inputs and outputs, for estimates of memory.

        This is right for a cell that has an input matrix and a bias for each of its products; others must override it.
        """
        return self.products * (inputs + self.hidden + 1) * self.hidden + (self.hidden + 1) * outputs

    @property
    @abstractmethod
    def kept_per_step(self) -> int:
        """Vectors of `hidden` numbers that training keeps for each sequence and time step: states, gates, and the
        gradients by all of them. For estimates of memory.
        """

    @property
    def kept_on_cpu(self) -> int:
        """What `kept_per_step` counts, for the compiled loops of a CPU."""
        return self.kept_per_step

    @property
    def export_activation(self) -> str:
        """The activation of the hidden units as exports name it."""
        return "tanh"

    @property
    def saturation_limit(self) -> float | None:
        """The greatest distance of a hidden unit from its nearest limit; None where units have no two limits."""
        return 1.0

    @property
    def saturation_formula(self) -> str | None:
        """The distance of a hidden unit h from its nearest limit, as figures name it."""
        return "1 \N{MINUS SIGN} |h|"

    @property
    def biases(self) -> Mapping[str, float]:
        """Biases that do not start at zero, by name."""
        return {}

    def programs(self, batch: int) -> int:
        """Return how many programs take a run's batch through time on a GPU: a small network has one for each sequence,
        a large one for each tile of sequences.
        """
        return batch if self.hidden <= MOST_UNITS else blocks(batch, TILE)

    def oddities(self, bptt: int | None) -> tuple[str, ...]:
        """Return what is allowed and yet hardly meant. bptt: steps that the gradient goes back; None for all."""
        return ()
