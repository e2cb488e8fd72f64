"""Mixed precision: products of rounded factors, master weights in float32, scaled losses, skipped updates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from rnnctl.cells.base.reduced import rounded
from rnnctl.study.loss_scale import LARGEST, SMALLEST, DynamicScale, NoScale, Scaling, StaticScale
from rnnctl.study.run import RunSpec
from rnnctl.training.member import begin, network_of
from rnnctl.training.pack import Pack
from tests.training.check_bits import check_bits
from tests.training.memory import train
from tests.training.runs import spec, with_train

NARROW = {"bfloat16": (8, -126), "float16": (11, -14)}  # bits of the significand, least exponent of a normal number
each_type = pytest.mark.parametrize("name", NARROW)


def pack_of(*runs: RunSpec) -> Pack:
    started = [begin(str(i), run, task := run.task.make(), network_of(run.model, task)) for i, run in enumerate(runs)]
    return Pack([member for member, _ in started], [weights for _, weights in started], "cpu")


def nearest(values: np.ndarray, name: str) -> np.ndarray:
    """Round float64 to a narrow type by its definition: an integer times a power of two, ties to even."""
    bits, least = NARROW[name]
    exponents = np.maximum(np.frexp(values)[1] - 1, least) - (bits - 1)
    return np.ldexp(np.rint(np.ldexp(values, -exponents)), exponents)


@each_type
def test_products_are_those_of_rounded_factors(name):
    """To the rounding of float32 sums, against float64; small factors too, of which float16 has no normal numbers."""
    rng = np.random.default_rng(1)
    a, b = (rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 3, shape) for shape in ((3, 5, 7), (3, 7, 4)))
    a, b = a.astype(np.float32), b.astype(np.float32)
    exact = nearest(a.astype(float), name) @ nearest(b.astype(float), name)
    bound = 8 * np.finfo(np.float32).eps * (np.abs(a) @ np.abs(b))
    a_t, b_t = torch.from_numpy(a), torch.from_numpy(b)
    out = torch.empty(3, 5, 4)
    with rounded(name):
        products = [
            torch.bmm(a_t, b_t),
            torch.bmm(a_t, b_t, out=out),
            a_t @ b_t,
            torch.einsum("rxy,ryz->rxz", a_t, b_t),
        ]
        products.append(torch.stack([torch.mm(x, y) for x, y in zip(a_t, b_t, strict=True)]))
        products.append(torch.baddbmm(torch.zeros(3, 5, 4), a_t, b_t))
        products.append(torch.stack([torch.stack([row @ y for row in x]) for x, y in zip(a_t, b_t, strict=True)]))
    for product in products:
        assert product.dtype == torch.float32
        assert (np.abs(product.numpy() - exact) <= bound).all()
    assert (np.abs(a.astype(float) @ b - exact) > 10 * bound).any(), "rounding shows"
    torch.testing.assert_close(torch.bmm(a_t, b_t), torch.from_numpy(a @ b))


def test_nothing_but_products_is_rounded():
    x = torch.tensor([1 / 3])
    with rounded("bfloat16"):
        assert torch.equal(x + x, torch.tensor([2 / 3]))
        assert torch.equal(x * x, torch.tensor([1 / 3]) * torch.tensor([1 / 3]))


def test_products_that_autograd_makes_are_rounded_too():
    w, x = torch.tensor([[1 / 3]], requires_grad=True), torch.tensor([[0.1]])
    with rounded("bfloat16"), torch.enable_grad():
        (x @ w).sum().backward()
    assert w.grad is not None
    assert w.grad.item() == torch.tensor(0.1).bfloat16().item()


def test_float16_overflows_and_bfloat16_does_not():
    big = torch.full((1, 1), 1e5)
    for name, finite in (("float16", False), ("bfloat16", True)):
        with rounded(name):
            assert torch.mm(big, torch.ones(1, 1)).isfinite().item() is finite


def rounded_gradients(run: RunSpec, name: str, scale: float) -> torch.Tensor:
    """One update's gradient of a vanilla RNN with tanh: its equations in float64, with rounded factors."""
    pack = pack_of(run)
    w = {key: x[0].double().numpy() for key, x in pack.weights.items()}
    batch, _ = pack_of(run).members[0].feed.next()

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return nearest(a, name) @ nearest(b, name)

    symbols, targets = batch.inputs.astype(int), batch.targets
    steps, size = symbols.shape
    h = [np.zeros((size, run.model.hidden))]
    for u in symbols:
        h.append(np.tanh(product(h[-1], w["W_hh"]) + w["W_uh"][u] + w["b_hh"]))
    y = product(h[-1], w["W_hy"]) + w["b_hy"]
    dy = np.exp(y - np.log(np.exp(y).sum(1, keepdims=True)))
    dy[np.arange(size), targets] -= 1
    dy *= scale / size
    grads = {"W_hy": product(h[-1].T, dy), "b_hy": dy.sum(0)}
    d, deltas = product(dy, w["W_hy"].T), []
    for t in range(steps, 0, -1):
        deltas.append(d * (1 - h[t] ** 2))
        d = product(deltas[-1], w["W_hh"].T)
    delta = np.concatenate(deltas[::-1])
    before, one_hot = np.concatenate(h[:-1]), np.eye(len(w["W_uh"]))[symbols.ravel()]
    by_symbol = product(one_hot.T, delta)
    grads |= {"W_hh": product(before.T, delta), "W_uh": by_symbol, "b_hh": by_symbol.sum(0)}
    return torch.from_numpy(np.concatenate([grads[key].ravel() for key, _ in pack.layout.shapes]) / scale)


