"""How values become columns: JSON objects as text, named arrays as one blob.

A blob is the byte 1 (the format), a byte that is 1 if the rest is compressed by zlib and else 0, and the
rest: a header's length as four bytes, the header, which is JSON `[[name, dtype, shape], ...]`, and each
array's bytes in that order. Everything is little-endian, arrays row-major.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

FORMAT = 1


def to_json(value: Any) -> str:
    """Canonical JSON: equal values give equal text. Raises ValueError for numbers that are not finite."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def from_json(texts: Iterable[str]) -> list[Any]:
    """Return the values of many JSON texts. Joined into one text, they are read twice as fast as one by one."""
    values: list[Any] = json.loads("[" + ",".join(texts) + "]")
    return values


def digest(value: Any) -> str:
    """A hash of the canonical JSON of a value."""
    return hashlib.sha256(to_json(value).encode()).hexdigest()[:16]


def finite(value: Any) -> Any:
    """The value as JSON can hold it: numpy scalars as Python's, and None for each number that is not
    finite.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return value


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes | None:
    """Named arrays of numbers or booleans as one blob; None if there are none. Raises ValueError for other
    dtypes.
    """
    if not arrays:
        return None
    header, body = [], []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biufc":
            raise ValueError(f"trace {name!r} has dtype {array.dtype}; only numbers and booleans can be kept")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        header.append([name, array.dtype.str, array.shape])
        body.append(array.tobytes())
    head = json.dumps(header, separators=(",", ":")).encode()
    plain = b"".join([len(head).to_bytes(4, "little"), head, *body])
    small = zlib.compress(plain)
    return bytes([FORMAT, 1]) + small if len(small) < len(plain) else bytes([FORMAT, 0]) + plain


def unpack_arrays(blob: bytes | None) -> dict[str, np.ndarray]:
    """What `pack_arrays` was given, bit for bit. Raises ValueError for anything that it did not make."""
    if blob is None:
        return {}
    if len(blob) < 2 or blob[0] != FORMAT or blob[1] not in (0, 1):
        raise ValueError("a trace blob of an unknown format")
    try:
        plain = zlib.decompress(blob[2:]) if blob[1] else blob[2:]
    except zlib.error as error:
        raise ValueError(f"a damaged trace blob: {error}") from error
    start = 4 + int.from_bytes(plain[:4], "little")
    arrays = {}
    for name, dtype, shape in json.loads(plain[4:start]):
        count = math.prod(shape)
        # copied, because an array over the blob's own memory would be read-only
        arrays[name] = np.frombuffer(plain, dtype, count, start).reshape(shape).copy()
        start += count * arrays[name].itemsize
    if start != len(plain):
        raise ValueError("a damaged trace blob: its length does not fit its header")
    return arrays
