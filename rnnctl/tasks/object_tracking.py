"""Where is an object after many moves of several? Objects walk at random on a square grid of G x G cells.

Objects start at uniform cells. The first steps show where each of them starts, in random order. Then come L moves: a
uniform object goes up, down, left or right or stays, with equal probabilities, and stays where it would leave the grid;
the step shows that object at its new cell. The last step asks for one object. Each cell has as many ways in as out, so
positions stay uniform, and objects are independent.

The inputs of a step are a one-hot of the object and its place (x / G, y / G), which is 0, 0 at the last step. The
answer is that place as two real numbers, or the cell as a class.

In the library that the task is from (sutskever-30, paper 18) starts are not shown (`starts: hidden`). An object that
did not move is then unknowable: a share of (1 - 1 / objects)^L of the answers. `perfect` of the floor is what these
cost a reader that remembers everything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from rnnctl.question import Question
from rnnctl.section import also_called
from rnnctl.tasks.base import Baseline, Batch, GeneratedTask, Plateaus
from rnnctl.tasks.lengths import drawn_length
from rnnctl.tasks.section import LENGTH, LengthsSection

MOVES = np.array([[0, 1], [0, -1], [-1, 0], [1, 0], [0, 0]])


class ObjectTrackingSection(LengthsSection):
    """Several objects walk at random on a grid: where is one of them at the end?

    The length is the number of moves. One more step asks, and as many as there are objects show where they start.
    """

    name: Annotated[Literal["object_tracking"], also_called(object_tracking=("tracking", "objects"))]
    min_length: Annotated[int, also_called(*LENGTH, "min_len", "length_min", "n_moves", "moves")] = Field(
        15, description="least number of moves of a batch"
    )
    max_length: Annotated[int, also_called(*LENGTH, "max_len", "length_max", "n_moves", "moves")] = Field(
        15, description="numbers of moves are drawn below this one; equal to min_length, it fixes them"
    )
    objects: Annotated[int, also_called("n_objects", "num_objects")] = Field(
        3, ge=1, le=256, description="number of objects"
    )
    grid: Annotated[int, also_called("grid_size", "n_cells", "side")] = Field(
        5, ge=2, le=256, description="cells along each side of the grid"
    )
    answer: Annotated[
        Literal["position", "cell"], also_called(cell=("class", "classes"), position=("values", "xy", "coordinates"))
    ] = Field("position", description="two real numbers, judged by mean squared error, or one of grid x grid classes")
    tolerance: Annotated[float, also_called("tol", "threshold")] = Field(
        0.1, gt=0, description="error of either number beyond which a position is wrong; half a cell of a grid of 5"
    )
    starts: Literal["shown", "hidden"] = Field("shown", description="whether the first steps show where objects start")

    LEAST: ClassVar[int] = 1
    real_inputs: ClassVar[bool] = True

    def make(self) -> ObjectTracking:
        lengths = self.min_length, self.max_length
        return ObjectTracking(*lengths, self.objects, self.grid, self.answer, self.tolerance, self.starts)


class ObjectTracking(GeneratedTask):
    """The generator. L is drawn from [min_length, max_length), or fixed if the two are equal."""

    def __init__(
        self,
        min_length: int,
        max_length: int,
        objects: int,
        grid: int,
        answer: Literal["position", "cell"],
        tolerance: float,
        starts: Literal["shown", "hidden"],
    ) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.objects, self.grid, self.answer, self.starts = objects, grid, answer, starts
        self.before = objects if starts == "shown" else 0  # steps before the first move
        self.max_steps = max_length + self.before + 1
        self.n_inputs = objects + 2
        self.n_outputs = 2 if answer == "position" else grid**2
        self.question = Question("squared_error", tolerance=tolerance, values=2) if answer == "position" else Question()
        self.plateaus: Plateaus = ()

    @property
    def variance(self) -> float:
        """The variance of a coordinate x / G of a uniform cell: (G^2 - 1) / (12 G^2)."""
        return (self.grid**2 - 1) / (12 * self.grid**2)

    def draw(self, rng: np.random.Generator, batch: int, length: int | None = None) -> Batch:
        """Draw `batch` sequences of one length in steps: L + 1, and one for each object if starts are shown."""
        if length is None:
            length = drawn_length(rng, self.min_length, self.max_length) + self.before + 1
        moves, columns = length - self.before - 1, np.arange(batch)
        assert moves >= 0
        cells_OB2 = rng.integers(self.grid, size=(self.objects, batch, 2))
        inputs_TBV = np.zeros((length, batch, self.n_inputs), dtype=np.float32)

        def show(step: int, object_B: np.ndarray) -> None:
            inputs_TBV[step, columns, object_B] = 1
            inputs_TBV[step, :, self.objects :] = cells_OB2[object_B, columns] / self.grid

        if self.before:
            for step, object_B in enumerate(rng.random((self.objects, batch)).argsort(0)):
                show(step, object_B)
        moved_LB = rng.integers(self.objects, size=(moves, batch))
        ways_LB = rng.integers(len(MOVES), size=(moves, batch))
        for step, (object_B, way_B) in enumerate(zip(moved_LB, ways_LB, strict=True), start=self.before):
            cells_OB2[object_B, columns] = np.clip(cells_OB2[object_B, columns] + MOVES[way_B], 0, self.grid - 1)
            show(step, object_B)
        asked_B = rng.integers(self.objects, size=batch)
        inputs_TBV[-1, columns, asked_B] = 1
        cell_B2 = cells_OB2[asked_B, columns]
        if self.answer == "position":
            return Batch(inputs_TBV, (cell_B2 / self.grid).astype(np.float32))
        return Batch(inputs_TBV, cell_B2[:, 0] * self.grid + cell_B2[:, 1])

    def baseline(self, batches: Sequence[Batch]) -> Baseline:
        """Return what is reached by who sees only which object is asked for: all cells are equally likely.

        For positions it is the loss of the middle of the grid on these very targets, about (G^2 - 1) / (12 G^2); as for
        addition, another constant can be wrong less often. For cells it is 2 ln G. perfect: the loss that is left if
        unmoved objects are unknowable, in the mean over sequences.
        """
        sizes = [batch.inputs.shape[1] for batch in batches]
        unknowable = 0.0
        if self.starts == "hidden":
            moves = np.array([batch.length - 1 for batch in batches])
            unknowable = float(np.average((1 - 1 / self.objects) ** moves, weights=sizes))
        if self.answer == "cell":
            whole = 2 * math.log(self.grid)
            return Baseline(whole, 1 - 1 / self.grid**2, unknowable * whole)
        targets_N2 = np.concatenate([batch.targets for batch in batches]).astype(np.float64)
        distances_N2 = targets_N2 - (self.grid - 1) / (2 * self.grid)
        wrong_N = (np.abs(distances_N2) > self.question.tolerance).any(1)
        return Baseline(float((distances_N2**2).mean()), float(wrong_N.mean()), unknowable * self.variance)
