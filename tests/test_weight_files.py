"""Files of weights: safetensors as the library of that name writes and reads it, npz, and damaged files of both."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnctl.weight_files import hash_of, read_weights, write_safetensors
from tests.examples import examples

ARRAYS = {
    "W_hh": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([0.5, -1.0]),
    "h": np.array([1.5], dtype=np.float16),
}
# What the safetensors library (0.8) wrote for ARRAYS and {"label": "EC7"}.
BY_THE_LIBRARY = (
    b'\xd0\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{"label":"EC7"},"b":{"dtype":"F64","shape":[2],"data_offsets":[0'
    b',16]},"W_hh":{"dtype":"F32","shape":[2,3],"data_offsets":[16,40]},"h":{"dtype":"F16","shape":[1],"data_offsets":['
    b"40,42]}}       \x00\x00\x00\x00\x00\x00\xe0?\x00\x00\x00\x00\x00\x00\xf0\xbf\x00\x00\x00\x00\x00\x00\x80?\x00\x00"
    b"\x00@\x00\x00@@\x00\x00\x80@\x00\x00\xa0@\x00>"
)


def written(arrays, metadata=None):
    file = io.BytesIO()
    write_safetensors(file, arrays, metadata or {})
    return file.getvalue()


def read(tmp_path, content):
    path = tmp_path / "weights"
    path.write_bytes(content)
    return read_weights(str(path))


def assert_same(arrays, expected):
    assert arrays.keys() == expected.keys()
    for name, array in arrays.items():
        assert array.dtype == expected[name].dtype
        assert array.shape == expected[name].shape
        np.testing.assert_array_equal(array, expected[name])


def test_what_the_library_wrote_is_read(tmp_path):
    assert_same(read(tmp_path, BY_THE_LIBRARY), ARRAYS)


def test_the_library_reads_what_is_written():
    library = pytest.importorskip("safetensors.numpy")
    assert_same(library.load(written(ARRAYS, {"label": "EC7"})), ARRAYS)


def test_the_layout_is_that_of_the_format(tmp_path):
    content = written(ARRAYS, {"label": "EC7 \N{GREEK SMALL LETTER LAMDA}"})
    (length,) = struct.unpack("<Q", content[:8])
    assert length % 8 == 0
    header = content[8 : 8 + length]
    assert header.rstrip(b" ").endswith(b"}")
    assert header.isascii()
    assert content[8 + length :] == b"".join(array.tobytes() for array in ARRAYS.values())
    assert_same(read(tmp_path, content), ARRAYS)


@given(
    st.dictionaries(
        st.text(max_size=5).filter(lambda name: name != "__metadata__"),
        st.tuples(st.sampled_from(["f8", "f4", "f2", ">f8"]), st.lists(st.integers(0, 3), max_size=3)),
        max_size=4,
    )
)
@examples(40)
def test_any_arrays_come_back(tmp_path_factory, shapes):
    rng = np.random.default_rng(1)
    arrays = {name: np.asarray(rng.standard_normal(shape)).astype(dtype) for name, (dtype, shape) in shapes.items()}
    back = read(tmp_path_factory.mktemp("any"), written(arrays))
    assert_same(back, {name: array.astype(array.dtype.newbyteorder("<")) for name, array in arrays.items()})


def test_a_transposed_array_is_written_by_rows(tmp_path):
    turned = ARRAYS["W_hh"].T
    assert_same(read(tmp_path, written({"W": turned})), {"W": turned})


def test_bfloat16_becomes_float32_and_whole_numbers_are_left_out(tmp_path):
    header = (
        b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]},"n":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}}'
    )
    content = struct.pack("<Q", len(header)) + header + b"\x80\x3f\x00\xc0" + bytes(8)
    assert_same(read(tmp_path, content), {"a": np.array([1.0, -2.0], dtype=np.float32)})


def test_an_npz_gives_its_float_arrays(tmp_path):
    path = tmp_path / "state.npz"
    np.savez_compressed(path, **ARRAYS, updates=np.arange(3), label=np.array("EC7"))
    assert_same(read_weights(str(path)), ARRAYS)


def test_the_hash_is_of_names_shapes_and_numbers(tmp_path):
    own = hash_of(ARRAYS)
    path = tmp_path / "state.npz"
    np.savez(path, **dict(reversed(ARRAYS.items())))
    assert hash_of(read_weights(str(path))) == own
    assert hash_of({name: array.astype(np.float64) for name, array in ARRAYS.items()}) == own
    assert hash_of({**ARRAYS, "W_hh": ARRAYS["W_hh"].reshape(3, 2)}) != own
    assert hash_of({**ARRAYS, "b": ARRAYS["b"] + 1e-15}) != own
    assert hash_of({name: array for name, array in ARRAYS.items() if name != "h"}) != own


def entry(**other):
    about = {"dtype": '"F32"', "shape": "[1]", "data_offsets": "[0, 4]", **other}
    header = '{"a": {' + ", ".join(f'"{key}": {value}' for key, value in about.items() if value) + "}}"
    return struct.pack("<Q", len(header)) + header.encode() + bytes(4)


def pickled():
    file = io.BytesIO()
    np.savez(file, W=np.array([{}], dtype=object))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "neither an npz nor a safetensors file"),
        (b"short", "neither an npz nor a safetensors file"),
        (b"a text of more than eight bytes", "neither an npz nor a safetensors file"),
        (struct.pack("<Q", 20) + b"not JSON" * 3, "neither an npz nor a safetensors file"),
        (struct.pack("<Q", 20) + b"[" * 30, "neither an npz nor a safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "its header is not a mapping"),
        (BY_THE_LIBRARY[:-1], "the entry of h is wrong"),
        (entry(dtype=None), "the entry of a is wrong"),
        (entry(shape="[2]"), "the entry of a is wrong"),
        (entry(shape="[-1]"), "the entry of a is wrong"),
        (entry(shape="[true]"), "the entry of a is wrong"),
        (entry(shape="1"), "the entry of a is wrong"),
        (entry(data_offsets="[0]"), "the entry of a is wrong"),
        (entry(data_offsets="[4, 8]"), "the entry of a is wrong"),
        (entry(data_offsets='["0", "4"]'), "the entry of a is wrong"),
        (b"PK\x03\x04 and no more", "a damaged npz file"),
        (pickled(), "a damaged npz file, or one of Python objects"),
    ],
)
def test_a_file_that_is_no_file_of_weights_is_told_in_one_line(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as error:
        read(tmp_path, content)
    assert str(error.value).startswith(f"file {tmp_path / 'weights'}: ")
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ValueError, match=f"^file {tmp_path}/none: no such file$"):
        read_weights(f"{tmp_path}/none")
    with pytest.raises(ValueError, match=f"^file {tmp_path}: not a file$"):
        read_weights(str(tmp_path))


@pytest.mark.parametrize("kind", ["safetensors", "npz"])
def test_damage_anywhere_is_an_error_of_one_line_or_other_numbers(tmp_path, kind):
    content = BY_THE_LIBRARY
    if kind == "npz":
        file = io.BytesIO()
        np.savez(file, **ARRAYS)
        content = file.getvalue()
    rng = np.random.default_rng(2)
    for _ in range(300):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] ^= 1 << rng.integers(8)
        try:
            read(tmp_path, bytes(damaged))
        except ValueError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_an_array_of_another_kind_cannot_be_written():
    with pytest.raises(ValueError, match="n has dtype int64; allowed: float16, float32, float64"):
        written({"n": np.arange(3)})
