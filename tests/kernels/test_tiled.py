"""Products in tiles against numpy: every width and every remainder; the last vector may overlap the one before it."""

import numpy as np
import pytest

from rnnctl.kernels.tiled import add_product, add_transposed_product, set_product, set_transposed_product, transpose


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-13)])
def test_products_equal_numpys(dtype, tolerance):
    rng = np.random.default_rng(1)
    for width in range(1, 60):
        batch, depth = int(rng.integers(1, 12)), int(rng.integers(1, 40))
        a, w, c = (
            rng.standard_normal(shape).astype(dtype) for shape in [(batch, depth), (depth, width), (batch, width)]
        )
        product, close = a.astype(float) @ w, {"rtol": 0, "atol": tolerance * depth}
        added, turned, written, turned_anew = c.copy(), c.copy(), np.full_like(c, np.nan), np.full_like(c, np.nan)
        add_product(a, w, added)
        add_transposed_product(np.ascontiguousarray(a.T), w, turned)
        set_product(a, w, written)
        set_transposed_product(np.ascontiguousarray(a.T), w, turned_anew)
        np.testing.assert_allclose(added, c + product, **close)
        np.testing.assert_allclose(turned, c + product, **close)
        np.testing.assert_allclose(written, product, **close)
        np.testing.assert_allclose(turned_anew, product, **close)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("product", [add_product, set_product, add_transposed_product, set_transposed_product])
def test_only_the_memory_of_the_result_is_written(product, dtype):
    rng = np.random.default_rng(2)
    for width in range(1, 40):
        batch = int(rng.integers(1, 9))
        a, w = rng.standard_normal((batch, 5)).astype(dtype), rng.standard_normal((5, width)).astype(dtype)
        room = np.zeros(3 * batch * width, dtype)
        inside = room[batch * width : 2 * batch * width]
        turned = product in (add_transposed_product, set_transposed_product)
        product(np.ascontiguousarray(a.T) if turned else a, w, inside.reshape(batch, width))
        assert inside.all()
        assert not room[: batch * width].any()
        assert not room[2 * batch * width :].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_transposes_equal_numpys_and_write_nothing_else(dtype):
    rng = np.random.default_rng(3)
    for height in range(1, 20):
        for width in range(1, 20):
            a, room = rng.standard_normal((height, width)).astype(dtype), np.zeros(3 * height * width, dtype)
            inside = room[height * width : 2 * height * width].reshape(width, height)
            transpose(a, inside)
            np.testing.assert_array_equal(inside, a.T)
            inside[:] = 0
            assert not room.any()


def test_non_finite_values_are_propagated():
    """The trainer recognises a diverged run by them."""
    a, w, c = np.ones((5, 3), np.float32), np.ones((3, 11), np.float32), np.zeros((5, 11), np.float32)
    w[1, 10], w[2, 4] = np.nan, np.inf
    add_product(a, w, c)
    assert np.isnan(c[:, 10]).all()
    assert np.isinf(c[:, 4]).all()
    assert np.isfinite(np.delete(c, [4, 10], 1)).all()
