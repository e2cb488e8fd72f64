"""What a study says of a cell, and what every other room asks of it. Loads no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from rnnctl.kernels.gpu.launch import MOST_UNITS, TILE, blocks
from rnnctl.section import Section, content_of

if TYPE_CHECKING:
    import numpy as np

    from rnnctl.cells.base.cell import Cell

# batch * hidden^2 of one run up to which the compiled loops are known to beat BLAS products: the largest that was
# measured, see kernels/LOG.md.
FUSED_STEP_WORK = 50_000_000

# Sequences of a validation batch that go through time together in the compiled loops of a CPU.
SLICE = 50

# The words of train.precision that mean: factors of products are rounded to a narrow type, and all else is float32.
REDUCED = ("bfloat16", "float16")

Shapes = Sequence[tuple[str, tuple[int, ...]]]

# What other tools call the keys that every cell has; see rnnctl.section.also_called.
CELL = ("cell", "cell_type", "rnn_type", "rnn_mode")
HIDDEN = ("hidden_size", "hidden_dim", "hidden_units", "n_hidden", "num_hidden", "nhid", "units", "num_units", "size")
INIT = ("initializer", "initialization", "initialisation", "weight_init", "recurrent_initializer", "kernel_initializer")


class InitSection(Section, ABC):
    """How initial weights are drawn. A bias that is not drawn starts as the cell's section says, by default at zero."""

    name: str

    draws_biases: ClassVar[bool] = False  # whether `draw` returns the biases too

    @abstractmethod
    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> dict[str, np.ndarray]:
        """Draw initial weights by name, float64.

        shapes: names and shapes of all weights in the order of the cell's layout: matrices (fan in, fan out), biases
        (fan out,). recurrent: the names of the recurrent matrices. An init that reads a file (see `data`) gets, and
        returns, the names that exports give to weights.
        """

    @property
    def data(self) -> tuple[str, str] | None:
        """Where the data lies that the init reads, and its hash; None for an init that draws."""
        return None

    def portable_data(self) -> bytes:
        """Return the data that the init reads as the content of one file: wherever that lies, the run is the same.

        Call it only where there is `data`. Raise ValueError, in one line, if the data cannot be read.
        """
        assert self.data is not None
        return content_of(self.data[0])

    def identified(self, shapes: Callable[[], Shapes]) -> Self:
        """Return the section with its derived keys, such as the hash of a file, filled in.

        shapes: of all weights under the names that files have, computed when they are asked for. Raise ValueError, in
        one line that names the key, if the data is missing or is not what the section says.
        """
        return self


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

    units_in_registers: ClassVar[int] = MOST_UNITS  # the most hidden units with which `in_registers` holds
    has_omega: ClassVar[bool]  # whether the regulariser Omega is defined for the cell
    takes_reals: ClassVar[bool]  # whether inputs may be real numbers; symbols are always taken
    # Seconds on a core of one time step of a run, forward and backward, that torch operations take beside the products,
    # for estimates of costs; 0 where that is not worth counting.
    step_seconds: ClassVar[float] = 0.0
    # How exports name a weight, where the name differs from ours.
    export_names: ClassVar[Mapping[str, str]] = {}
    # The keys that set initial biases. They have no meaning beside an init that draws the biases.
    bias_keys: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _bias_keys_have_a_meaning(self) -> Self:
        for key in self.bias_keys:
            value = getattr(self, key)
            if self.init.draws_biases and value != type(self).model_fields[key].default:
                raise ValueError(f"{key} {value} has no meaning beside init {self.init.name}, which has all biases")
        return self

    @abstractmethod
    def network(self, inputs: int, outputs: int) -> Cell:
        """Return the network for so many input symbols (or real inputs) and outputs. Loads torch.

        It reads only keys that runs of a pack have in common.
        """

    @property
    def weight_names(self) -> tuple[str, ...]:
        """The names of the network's weights, in the order of its layout.

        Here they are those of the network itself, which loads torch. A cell that knows them without need not load it.
        """
        return tuple(name for name, _ in self.network(1, 1).layout.shapes)

    def identified(self, sizes: Callable[[], tuple[int, int]]) -> Self:
        """Return the section with the derived keys of its init filled in, if there are any.

        sizes: inputs and outputs of the network, computed when they are asked for. Raise ValueError as the init does.
        """
        init = self.init.identified(lambda: self._exported(self.network(*sizes()).layout.shapes))
        return self if init is self.init else self.model_copy(update={"init": init})

    @property
    def data(self) -> tuple[str, str] | None:
        """Where the initial weights lie, and their hash; None if they are drawn."""
        return self.init.data

    def initial_weights(
        self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Return the initial weights that do not begin at a constant, by name, float64.

        Arguments are those of InitSection.draw. Raise ValueError if the weights come from a file that is missing or has
        changed.
        """
        if self.init.data is None:
            return self.init.draw(rng, shapes, recurrent)
        weights = self.init.draw(rng, self._exported(shapes), recurrent)
        return {name: weights[self.export_names.get(name, name)] for name, _ in shapes}

    def _exported(self, shapes: Shapes) -> Shapes:
        """Return the shapes under the names that exports give to weights."""
        return [(self.export_names.get(name, name), shape) for name, shape in shapes]

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
    def kept_in_checks(self) -> int:
        """What a CPU keeps for each sequence and time step of a slice of a validation, which goes forward only."""
        return self.kept_on_cpu

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

    @property
    def widest(self) -> Self:
        """The section of the widest network that a pack on a GPU may hold beside this one (see PackKey.wide).

        It differs in keys that kernels read from the device for each run, and that change no shape but those of
        weights. Sections with equal ones share packs there.
        """
        return self

    @classmethod
    def in_registers(cls, hidden: int, precision: str) -> bool:
        """Whether the GPU kernels of a cell with so many units keep its recurrent matrices in registers, instead of
        reading them, and transposed copies of them. They multiply there as float32 or float64, never as the narrow
        types of train.precision.
        """
        return hidden <= cls.units_in_registers and precision not in REDUCED

    def programs(self, batch: int, precision: str) -> int:
        """Return how many programs take a run's batch through time on a GPU: one for each sequence where matrices are
        in registers, else one for each tile of sequences.
        """
        return batch if self.in_registers(self.hidden, precision) else blocks(batch, TILE)

    def oddities(self, bptt: int | None) -> tuple[str, ...]:
        """Return what is allowed and yet hardly meant. bptt: steps that the gradient goes back; None for all."""
        return ()
