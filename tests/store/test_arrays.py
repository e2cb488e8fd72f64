"""Arrays as blobs: whatever is packed comes back bit for bit, and blobs of the former format are read."""

import json
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from store.arrays import pack_arrays, unpack_arrays
from tests.examples import examples

dtypes = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(),
    arrays.unsigned_integer_dtypes(),
    arrays.floating_dtypes(sizes=(16, 32, 64)),
    arrays.complex_number_dtypes(sizes=(64, 128)),
)
named = st.dictionaries(
    st.text(min_size=1),
    arrays.arrays(dtypes, arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)),
    min_size=1,
)


@examples(50)
@given(named)
def test_arrays_come_back_bit_for_bit_in_any_byte_order(given_arrays):
    back = unpack_arrays(pack_arrays(given_arrays))
    assert list(back) == list(given_arrays)
    for name, array in given_arrays.items():
        little = array.astype(array.dtype.newbyteorder("<"))
        assert (back[name].dtype, back[name].shape) == (little.dtype, array.shape)
        assert back[name].tobytes() == little.tobytes()
        assert back[name].flags.writeable


def test_no_arrays_take_no_room():
    assert pack_arrays({}) is None
    assert unpack_arrays(None) == {}


def test_arrays_are_compressed_only_where_that_is_smaller():
    zeros = np.zeros(80_000, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, 80_000, np.uint8)
    assert len(pack_arrays({"a": zeros})) < 300
    assert noise.nbytes < len(pack_arrays({"a": noise})) < noise.nbytes + 100


def test_arrays_that_are_not_numbers_are_refused_by_name():
    with pytest.raises(ValueError, match="trace 'words' has dtype <U3"):
        pack_arrays({"words": np.array(["one"])})
    with pytest.raises(ValueError, match="trace 'objects' has dtype object"):
        pack_arrays({"objects": np.array([None])})


@pytest.mark.parametrize(
    "blob", [b"", b"\x01", b"\x02\x00....", b"\x01\x01not zlib", b"\x02\x01not lzma", b"\x03\x00...."]
)
def test_a_blob_of_something_else_is_refused(blob):
    with pytest.raises(ValueError, match="trace blob"):
        unpack_arrays(blob)


def test_a_blob_with_bytes_too_many_is_refused():
    with pytest.raises(ValueError, match="its length does not fit its header"):
        unpack_arrays(pack_arrays({"a": np.random.default_rng(0).random(3)}) + b"x")


def former(given_arrays):
    """Return a blob as version 0.1.0 wrote it."""
    head = json.dumps([[name, array.dtype.str, array.shape] for name, array in given_arrays.items()]).encode()
    plain = b"".join([len(head).to_bytes(4, "little"), head, *(array.tobytes() for array in given_arrays.values())])
    return b"\x01\x01" + zlib.compress(plain)


def test_blobs_of_the_former_format_are_read():
    curve, counts = np.linspace(0, 1, 50), np.arange(12, dtype=np.uint32).reshape(3, 4)
    back = unpack_arrays(former({"curve": curve, "counts": counts}))
    assert [(name, array.tolist()) for name, array in back.items()] == [
        ("curve", curve.tolist()),
        ("counts", counts.tolist()),
    ]


def test_a_curve_with_few_bits_takes_less_than_two_bytes_a_step():
    exact = np.exp(-np.linspace(0, 40, 1000))
    few_bits = (exact.view(np.uint64) >> 44 << 44).view(np.float64)
    assert len(pack_arrays({"curve": few_bits})) < 700 < 5000 < len(pack_arrays({"curve": exact}))


@pytest.mark.parametrize("pack", [pack_arrays, former])
def test_only_the_wanted_arrays_are_unpacked(pack):
    given = {"a": np.arange(3), "b": np.linspace(0, 1, 7), "c": np.array([True, False])}
    back = unpack_arrays(pack(given), {"b", "other"})
    assert list(back) == ["b"]
    assert back["b"].tobytes() == given["b"].tobytes()
