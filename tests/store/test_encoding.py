import json

import numpy as np
import pytest

from store.encoding import digest, finite, from_json, to_json, to_json_each


def test_equal_values_have_one_json_and_one_digest():
    one, other = {"b": 1, "a": [1.5, None]}, {"a": [1.5, None], "b": 1}
    assert to_json(one) == to_json(other) == '{"a":[1.5,null],"b":1}'
    assert digest(one) == digest(other) != digest({"a": 1})


def test_numbers_that_json_cannot_hold_are_refused_unless_made_finite():
    value = {"a": [float("nan"), np.float32(0.5)], "b": {"c": -np.inf}, "d": (np.int64(2), True, "x")}
    with pytest.raises(ValueError, match="JSON"):
        to_json({"a": float("nan")})
    assert json.loads(to_json(finite(value))) == {"a": [None, 0.5], "b": {"c": None}, "d": [2, True, "x"]}


def test_many_objects_are_encoded_as_each_of_them_is():
    shared = {"b": [1, 2.5], "a": {"c": None}}
    objects = [{"s": shared, "n": 1, '"': "x"}, {"s": {"b": 1}, "n": True}, {"t": shared, "s": shared}, {}]
    assert to_json_each(objects) == [to_json(each) for each in objects]


@pytest.mark.parametrize("texts", [['{"a":1}', "{bad"], ['{"a":1}', ""], ['{"a":1},{"a":2}', "{}"]])
def test_each_text_is_one_value(texts):
    assert from_json(['{"a":1}', "{}"]) == [{"a": 1}, {}]
    with pytest.raises(ValueError, match=r"line|one JSON value"):
        from_json(texts)
