"""Initial weights from a file: those of another run, or of another program."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from rnnctl.cells.base.inits import Weights
from rnnctl.cells.base.section import InitSection, Shapes
from rnnctl.section import DERIVED, PLACE, Mark, also_called
from rnnctl.weight_files import Arrays, hash_of, read_weights
from rnnctl.words import counted, some

PREFIXES = ("W_", "b_")  # of the names of weights; a file may have other arrays, such as those of a history

FILE = ("from", "path", "weights", "weights_file", "checkpoint", "pretrained", "load_from", "init_from", "filename")


class FromInit(InitSection):
    """All weights, biases included, from a file that `rnnctl export` wrote as npz or safetensors.

    The weights are identified by the hash of their numbers, which is computed when a study is registered. Where the
    file lies, and which of the two formats it has, is not part of a run's identity. The file is read when a run begins.
    """

    name: Annotated[
        Literal["from"], also_called(**{"from": ("file", "pretrained", "checkpoint", "load", "restore", "transfer")})
    ]
    file: Annotated[str, PLACE, also_called(*FILE)] = Field(description="a file of weights, npz or safetensors")
    sha256: Annotated[str | None, DERIVED] = Field(
        None, description="hash of the weights; found when the study is registered"
    )

    draws_biases: ClassVar[bool] = True

    def _plain(self, without: Mark | None) -> dict[str, Any]:
        """Return the plain section. While the weights have no hash, their place is all that tells them from others."""
        plain = super()._plain(without)
        return {**plain, "file": self.file} if self.sha256 is None else plain

    @property
    def data(self) -> tuple[str, str]:
        return self.file, self.sha256 or ""

    def identified(self, shapes: Callable[[], Shapes]) -> Self:
        sha256 = hash_of(self._read(shapes()))
        if self.sha256 not in (None, sha256):
            raise ValueError(f"sha256 {self.sha256} is not that of file {self.file}, which is {sha256}")
        place = str(Path(os.path.expanduser(self.file)).resolve())
        return self.model_copy(update={"file": place, "sha256": sha256})

    def draw(self, rng: np.random.Generator, shapes: Shapes, recurrent: Sequence[str]) -> Weights:
        weights = self._read(shapes)
        if self.sha256 is not None and (sha256 := hash_of(weights)) != self.sha256:
            raise ValueError(
                f"model.init.file {self.file} has other weights than the run's: sha256 {sha256[:12]}..., not "
                f"{self.sha256[:12]}..."
            )
        return {name: weight.astype(np.float64) for name, weight in weights.items()}

    def _read(self, shapes: Shapes) -> Arrays:
        """Return the weights of the file by name.

        Raise ValueError, in one line, if there is no such file, if it lacks a weight or has those of another network,
        and if a weight has another shape or a non-finite number.
        """
        arrays = read_weights(self.file)
        if missing := [name for name, _ in shapes if name not in arrays]:
            raise ValueError(f"file {self.file}: lacks {some(missing)}: it has the weights of another network")
        named = {name: arrays.pop(name) for name, _ in shapes}
        if others := sorted(name for name in arrays if name.startswith(PREFIXES)):
            what = counted(len(others), "weight")
            raise ValueError(f"file {self.file}: has {what} more, {some(others)}: it is of another network")
        for name, shape in shapes:
            if named[name].shape != tuple(shape):
                raise ValueError(f"file {self.file}: {name} has shape {named[name].shape}, the network needs {shape}")
            if not np.isfinite(named[name]).all():
                raise ValueError(f"file {self.file}: {name} has a number that is not finite")
        return named
