"""Named arrays as one blob, without loss. Smooth curves take few bytes if most of their last bits are zero.

A blob is the byte 2 (the format), a byte that is 1 if the rest is compressed and 0 if not, and the rest: the length of
the header in four bytes, the header, and the body of each array in the same order. The header is the JSON `[[name,
dtype, shape, zeros, width, first], ...]`. Everything is little-endian, arrays are row-major.

The words of an array are its bytes in units of at most eight, read as integers. Each is shifted right by `zeros`, the
number of last bits that are zero in all of them. Of numbers that are not integers, each word is then replaced by its
difference from the one before, and the first by its difference from `first`: the bits of a float grow with it, so that
those of neighbours are close. Differences d are written as 2 d, or -2 d - 1 if d is negative. The body has the lowest
byte of all words, then the next one, and so on, `width` bytes a word.

Blobs of format 1, which earlier versions wrote, are read too: their header is `[[name, dtype, shape], ...]`, their body
the bytes of the arrays, and they are compressed by zlib.
"""

from __future__ import annotations

import json
import lzma
import math
import zlib
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT, FORMER = 2, 1
# An LZMA stream without a container. Its models adapt to few symbols quicker than the tables of zlib do.
FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 6, "lc": 0, "lp": 0, "pb": 0, "dict_size": 1 << 16}]
WORD = 8  # bytes

Array = npt.NDArray[Any]  # of numbers or booleans, of any shape
Words = npt.NDArray[np.uint64]


def pack_arrays(arrays: Mapping[str, Array]) -> bytes | None:
    """Return named arrays of numbers or booleans as one blob, None if there are none.

    Raises ValueError for other dtypes.
    """
    if not arrays:
        return None
    header: list[tuple[str, str, tuple[int, ...], int, int, int]] = []
    body: list[bytes] = []
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype.kind not in "biufc":
            raise ValueError(f"trace {name!r} has dtype {array.dtype}; only numbers and booleans can be stored")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        words = _words(array)
        zeros = _zeros(words)
        words >>= np.uint64(zeros)
        first = 0
        if array.dtype.kind in "fc" and len(words):
            first = int(words[0])
            words = _folded(np.diff(words, prepend=words[:1]))
        width = (int(words.max(initial=0)).bit_length() + 7) // 8
        header.append((name, array.dtype.str, array.shape, zeros, width, first))
        body.append(words.astype("<u8", copy=False).view(np.uint8).reshape(-1, WORD)[:, :width].T.tobytes())
    head = json.dumps(header, separators=(",", ":")).encode()
    plain = b"".join([len(head).to_bytes(4, "little"), head, *body])
    small = lzma.compress(plain, lzma.FORMAT_RAW, filters=FILTERS)
    return bytes([FORMAT, 1]) + small if len(small) < len(plain) else bytes([FORMAT, 0]) + plain


def unpack_arrays(blob: bytes | None, names: Collection[str] | None = None) -> dict[str, Array]:
    """Return what `pack_arrays` was given, bit for bit. Raises ValueError for anything that it did not make.

    names: of the arrays that are wanted, if not all are.
    """
    if blob is None:
        return {}
    if len(blob) < 2 or blob[0] not in (FORMAT, FORMER) or blob[1] not in (0, 1):
        raise ValueError("a trace blob of an unknown format")
    plain = _decompressed(blob[0], blob[2:]) if blob[1] else blob[2:]
    start = 4 + int.from_bytes(plain[:4], "little")
    arrays: dict[str, Array] = {}
    try:
        header = json.loads(plain[4:start])
    except ValueError as error:
        raise ValueError(f"a damaged trace blob: {error}") from error
    for name, dtype, shape, *coding in header:
        count, wanted, content = math.prod(shape), names is None or name in names, b""
        if blob[0] == FORMER:
            end = start + count * np.dtype(dtype).itemsize
            content = plain[start:end]
        else:
            unit = min(np.dtype(dtype).itemsize, WORD)
            number = count * np.dtype(dtype).itemsize // unit
            end = start + number * coding[1]
            if wanted:
                content = _restored(plain[start:end], number, unit, np.dtype(dtype).kind in "fc", *coding)
        if wanted:
            # copied, because an array that shares the memory of bytes is read-only
            arrays[name] = np.frombuffer(content, dtype, count).reshape(shape).copy()
        start = end
    if start != len(plain):
        raise ValueError("a damaged trace blob: its length does not fit its header")
    return arrays


def _words(array: Array) -> Words:
    """Return the words of an array as new integers."""
    unit = min(array.dtype.itemsize, WORD)
    return np.frombuffer(array.tobytes(), f"<u{unit}").astype(np.uint64)


def _zeros(words: Words) -> int:
    """Return how many of the last bits are zero in all words."""
    bits = int(np.bitwise_or.reduce(words, initial=np.uint64(0)))
    return (bits & -bits).bit_length() - 1 if bits else 0


def _folded(differences: Words) -> Words:
    """Return differences modulo 2^64 as small numbers: 2 d, or -2 d - 1 for negative ones."""
    signed = differences.view(np.int64)
    return ((signed << 1) ^ (signed >> 63)).view(np.uint64)


def _restored(body: bytes, number: int, unit: int, differences: bool, zeros: int, width: int, first: int) -> bytes:
    """Return the bytes of an array from its body of `number` words. The other arguments are those of the header."""
    lanes = np.zeros((number, WORD), np.uint8)
    lanes[:, :width] = np.frombuffer(body, np.uint8).reshape(width, number).T
    words: Words = lanes.reshape(-1).view("<u8").astype(np.uint64)
    if differences and number:
        words = (words >> np.uint64(1)) ^ (np.uint64(0) - (words & np.uint64(1)))
        words[0] += np.uint64(first)
        words = np.cumsum(words, dtype=np.uint64)
    words <<= np.uint64(zeros)
    return words.astype(f"<u{unit}").tobytes()


def _decompressed(format_: int, content: bytes) -> bytes:
    try:
        if format_ == FORMER:
            return zlib.decompress(content)
        stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=FILTERS)
        plain = stream.decompress(content)
    except (zlib.error, lzma.LZMAError, EOFError) as error:
        raise ValueError(f"a damaged trace blob: {error}") from error
    if not stream.eof or stream.unused_data:
        raise ValueError("a damaged trace blob: its length does not fit its header")
    return plain