@each_type
@pytest.mark.parametrize("scale", [1.0, 1024.0])
def test_an_updates_gradient_is_that_of_equations_with_rounded_products(name, scale):
    keys = {"precision": name, "loss_scale": scale, "clip": "none", "omega": 0, "lr": 0.1}
    run = with_train(spec(), **keys)
    pack = pack_of(run)
    with torch.no_grad():
        pack.update()
    expected, actual = rounded_gradients(run, name, scale), pack.grads_RN[0].double()
    plain = pack_of(with_train(run, precision="ieee", loss_scale="none"))
    with torch.no_grad():
        plain.update()
    # A factor near the middle of two narrow numbers may be rounded the other way, and changes what follows.
    distance, rounding = (expected - actual).norm(), (expected - plain.grads_RN[0]).norm()
    assert distance < 0.3 * rounding
    assert 0 < rounding < 0.1 * expected.norm()


def test_without_a_scale_float16_loses_small_gradients_and_with_one_it_has_them():
    """Late in training gradients by hidden states get small: here all are below the numbers of float16."""

    def gradient(**keys: Any) -> torch.Tensor:
        pack = pack_of(with_train(spec(init="orthogonal", omega=0, clip="none"), lr=1e-3, **keys))
        pack.weights["b_hy"][0] = torch.tensor([10.0, 0.0, 0.0, 0.0])
        pack.weights["W_hy"].mul_(0.001)
        for member in pack.members:
            batch, goes_on = member.feed.next()
            batch.targets[:] = 0
            member.feed.next = lambda batch=batch, goes_on=goes_on: (batch, goes_on)  # type: ignore[method-assign]
        with torch.no_grad():
            pack.update()
        return pack.grads["W_hh"][0].double().clone()

    exact = gradient(dtype="float64")
    assert exact.abs().max() > 0
    assert (gradient(precision="float16") == 0).all()
    for keys in ({"precision": "float16", "loss_scale": 2.0**24}, {"precision": "bfloat16"}):
        assert (gradient(**keys) - exact).norm() < 0.05 * exact.norm(), keys


def grad_scaler(settings: DynamicScale) -> Any:
    """The scaler of torch, which works on a CPU as well."""
    return torch.amp.GradScaler(
        "cpu", init_scale=settings.initial, growth_factor=settings.growth, backoff_factor=settings.backoff,
        growth_interval=settings.interval,
    )  # fmt: skip


def test_a_dynamic_scale_is_that_of_torch():
    settings = DynamicScale(initial=1024.0, growth=4.0, backoff=0.25, interval=3)
    script = [0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]
    scaler, weight = grad_scaler(settings), torch.nn.Parameter(torch.ones(1))
    optimizer, scaling = torch.optim.SGD([weight], lr=0.1), settings.begin
    for overflow in script:
        scaler.scale(torch.zeros(1))
        weight.grad = torch.tensor([math.inf if overflow else 1.0])
        before = weight.item()
        scaler.step(optimizer)
        scaler.update()
        scaling = settings.after(scaling, bool(overflow))
        assert scaler.get_scale() == scaling.scale
        assert (weight.item() == before) == bool(overflow)
    assert scaling.skipped == sum(script)


def test_scales_have_limits():
    growing, falling = Scaling(LARGEST), Scaling(SMALLEST)
    assert DynamicScale(interval=1).after(growing, False).scale == LARGEST
    assert DynamicScale().after(falling, True).scale == SMALLEST
    assert StaticScale(scale=8.0).after(Scaling(8.0), True) == Scaling(8.0, 0, 1)
    assert NoScale().after(Scaling(), True) == Scaling()


