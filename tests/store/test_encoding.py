import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from store.encoding import digest, finite, from_json, pack_arrays, to_json, unpack_arrays
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


@pytest.mark.parametrize("blob", [b"", b"\x01", b"\x02\x00....", b"\x01\x01not zlib"])
def test_a_blob_of_something_else_is_refused(blob):
    with pytest.raises(ValueError, match="trace blob"):
        unpack_arrays(blob)


def test_a_blob_with_bytes_too_many_is_refused():
    with pytest.raises(ValueError, match="its length does not fit its header"):
        unpack_arrays(pack_arrays({"a": np.random.default_rng(0).random(3)}) + b"x")


def test_equal_values_have_one_json_and_one_digest():
    one, other = {"b": 1, "a": [1.5, None]}, {"a": [1.5, None], "b": 1}
    assert to_json(one) == to_json(other) == '{"a":[1.5,null],"b":1}'
    assert digest(one) == digest(other) != digest({"a": 1})


def test_numbers_that_json_cannot_hold_are_refused_unless_made_finite():
    value = {"a": [float("nan"), np.float32(0.5)], "b": {"c": -np.inf}, "d": (np.int64(2), True, "x")}
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": float("nan")})
    assert json.loads(to_json(finite(value))) == {"a": [None, 0.5], "b": {"c": None}, "d": [2, True, "x"]}


@pytest.mark.parametrize("texts", [['{"a":1}', "{bad"], ['{"a":1}', ""], ['{"a":1},{"a":2}', "{}"]])
def test_each_text_is_one_value(texts):
    assert from_json(['{"a":1}', "{}"]) == [{"a": 1}, {}]
    with pytest.raises(ValueError, match=r"line|one JSON value"):
        from_json(texts)
