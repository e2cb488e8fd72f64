"""Turn values into columns: JSON objects into text, named arrays into one blob.

A blob is the byte 1 (the format), a byte that is 1 if the rest is compressed by zlib and 0 if not, and the rest: the
length of the header in four bytes, the header, which is the JSON `[[name, dtype, shape], ...]`, and the bytes of each
array in the same order. Everything is little-endian, arrays are row-major.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT = 1

Array = npt.NDArray[Any]  # of numbers or booleans, of any shape


def to_json(value: Any) -> str:
    """Return canonical JSON: equal values give equal text. Raises ValueError for non-finite numbers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(texts: Iterable[str]) -> list[Any]:
    """Return the values of many JSON texts. Joined into one text, they are read twice as fast as one by one.

    Raises ValueError if one is not JSON.
    """
    texts = list(texts)
    values: list[Any] = json.loads("[" + ",".join(texts) + "]")
    if len(values) != len(texts):
        raise ValueError("a text is more or less than one JSON value")
    return values


def digest(value: Any) -> str:
    """Return a hash of the canonical JSON of a value, 16 hexadecimal digits."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()[:16]


def finite(value: Any) -> Any:
    """Return the value as JSON can represent it: numpy scalars become Python's, non-finite numbers None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def pack_arrays(arrays: Mapping[str, Array]) -> bytes | None:
    """Return named arrays of numbers or booleans as one blob, None if there are none.

    Raises ValueError for other dtypes.
    """
    if not arrays:
        return None
    header: list[tuple[str, str, tuple[int, ...]]] = []
    body: list[bytes] = []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biufc":
            raise ValueError(f"trace {name!r} has dtype {array.dtype}; only numbers and booleans can be stored")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        header.append((name, array.dtype.str, array.shape))
        body.append(array.tobytes())
    head = json.dumps(header, separators=(",", ":")).encode()
    plain = b"".join([len(head).to_bytes(4, "little"), head, *body])
    small = zlib.compress(plain)
    return bytes([FORMAT, 1]) + small if len(small) < len(plain) else bytes([FORMAT, 0]) + plain


def unpack_arrays(blob: bytes | None) -> dict[str, Array]:
    """Return what `pack_arrays` was given, bit for bit. Raises ValueError for anything that it did not make."""
    if blob is None:
        return {}
    if len(blob) < 2 or blob[0] != FORMAT or blob[1] not in (0, 1):
        raise ValueError("a trace blob of an unknown format")
    try:
        plain = zlib.decompress(blob[2:]) if blob[1] else blob[2:]
    except zlib.error as error:
        raise ValueError(f"a damaged trace blob: {error}") from error
    start = 4 + int.from_bytes(plain[:4], "little")
    arrays: dict[str, Array] = {}
    for name, dtype, shape in json.loads(plain[4:start]):
        count = math.prod(shape)
        # copied, because an array that shares the memory of the blob would be read-only
        arrays[name] = np.frombuffer(plain, dtype, count, start).reshape(shape).copy()
        start += count * arrays[name].itemsize
    if start != len(plain):
        raise ValueError("a damaged trace blob: its length does not fit its header")
    return arrays
