"""Files of weights: arrays by name, in the safetensors format or as npz. Loads no torch.

A safetensors file is the length of a header (8 bytes, little-endian), the header as JSON, and the numbers of all arrays
one after another, little-endian, rows first:

    {"W_hh": {"dtype": "F32", "shape": [50, 50], "data_offsets": [0, 10000]}, "__metadata__": {"label": "EC7"}}

Offsets are bytes from the end of the header (https://huggingface.co/docs/safetensors). Nothing in either file is
executed when it is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from rnnctl.words import one_line

Array = npt.NDArray[np.floating[Any]]
Arrays = dict[str, Array]

LONGEST_HEADER = 100_000_000  # bytes, as in the safetensors library
ALIGNMENT = 8  # bytes: the numbers begin at a multiple of it
METADATA = "__metadata__"
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
BFLOAT16 = "BF16"  # the upper half of a float32; numpy has no such type


def write_safetensors(file: BinaryIO, arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> None:
    """Write float arrays, and texts about them, as safetensors. Raise ValueError for an array of another kind."""
    names = {dtype: name for name, dtype in DTYPES.items()}
    header: dict[str, Any] = {METADATA: dict(metadata)}
    numbers, start = [], 0
    for name, array in arrays.items():
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        if little.dtype.str not in names:
            raise ValueError(f"{name} has dtype {array.dtype}; allowed: float16, float32, float64")
        header[name] = {
            "dtype": names[little.dtype.str],
            "shape": list(array.shape),
            "data_offsets": [start, start + little.nbytes],
        }
        numbers.append(little.tobytes())
        start += little.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for each in numbers:
        file.write(each)


def read_weights(reference: str) -> Arrays:
    """Return the float arrays of a file by name, each with its own dtype; one of bfloat16 becomes float32.

    reference: the path of a safetensors or npz file; which one it is, is told by its content. Raise ValueError, in one
    line, if there is no such file, if it cannot be read, and if it is neither or is damaged.
    """
    path = Path(os.path.expanduser(reference))
    try:
        if not reference:
            raise ValueError("no file is named")
        if not path.is_file():
            raise ValueError("no such file" if not path.exists() else "not a file")
        with path.open("rb") as file:
            start = file.read(8)
            if start[:2] == b"PK":
                file.seek(0)
                return _npz(file)
            return _safetensors(start, file, path.stat().st_size)
    except OSError as error:
        raise ValueError(one_line(f"file {reference}: cannot be read: {error.strerror or error}")) from error
    except ValueError as error:
        raise ValueError(one_line(f"file {reference}: {error}")) from error


def hash_of(arrays: Mapping[str, Array]) -> str:
    """Return the SHA-256 of names, shapes and numbers, in hexadecimal.

    It is the same for every file with these numbers, whatever its format and the order and dtype of its arrays.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f8")
        digest.update(json.dumps([name, list(arrays[name].shape)]).encode() + array.tobytes())
    return digest.hexdigest()


def _npz(file: BinaryIO) -> Arrays:
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, ValueError) as error:
        raise ValueError("a damaged npz file, or one of Python objects") from error
    return {name: array for name, array in arrays.items() if isinstance(array, np.ndarray) and array.dtype.kind == "f"}


def _safetensors(start: bytes, file: BinaryIO, size: int) -> Arrays:
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= min(LONGEST_HEADER, size - 8):
        raise ValueError("neither an npz nor a safetensors file")
    try:
        header = json.loads(file.read(length).decode())
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ValueError("neither an npz nor a safetensors file") from None
    numbers = file.read()
    if not isinstance(header, dict):
        raise ValueError("a damaged safetensors file: its header is not a mapping")
    arrays = {}
    for name, about in header.items():
        if name != METADATA and (array := _array(name, about, numbers)) is not None:
            arrays[name] = array
    return arrays


def _array(name: str, about: Any, numbers: bytes) -> Array | None:
    """Return the array that an entry of a header is about; None if it has no floats.

    numbers: those of all arrays. Raise ValueError if the entry is wrong.
    """
    wrong = ValueError(f"a damaged safetensors file: the entry of {name} is wrong")
    try:
        kind, shape, (first, last) = about["dtype"], about["shape"], about["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise wrong from None
    if not (isinstance(shape, list) and all(type(each) is int and each >= 0 for each in (*shape, first, last))):
        raise wrong
    if kind != BFLOAT16 and kind not in DTYPES:
        return None
    dtype = np.dtype("<u2" if kind == BFLOAT16 else DTYPES[kind])
    if not first <= last <= len(numbers) or last - first != math.prod(shape) * dtype.itemsize:
        raise wrong
    array = np.frombuffer(numbers[first:last], dtype=dtype).reshape(shape)
    if kind == BFLOAT16:
        return (array.astype("<u4") << 16).view("<f4")
    return array