def test_an_overflow_skips_the_update_and_is_counted(monkeypatch):
    """A scripted overflow: in the third and the fourth update a gradient is infinite."""
    run = with_train(
        spec(updates=10, omega=0), optimizer="adam", precision="float16",
        loss_scale={"name": "dynamic", "initial": 1024.0, "interval": 4},
    )  # fmt: skip
    right = Pack._gradients

    def scripted(self: Pack, part: int) -> Any:
        rows = right(self, part)
        if self.members[0].step in (2, 3):
            rows.grads_RN[0, 5] = math.inf
        return rows

    monkeypatch.setattr(Pack, "_gradients", scripted)
    pack, weights, scales = pack_of(run), [], []
    member, numbers = pack.members[0], []
    step = pack.step
    pack.step = lambda settings, update: (numbers.append(update.number), step(settings, update))
    with torch.no_grad():
        for _ in range(10):
            assert pack.update() == []
            weights.append(pack.flat_RN[0].clone())
            scales.append(member.scaling.scale)
    assert torch.equal(weights[2], weights[1])
    assert torch.equal(weights[3], weights[1])
    assert not torch.equal(weights[4], weights[3])
    assert scales == [1024, 1024, 512, 256, 256, 256, 256, 512, 512, 512]
    assert numbers == [1, 2, 3, 4, 5, 6, 7, 8], "skipped updates are none to Adam"
    assert (member.step, member.window.updates, member.window.skipped) == (10, 10, 2)
    means = member.window.means(regularised=False, scaled=True)
    assert means["skip_share"] == 0.2
    assert all(map(math.isfinite, means.values()))
    history = train({"run": run}).history["run"][-1].scalars
    assert (history["skip_share"], history["loss_scale"]) == (0.2, 512.0)
    assert math.isfinite(history["grad_norm"])


def test_a_scale_that_is_too_large_comes_down_by_itself():
    run = with_train(spec(updates=30, omega=0), precision="float16", loss_scale={"name": "dynamic", "initial": 2.0**40})
    memory = train({"run": run})
    shares = [row.scalars["skip_share"] for row in memory.history["run"] if row.step]
    assert shares[0] == 1.0
    assert shares[-1] < 1
    assert memory.state("run")["scaling"]["scale"] < 2.0**30


@each_type
@pytest.mark.parametrize("cell", ["rnn", "lstm"])
def test_alone_packed_and_resumed_have_the_same_bits(name, cell):
    scales = ["none", 4096.0, {"name": "dynamic", "initial": 2.0**30, "interval": 3}, "dynamic"]
    model = {"name": cell, "hidden": 13, "init": "orthogonal"}
    omega = 0.5 if cell == "rnn" else 0
    runs = {
        str(i): with_train(
            spec(i, updates=24), model=model, omega=omega, precision=name, loss_scale=scale, accumulate=2
        )
        for i, scale in enumerate(scales)
    }
    check_bits(runs, (1, 11))


def test_omega_does_not_depend_on_the_scale():
    """A power of two changes no bit of a product in bfloat16."""
    after = []
    for scale in ("none", 2.0**20):
        pack = pack_of(with_train(spec(omega=0.7), precision="bfloat16", loss_scale=scale))
        with torch.no_grad():
            for _ in range(5):
                pack.update()
        after.append((pack.flat_RN[0].clone(), pack.members[0].window.omega))
    torch.testing.assert_close(after[0][0], after[1][0], rtol=1e-5, atol=1e-7)
    assert after[0][1] == pytest.approx(after[1][1], rel=1e-5)


def test_ids_stay_and_checks_are_not_rounded():
    assert with_train(spec(), precision="ieee", loss_scale="none").run_id == spec().run_id
    rows = [
        train({"run": with_train(spec(updates=10), **keys)}).history["run"][0]
        for keys in ({}, {"precision": "float16"})
    ]
    assert repr(rows[0].scalars) == repr(rows[1].scalars)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"precision": "float16", "dtype": "float64"}, "precision float16 has no meaning with train.dtype float64"),
        ({"loss_scale": "dynamic"}, "loss_scale dynamic has no meaning with train.precision"),
        ({"loss_scale": 8.0, "precision": "tf32"}, "only with bfloat16 or float16"),
    ],
)
def test_what_means_nothing_is_refused(keys, message):
    with pytest.raises(ValueError, match=message):
        with_train(spec(), **keys)


def test_float16_without_a_scale_is_odd():
    assert any("loss_scale" in what for _, what in with_train(spec(), precision="float16").oddities)
    assert with_train(spec(), precision="float16", loss_scale="dynamic").oddities == ()
