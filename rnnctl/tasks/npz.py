"""Arrays of an .npz file, checked: what tasks with finite data have in common that read one.

Raise ValueError, in one line that names the file and the array, for whatever a task cannot use.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path

import numpy as np

from rnnctl.words import did_you_mean

MOST_SYMBOLS = 2**16
MOST_CLASSES = 2**16  # each is an output of the network: a greater number is an id, or a value
MAGIC = b"\x93NUMPY"  # how a file of a single array begins
NUMBERS = "biuf"  # kinds of dtype: bool, whole numbers, real numbers


class Arrays:
    """The arrays of a file by name. sha256: the hash of names, types, shapes and values, however they are packed."""

    def __init__(self, file: str, arrays: Mapping[str, np.ndarray]) -> None:
        self.file, self._arrays = file, dict(arrays)
        self._there: tuple[str, ...] = tuple(arrays)
        digest = hashlib.sha256()
        for name, array in sorted(self._arrays.items()):
            plain = array.astype(array.dtype.newbyteorder("<"))
            digest.update(f"{name} {plain.dtype.str} {plain.shape}\n".encode())
            digest.update(np.ascontiguousarray(plain).data if plain.size else b"")
        self.sha256 = digest.hexdigest()

    def __hash__(self) -> int:
        return hash((self.sha256, self.file))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arrays) and (self.sha256, self.file) == (other.sha256, other.file)

    def told_as(self, file: str, there: tuple[str, ...]) -> Arrays:
        """Return the same arrays for messages that name the file so. there: the names of all arrays of the file."""
        arrays = copy(self)
        arrays.file, arrays._there = file, there
        return arrays

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def error(self, message: str) -> ValueError:
        """Return an error about the file."""
        return ValueError(f"file {self.file}: {message}")

    def get(self, name: str) -> np.ndarray:
        """Return an array of numbers. Raise ValueError if there is none of that name, or if it holds anything else."""
        if name not in self._arrays:
            there = ", ".join(self._there) or "nothing"
            strange = [each for each in self._there if each not in self._arrays]  # the others are what they are called
            raise self.error(f"there is no array {name}; it has {there}{did_you_mean(name, strange)}")
        array = self._arrays[name]
        if array.dtype.kind not in NUMBERS:
            raise self.error(f"{name} holds {array.dtype}; allowed are whole and real numbers")
        return array

    def reals(self, name: str, array: np.ndarray, needed: np.ndarray | None = None) -> np.ndarray:
        """Return an array as float32, 0 where it is not needed. Raise ValueError for a number that is not finite there.

        needed: of the leading axes of the array; None for all of it.
        """
        with np.errstate(over="ignore"):
            values = array.astype(np.float32)
        if needed is not None:
            values[~needed] = 0
        if not (finite := np.isfinite(values)).all():
            place = tuple(int(i) for i in np.argwhere(~finite)[0])
            what = "is beyond float32" if np.isfinite(array[place]) else "is not finite"
            raise self.error(f"{name}{list(place)} {what}: {array[place]}")
        return values

    def sequences(self, name: str, array: np.ndarray, count: int, of: str) -> None:
        """Raise ValueError unless an array is about `count` sequences, as the array named `of` is."""
        if not array.ndim or len(array) != count:
            raise self.error(f"{name} has {len(array) if array.ndim else 'no'} sequences, and {of} has {count}")

    def shape_error(self, name: str, array: np.ndarray, allowed: str) -> ValueError:
        """Return an error about the shape of an array."""
        return self.error(f"{name} has the shape {array.shape}; allowed: {allowed}")

    def lengths(self, name: str, count: int, steps: int, of: str) -> np.ndarray:
        """Return the lengths of `count` sequences, (N,) int64; `steps` for all if the file has none."""
        if name not in self:
            return np.full(count, steps, np.int64)
        lengths = self.get(name)
        if lengths.ndim != 1:
            raise self.shape_error(name, lengths, "(N,), one length a sequence")
        self.sequences(name, lengths, count, of)
        if lengths.dtype.kind not in "iu" or lengths.min() < 1 or lengths.max() > steps:
            raise self.error(f"{name} must be whole numbers from 1 to {steps}, the steps of {of}")
        return lengths.astype(np.int64)

    def inputs(self, name: str, lengths_name: str) -> tuple[np.ndarray, np.ndarray, int | None]:
        """Return the inputs, (N, T) uint16 or (N, T, I) float32, the lengths, (N,), and the number of symbols.

        The number of symbols is None for real inputs. What lies behind the end of a sequence is 0.
        """
        array = self.get(name)
        if array.ndim not in (2, 3) or not array.size:
            raise self.shape_error(name, array, "(N, T, I) real numbers, or (N, T) symbols, none of the sizes 0")
        lengths_N = self.lengths(lengths_name, len(array), array.shape[1], name)
        used_NT = np.arange(array.shape[1]) < lengths_N[:, None]
        if array.ndim == 3:
            return self.reals(name, array, used_NT), lengths_N, None
        if array.dtype.kind not in "iu":
            raise self.error(
                f"{name} has the shape {array.shape}, so it must hold symbols, whole numbers, not {array.dtype}; "
                "one real number a step is the shape (N, T, 1)"
            )
        symbols_NT = np.where(used_NT, array, 0)
        if symbols_NT.min() < 0 or symbols_NT.max() >= MOST_SYMBOLS:
            raise self.error(f"the symbols of {name} must be from 0 to {MOST_SYMBOLS - 1}")
        return symbols_NT.astype(np.uint16), lengths_N, int(symbols_NT.max()) + 1

    def classes(self, name: str, array: np.ndarray, needed: np.ndarray | None = None) -> np.ndarray:
        """Return whole numbers as int64 classes. needed: where they must be classes; None everywhere."""
        classes: np.ndarray = array.astype(np.int64)
        judged = classes if needed is None else classes[needed]
        if judged.min() < 0 or judged.max() >= MOST_CLASSES:
            raise self.error(f"the classes of {name} must be whole numbers from 0 to {MOST_CLASSES - 1}")
        return classes


def load(file: str, names: Sequence[str]) -> Arrays:
    """Return those arrays of a file that have one of these names. It is read again only if it has changed."""
    if not file:
        raise ValueError("file is missing: it names an .npz file")
    path = Path(os.path.expanduser(file))
    try:
        stat = path.stat()
        if not path.is_file():
            raise ValueError(f"file {file}: not a file")
        known, others = _loaded(str(path), stat.st_mtime_ns, stat.st_size, tuple(names))
    except FileNotFoundError:
        raise ValueError(f"file {file}: no such file") from None
    except OSError as error:
        raise ValueError(f"file {file}: cannot be read: {error.strerror or error}") from error
    return known.told_as(file, others)


@lru_cache(maxsize=4)
def _loaded(path: str, changed: int, size: int, names: tuple[str, ...]) -> tuple[Arrays, tuple[str, ...]]:
    """Return the arrays that have one of these names, and the names of all. changed, size: of the file."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as opened:
            single = opened.read(len(MAGIC)) == MAGIC
        what = "a single array; save all of them with numpy.savez" if single else "not an .npz file"
        raise ValueError(f"file {path}: {what}")
    arrays = {}
    try:
        with np.load(path, allow_pickle=False) as everything:
            there = tuple(everything.files)
            for name in names:
                if name in there:
                    arrays[name] = everything[name]
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"file {path}: damaged") from error
    except ValueError as error:
        raise ValueError(f"file {path}: {name} holds Python objects, which are not read, or is damaged") from error
    return Arrays(path, arrays), there
