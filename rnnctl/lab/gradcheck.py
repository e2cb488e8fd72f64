"""Compare the gradients of cells with differences of their losses: every cell, head, loss and switch of a cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import numpy as np

from rnnctl import seeds
from rnnctl.cells.catalogue import CELLS
from rnnctl.determinism import kernel_compiler
from rnnctl.lab.cell_variants import variants_of
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.usercode import code_of
from rnnctl.lab.workspaces import root_of
from rnnctl.parts import names_of
from rnnctl.question import Question
from rnnctl.study.settings import read_settings
from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.names import is_users
from store import NoWorkspace

if TYPE_CHECKING:
    import torch

    from rnnctl.cells.base.cell import Cell
    from rnnctl.cells.base.layout import Layout
    from rnnctl.cells.base.section import CellSection
    from rnnctl.cells.base.tape import Tape
    from rnnctl.diagnostics.differences import Problem

BOUND = 1e-6
SYMBOLS, CLASSES = 3, 3
# A small network with more numbers than this is checked at some numbers of each weight, drawn at random.
MOST_NUMBERS, FEW = 2000, 24
VALUES = 2  # of an answer that has several
OMEGA = 0.5  # its weight, where it is defined
# The name under which errors of dL/dh_t stand among those of the weights.
STATES = "dL/dh_t"
NOT_REPEATED = (
    "two passes with the same weights and inputs differ, so no run of it can be repeated: "
    "does the step draw numbers, as torch.rand does?"
)


@dataclass(frozen=True)
class Size:
    """The size of the networks that are checked, and how.

    directions: along how many random directions for each weight; None checks the numbers of each weight one by one.
    variants: up to how many choices of a cell's switches are all checked.
    """

    name: str
    hidden: int
    steps: int
    batch: int
    directions: int | None
    variants: int


@dataclass(frozen=True)
class Case:
    """One comparison: a cell with its switches, its inputs, what is asked, and how its passes are computed."""

    model: str
    switches: Mapping[str, Any]
    inputs: str  # symbols or reals
    head: str  # last step or every step
    loss: str
    omega: bool
    passes: str  # torch or compiled
    size: str
    hidden: int

    @property
    def text(self) -> str:
        """The case in a few words, without the name of the model."""
        switches = [f"{key}={str(value).lower()}" for key, value in self.switches.items()]
        omega = ["with Omega"] if self.omega else []
        return ", ".join([*switches, self.inputs, self.head, self.loss, *omega, self.passes, f"{self.hidden} units"])


@dataclass(frozen=True)
class Compared:
    """The worst derivative by a parameter in a case. right: whether its relative error is within the bound."""

    case: Case
    parameter: str
    error: float
    computed: float
    difference: float
    derivatives: int
    right: bool


@dataclass(frozen=True)
class Row:
    """A parameter of a model: its largest relative error in all cases, and how many cases are beyond the bound."""

    model: str
    parameter: str
    error: float
    derivatives: int
    wrong: int
    worst: Compared


@dataclass(frozen=True)
class Checked:
    """All comparisons of a check. notes: what could not be compared."""

    bound: float
    seed: int
    comparisons: list[Compared]
    notes: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        """The number of different cases."""
        return len({each.case.text + each.case.model for each in self.comparisons})

    @property
    def right(self) -> bool:
        """Whether every error is within the bound."""
        return all(each.right for each in self.comparisons)

    @property
    def rows(self) -> list[Row]:
        """The comparisons by model and parameter, in the order of the layouts."""
        groups: dict[tuple[str, str], list[Compared]] = {}
        for each in self.comparisons:
            groups.setdefault((each.case.model, each.parameter), []).append(each)
        return [
            Row(
                model,
                parameter,
                max(each.error for each in group),
                sum(each.derivatives for each in group),
                sum(not each.right for each in group),
                max(group, key=lambda each: each.error),
            )
            for (model, parameter), group in groups.items()
        ]


def gradcheck(
    models: Sequence[str] = (),
    *,
    hidden: int = 3,
    large: int = 24,
    directions: int = 2,
    bound: float = BOUND,
    seed: int = 1,
    settings: Sequence[str] = (),
    workspace: Path | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Checked:
    """Compare the gradients of cells with central differences of their losses, in float64.

    models: names of cells; without, all of the catalogue. hidden: units of the small networks, whose weights are
    checked one by one. large: units of the large networks, which are checked along `directions` random directions for
    each weight; 0 leaves them out. settings: keys of the section `model` that are held, such as `model.layers=1`.
    workspace: that which may trust the modules of users' cells; without, the nearest at or above the current folder.
    tell: called with each cell's name before it is checked.

    Raise LabError for an unknown cell, for settings that a cell cannot have, and for a user's cell that draws numbers.
    """
    import torch

    held = _held(settings)
    with code_of(_folder(workspace)):
        sections = [_section(name) for name in dict.fromkeys(models)] if models else list(CELLS)
    sizes = [Size("small", hidden, 4, 2, None, variants=128)]
    if large:
        sizes.append(Size("large", large, 8, 3, directions, variants=8))
    comparisons: list[Compared] = []
    notes: list[str] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on matrices of this size, threads only wait for each other
    try:
        with torch.no_grad():
            for section in sections:
                name = names_of(section)[0]
                tell(name)
                for size in sizes:
                    for case, problem in _problems(section, name, held, size, seed):
                        comparisons += _compare(case, problem, size, seed, bound, notes)
    finally:
        torch.set_num_threads(threads)
    if kernel_compiler() is None:
        notes.append("numba is not installed, or NUMBA_DISABLE_JIT is set: compiled loops were not checked")
    return Checked(bound, seed, comparisons, list(dict.fromkeys(notes)))


def _folder(workspace: Path | None) -> Path:
    """Return the folder of a workspace; the current folder if there is none."""
    try:
        return root_of(workspace)
    except NoWorkspace:
        return Path.cwd()


def _section(name: str) -> type[CellSection]:
    try:
        return CELLS[name]
    except (CodeError, KeyError) as error:
        raise LabError(str(error.args[0]), Code.USAGE) from None


def _held(settings: Sequence[str]) -> dict[str, Any]:
    """Return the keys of the section `model` that settings hold."""
    held: dict[str, Any] = {}
    for setting in read_settings(settings):
        for change in setting.changes:
            if change.path[:1] != ("model",) or len(change.path) > 2:
                raise LabError("only keys of the cell can be set, such as model.layers=1", argument="set",
                               value=setting.text)  # fmt: skip
            if len(change.path) == 2:
                held[change.path[1]] = change.value
    return held


def _problems(
    section: type[CellSection], name: str, held: Mapping[str, Any], size: Size, seed: int
) -> Iterator[tuple[Case, Problem]]:
    """Make the networks and batches that a cell is checked on. The passes of the cases are not named yet."""
    kinds = ["symbols", *(["reals"] if section.takes_reals else [])]
    omegas = [False, True] if section.has_omega else [False]
    for switches, model in variants_of(section, name, held, size.hidden, size.variants):
        for inputs, question, omega in itertools.product(kinds, _questions(), omegas):
            network = model.network(SYMBOLS, _outputs(question))
            head = "every step" if question.every_step else "last step"
            loss = question.loss.replace("_", " ") + (f" of {question.values}" if question.values > 1 else "")
            case = Case(name, switches, inputs, head, loss, omega, "", size.name, model.hidden)
            yield case, _problem(network, question, inputs == "reals", omega, size, seed)


def _questions() -> list[Question]:
    """Return every kind of head: each loss, and that of several values, of the last step and of every step."""
    kinds = [(loss, 1) for loss in get_args(get_type_hints(Question)["loss"])] + [("squared_error", VALUES)]
    return [Question(loss, every_step, values=values) for loss, values in kinds for every_step in (False, True)]


def _outputs(question: Question) -> int:
    return question.values if question.loss == "squared_error" else CLASSES


def _tapes(network: Cell) -> dict[str, type[Tape]]:
    """Return the passes that a network has on a CPU, by name."""
    tapes = {"torch": network.torch_tape}
    if kernel_compiler() is not None and (fused := network.fused_tape) is not None:
        tapes["compiled"] = fused
    return tapes


def _problem(network: Cell, question: Question, reals: bool, omega: bool, size: Size, seed: int) -> Problem:
    """Draw weights, a batch and the state that it starts from, which another batch has left."""
    import torch

    from rnnctl.diagnostics.differences import Problem

    rng = seeds.generator(seed, seeds.INITIAL_WEIGHTS)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape))

    def batch() -> torch.Tensor:
        shape = size.steps, size.batch
        return numbers(*shape, SYMBOLS) if reals else torch.from_numpy(rng.integers(SYMBOLS, size=shape))

    # Sums have a deviation near 1: activations bend, and few of them are flat.
    scales = [(shape, 1.2 / math.sqrt(shape[0]) if len(shape) > 1 else 0.5) for _, shape in network.layout.shapes]
    weights_N = torch.cat([scale * numbers(*shape).flatten() for shape, scale in scales])
    before, inputs = batch(), batch()
    shape = (size.steps, size.batch) if question.every_step else (size.batch,)
    shape = (*shape, question.values) if question.values > 1 else shape
    squared = question.loss == "squared_error"
    targets = numbers(*shape) if squared else torch.from_numpy(rng.integers(CLASSES, size=shape))
    tape = network.torch_tape(network, 1, size.steps, size.batch, dtype=torch.float64, device="cpu")
    tape.forward(network.layout.views(weights_N[None]), [before])
    return Problem(network, question, weights_N, inputs, targets, tape.state(0), alpha=OMEGA if omega else 0.0)


def _compare(case: Case, problem: Problem, size: Size, seed: int, bound: float, notes: list[str]) -> list[Compared]:
    """Return the worst derivative by each weight, and by hidden states, for all passes of a network."""
    from rnnctl.diagnostics.differences import compare_states, compare_weights, repeats

    if is_users(case.model) and not repeats(problem):
        raise LabError(f"{case.model}: {NOT_REPEATED}", Code.FAILURE)
    tapes, rng = _tapes(problem.network), seeds.generator(seed, seeds.TRAINING)
    kinds = list(tapes.values())
    by_passes = compare_weights(problem, kinds, _directions(problem.network.layout, size, rng))
    if not case.omega:  # which changes the gradients of weights alone
        drawn = _normal(rng, size.directions, size.batch, problem.network.measured_units) if size.directions else None
        of_states = compare_states(problem, kinds, drawn)
        if of_states is None:
            notes.append(f"{case.model}: its state does not begin with h_t, so that {STATES} was not compared")
        else:
            for worst, states in zip(by_passes, of_states, strict=True):
                worst[STATES] = states
    return [
        Compared(
            replace(case, passes=passes),
            parameter,
            worst.error,
            worst.computed,
            worst.difference,
            worst.count,
            worst.error <= bound,
        )
        for passes, of_passes in zip(tapes, by_passes, strict=True)
        for parameter, worst in of_passes.items()
    ]


def _directions(layout: Layout, size: Size, rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Return the directions in which each weight is perturbed, (K, N), by its name."""
    import torch

    if size.directions is None:
        few = layout.size > MOST_NUMBERS
        singles, start = {}, 0
        for name, shape in layout.shapes:
            count = math.prod(shape)
            chosen = np.sort(rng.choice(count, FEW, replace=False)) if few and count > FEW else np.arange(count)
            singles[name] = torch.zeros(len(chosen), layout.size, dtype=torch.float64)
            singles[name][torch.arange(len(chosen)), torch.from_numpy(chosen + start)] = 1.0
            start += count
        return singles
    directions: dict[str, torch.Tensor] = {}
    for name, shape in layout.shapes:
        directions[name] = torch.zeros(size.directions, layout.size, dtype=torch.float64)
        layout.views(directions[name])[name].copy_(_normal(rng, size.directions, *shape))
    return directions


def _normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    import torch

    return torch.from_numpy(rng.standard_normal(shape))
