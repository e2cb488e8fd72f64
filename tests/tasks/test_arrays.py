"""Finite data from a file: what is read, in which order it is trained on, how it is validated, and what is refused."""

from __future__ import annotations

import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rnnctl.question import NOT_ASKED
from rnnctl.study.run import RunSpec
from rnnctl.tasks.finite import Finite
from rnnctl.tasks.layout import Layout
from rnnctl.training.checks import validation_set
from rnnctl.training.feed import feed_of
from rnnctl.training.member import begin, network_of
from tests import oracles
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

N, T = 57, 9
RNG = np.random.default_rng(1)
X = RNG.standard_normal((N, T, 3))
LENGTHS = RNG.integers(1, T + 1, size=N)
SYMBOLS = RNG.integers(7, size=(N, T))
FILES: dict[str, dict[str, Any]] = {
    "classes": {"X": X, "y": (X[:, 0, 0] > 0).astype(int)},
    "one-hot": {"X": X, "y": np.eye(4)[np.arange(N) % 4]},
    "values": {"X": X, "y": X[:, 0, :2]},
    "a value": {"X": X, "y": X[:, 0, :1]},
    "flat values": {"X": X, "y": X[:, 0, 0]},
    "classes of every step": {"X": X, "y": (X[:, :, 0] > 0).astype(int)},
    "one-hot of every step": {"X": X, "y": np.eye(3)[SYMBOLS % 3]},
    "values of every step": {"X": X, "y": X[:, :, :2]},
    "classes at the ends": {"X": X, "y": (X[:, 0, 0] > 0).astype(int), "lengths": LENGTHS},
    "values at the ends": {"X": X, "y": X[:, 0, :2], "lengths": LENGTHS},
    "symbols": {"X": SYMBOLS, "y": SYMBOLS[:, 0] % 3},
    "symbols up to the ends": {"X": SYMBOLS, "y": SYMBOLS % 3, "lengths": LENGTHS},
}
LAYOUTS = {
    "classes": "3 reals, 2 classes, last",
    "one-hot": "3 reals, 4 classes, last",
    "values": "3 reals, 2 values, last",
    "a value": "3 reals, 1 values, last",
    "flat values": "3 reals, 1 values, last",
    "classes of every step": "3 reals, 2 classes, every",
    "one-hot of every step": "3 reals, 3 classes, every",
    "values of every step": "3 reals, 2 values, every",
    "classes at the ends": "3 reals, 2 classes, ends",
    "values at the ends": "3 reals, 2 values, ends",
    "symbols": "7 symbols, 3 classes, last",
    "symbols up to the ends": "7 symbols, 3 classes, some",
}


def save(folder: Path, arrays: dict[str, Any], name: str = "data.npz") -> str:
    np.savez(folder / name, **arrays)
    return str(folder / name)


def run(file: str, seed: int = 1, *, task: dict[str, Any] | None = None, check: Any = None, **settings: Any) -> RunSpec:
    return RunSpec.model_validate(
        {
            "task": {"name": "arrays", "file": file, "test": 0.1, **(task or {})},
            "model": {"hidden": 6, "init": "orthogonal"},
            "train": {"updates": 20, "batch": 7, "lr": 0.05, **settings},
            "check": {"every": 10, "diagnostic_batch": 3, **(check or {})},
            "stop": {"solved": "never"},
            "seed": seed,
        }
    ).identified()


def made(spec: RunSpec) -> Finite:
    task = spec.task.make()
    assert isinstance(task, Finite)
    return task


@pytest.mark.parametrize("kind", FILES)
def test_a_file_is_understood_and_alone_packed_and_resumed_runs_have_the_same_bits(kind, tmp_path):
    file = save(tmp_path, FILES[kind])
    specs = {"a": run(file), "b": run(file, 2), "c": run(file, 3, lr=0.3)}
    assert specs["a"].task.layout == f"40 + 11 + 6 sequences, 9 steps, {LAYOUTS[kind]}"
    assert str(Layout.read(specs["a"].task.layout)) == specs["a"].task.layout
    pack, broken = train(specs), Memory()
    assert pack.outcomes == dict.fromkeys(specs, "budget")
    broken.drain_after = 13
    train({"a": specs["a"]}, broken)
    assert broken.state("a")["step"] == 13
    broken.drain_after = None
    train({"a": specs["a"]}, broken)
    assert_same(broken, pack, "a")
    assert pack.history["a"][-1].scalars["valid_samples"] == 11


def test_an_epoch_has_each_training_sequence_once_in_an_order_of_its_own(tmp_path):
    arrays = {"X": np.arange(N * T).reshape(N, T) % 100, "y": np.arange(N)}
    spec = run(save(tmp_path, arrays))
    orders = []
    for seed in (1, 2):
        feed = feed_of(spec.model_copy(update={"seed": seed}), made(spec))
        for _ in range(2):
            batches = [feed.next()[0] for _ in range(6)]  # 40 sequences: 5 batches of 7, and one of 5
            assert [batch.asked(made(spec).question) for batch in batches] == [7, 7, 7, 7, 7, 5]
            assert all(batch.inputs.shape == (9, 7) for batch in batches)
            assert (batches[-1].targets[5:] == NOT_ASKED).all()
            assert not batches[-1].inputs[:, 5:].any()
            seen = np.concatenate([batch.targets for batch in batches])
            orders.append(tuple(seen[seen != NOT_ASKED].tolist()))
    assert len(set(orders)) == 4
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(orders[0]))}
    assert len(set(orders[0])) == 40
    held_out = [made(spec).split(name).sequences.targets.tolist() for name in ("validation", "test")]
    assert sorted([*orders[0], *held_out[0], *held_out[1]]) == list(range(N))


def test_the_split_follows_from_its_seed_alone(tmp_path):
    file = save(tmp_path, FILES["classes"])
    one, same, other = run(file), run(file, 2), run(file, task={"split_seed": 1})
    parts = [made(spec).split("validation").sequences.inputs for spec in (one, same, other)]
    assert np.array_equal(parts[0], parts[1])
    assert not np.array_equal(parts[0], parts[2])


def oracle(spec: RunSpec, weights: dict[str, torch.Tensor], inputs: np.ndarray, target: np.ndarray, length: int) -> Any:
    """The mean loss of one sequence by plain torch, read up to its length."""
    task = made(spec)
    question = task.question
    u = torch.from_numpy(inputs[:length, None])
    u = u.double() if inputs.dtype.kind == "f" else u.long()
    _, states = oracles.rnn_loss(weights, u, torch.zeros(1, dtype=torch.int64), "tanh")
    y = torch.stack([h @ weights["W_hy"] + weights["b_hy"] for h in states[1:]])[:, 0]
    asked = range(length) if question.every_step else [length - 1]
    losses = []
    for t in asked:
        value = target[t] if question.every_step else target
        if question.loss == "squared_error":
            if not np.isnan(value).any():
                losses.append(((y[t] - torch.from_numpy(np.atleast_1d(value)).double()) ** 2).mean())
        elif value != NOT_ASKED:
            losses.append(torch.nn.functional.cross_entropy(y[t][None], torch.tensor([int(value)])))
    return torch.stack(losses).mean()


def initial(spec: RunSpec) -> dict[str, torch.Tensor]:
    task = spec.task.make()
    network = network_of(spec.model, task)
    _, flat = begin("a", spec, task, network)
    return {name: w[0].clone().requires_grad_() for name, w in network.layout.views(flat[None]).items()}


@pytest.mark.parametrize("kind", FILES)
def test_losses_are_means_over_sequences_and_an_update_of_a_smaller_batch_is_its_mean(kind, tmp_path):
    """One update whose batch has 5 sequences and 2 that are asked nothing, against autograd over the 5."""
    check = {"every": 6, "chunk": 4, "samples": 100}
    spec = run(save(tmp_path, FILES[kind]), updates=6, dtype="float64", clip="none", check=check)
    task = made(spec)
    weights = initial(spec)
    feed = feed_of(spec, task)
    rows = []
    for _ in range(6):
        batch, _ = feed.next()
        rows.append(batch)
    optimizer = torch.optim.SGD(list(weights.values()), lr=0.05)
    losses = []
    for batch in rows:
        count = batch.asked(task.question)
        targets = batch.targets.swapaxes(0, 1) if task.question.every_step else batch.targets
        each = []
        for b in range(count):
            # Of every-step questions the padding is asked nothing, so the whole length is read.
            each.append(oracle(spec, weights, batch.inputs[:, b], targets[b], batch.length))
        optimizer.zero_grad()
        torch.stack(each).mean().backward()
        optimizer.step()
        losses += [loss.item() for loss in each]
    memory = train({"a": spec})
    network = network_of(spec.model, task)
    trained = network.layout.views(memory.state("a")["weights"][None])
    for name, weight in weights.items():
        torch.testing.assert_close(trained[name][0], weight.detach(), rtol=1e-9, atol=1e-12)
    scalars = memory.history["a"][-1].scalars
    assert len(losses) == 40
    assert scalars["train_loss"] == pytest.approx(np.mean(losses), rel=1e-9)
    held_out = task.split("validation").sequences
    expected = [
        oracle(spec, weights, u, t, int(n)).item()
        for u, t, n in zip(held_out.inputs, held_out.targets, held_out.lengths_N, strict=True)
    ]
    assert scalars["valid_loss"] == pytest.approx(np.mean(expected), rel=1e-9)


@pytest.mark.parametrize("chunk", [1, 4, 10, 1000])
def test_validation_sees_each_held_out_sequence_once_whatever_the_chunk(chunk, tmp_path):
    spec = run(save(tmp_path, FILES["values at the ends"]), dtype="float64", check={"chunk": chunk, "samples": 1000})
    batches = validation_set(spec.task.make(), spec.check)
    assert sum(batch.inputs.shape[1] for batch in batches) == 11
    assert len(batches) == -(-11 // chunk)
    base = run(save(tmp_path, FILES["values at the ends"]), dtype="float64", check={"chunk": 1000, "samples": 1000})
    one, other = (train({"a": each}).history["a"][-1].scalars for each in (spec, base))
    for name in ("valid_loss", "valid_error", "valid_floor"):
        assert one[name] == pytest.approx(other[name], rel=1e-12)


def test_fewer_samples_than_there_are_is_a_fixed_part_of_them(tmp_path):
    spec = run(save(tmp_path, FILES["symbols"]), check={"chunk": 2, "samples": 4})
    (first, *_), again = validation_set(spec.task.make(), spec.check), validation_set(spec.task.make(), spec.check)
    assert np.array_equal(first.inputs, again[0].inputs)
    assert train({"a": spec}).history["a"][-1].scalars["valid_samples"] == 4


def test_accumulated_batches_count_by_their_sequences(tmp_path):
    """Six batches of an epoch, the last one smaller, in one update: the gradient of one batch of all 40."""
    file = save(tmp_path, FILES["values at the ends"])
    settings = {"updates": 1, "dtype": "float64", "clip": "none"}
    check = {"every": 1}
    states = []
    for extra in ({"batch": 7, "accumulate": 6}, {"batch": 40}):
        memory = train({"a": run(file, check=check, **settings, **extra)})
        states.append((memory.state("a")["weights"], memory.history["a"][-1].scalars["train_loss"]))
    torch.testing.assert_close(states[0][0], states[1][0], rtol=1e-12, atol=1e-13)
    assert states[0][1] == pytest.approx(states[1][1], rel=1e-12)


def test_a_file_can_bring_its_own_validation_sequences(tmp_path):
    own = {"X_validation": X[:9], "y_validation": FILES["values"]["y"][:9]}
    file = save(tmp_path, {**FILES["values"], **own})
    spec = run(file)
    assert spec.task.layout == "51 + 9 + 6 sequences, 9 steps, 3 reals, 2 values, last"
    assert np.array_equal(made(spec).split("validation").sequences.inputs, X[:9].astype(np.float32))
    assert run(file, task={"validation": 0.3}).task.layout == spec.task.layout


# --- identity ---------------------------------------------------------------------------------------------------------


def test_a_run_is_the_same_wherever_and_however_its_arrays_are_packed(tmp_path):
    first = run(save(tmp_path, FILES["classes"]))
    np.savez_compressed(tmp_path / "moved.npz", y=FILES["classes"]["y"], X=X, other=np.ones(3))
    moved = run(str(tmp_path / "moved.npz"))
    assert moved.run_id == first.run_id
    assert moved.task.file == str(tmp_path / "moved.npz")
    changed = {**FILES["classes"], "y": 1 - FILES["classes"]["y"]}
    assert run(save(tmp_path, changed, "changed.npz")).run_id != first.run_id


def test_a_changed_or_missing_file_is_told_when_a_stored_run_trains(tmp_path):
    file = save(tmp_path, FILES["classes"])
    spec = RunSpec.model_validate(run(file).model_dump(mode="json"))
    save(tmp_path, {**FILES["classes"], "y": 1 - FILES["classes"]["y"]})
    with pytest.raises(ValueError, match=r"^file .*data.npz is another than the run's: sha256 [0-9a-f]{12}\.\.\., not"):
        train({"a": spec})
    with pytest.raises(ValueError, match=r"^sha256 [0-9a-f]{64} is not that of file"):
        spec.identified()
    Path(file).unlink()
    assert spec.task.question.loss == "cross_entropy"  # known without the file
    with pytest.raises(ValueError, match=r"^file .*data.npz: no such file$"):
        train({"a": RunSpec.model_validate(spec.model_dump(mode="json"))})
    shutil.rmtree(tmp_path)


# --- floors -----------------------------------------------------------------------------------------------------------


def test_the_floor_of_classes_is_no_higher_than_that_of_any_constant(tmp_path):
    spec = run(save(tmp_path, FILES["one-hot"]))
    task = made(spec)
    batches = validation_set(task, spec.check)
    floor = task.split("validation").baseline(batches)
    targets = np.concatenate([batch.targets for batch in batches])
    shares = np.bincount(targets, minlength=4) / len(targets)
    assert floor.loss <= -sum(p * math.log(p) for p in shares if p) + 1e-12
    assert 0 < floor.error < 1


def test_the_floor_sees_the_step_and_the_present_symbol(tmp_path):
    """Answers that follow from the present symbol alone, but for a third of them."""
    rng = np.random.default_rng(2)
    symbols = rng.integers(4, size=(4000, 5))
    noise = rng.random((4000, 5)) < 1 / 3
    answers = np.where(noise, rng.integers(4, size=(4000, 5)), symbols)
    spec = run(save(tmp_path, {"X": symbols, "y": answers}))
    task = made(spec)
    floor = task.split("validation").baseline(validation_set(task, spec.check))
    right = 2 / 3 + 1 / 12
    expected = -right * math.log(right) - (1 - right) * math.log((1 - right) / 3)
    assert floor.loss == pytest.approx(expected, abs=0.03)
    assert floor.error == pytest.approx(1 - right, abs=0.02)
    by_step = (np.arange(5) % 4) + np.zeros((400, 1), int)
    spec = run(save(tmp_path, {"X": rng.standard_normal((400, 5, 1)), "y": by_step}, "steps.npz"))
    task = made(spec)
    assert task.split("validation").baseline(validation_set(task, spec.check)).loss < 0.05


def test_the_floor_of_values_is_the_variance_or_less(tmp_path):
    for kind in ("values", "values of every step", "values at the ends"):
        spec = run(save(tmp_path, FILES[kind], f"{kind}.npz"))
        task = made(spec)
        batches = validation_set(task, spec.check)
        floor = task.split("validation").baseline(batches)
        targets = np.concatenate([batch.targets.reshape(-1, 2) for batch in batches]).astype(float)
        known = targets[~np.isnan(targets[:, 0])]
        assert floor.loss <= known.var(0).mean() + 1e-9
        best = min(float(((known - c) ** 2).mean()) for c in np.linspace(-1, 1, 5))
        assert floor.loss <= best


# --- what is refused --------------------------------------------------------------------------------------------------

NAN = X.copy()
NAN[3, 4, 1] = np.nan
HUGE = X.copy()
HUGE[0, 0, 0] = 1e300
Y = FILES["classes"]["y"]
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no y": ({"X": X}, {}, "there is no array y; it has X"),
    "another name": ({"x": X, "y": Y}, {}, "there is no array X; it has x, y; did you mean x?"),
    "other names": ({"inputs": X, "labels": Y}, {}, "there is no array X; it has inputs, labels"),
    "unequal lengths": ({"X": X, "y": Y[:50]}, {}, "y has 50 sequences, and X has 57"),
    "a scalar y": ({"X": X, "y": np.float64(1)}, {}, "y has no sequences, and X has 57"),
    "NaN in X": ({"X": NAN, "y": Y}, {}, "X[3, 4, 1] is not finite: nan"),
    "NaN in y": ({"X": X, "y": NAN[:, 4, :]}, {}, "y[3, 1] is not finite: nan"),
    "infinite": (
        {"X": np.full_like(X, np.inf), "y": Y},
        {},
        "X[0, 0, 0] is not finite: inf",
    ),
    "huge": ({"X": HUGE, "y": Y}, {}, "X[0, 0, 0] is beyond float32: 1e+300"),
    "texts": ({"X": X, "y": np.array(["a"] * N)}, {}, "y holds <U1; allowed are whole and real numbers"),
    "complex": ({"X": X * 1j, "y": Y}, {}, "X holds complex128; allowed are whole and real numbers"),
    "X of one axis": ({"X": X[:, 0, 0], "y": Y}, {}, "X has the shape (57,); allowed: (N, T, I) real numbers"),
    "X of four axes": ({"X": X[..., None], "y": Y}, {}, "X has the shape (57, 9, 3, 1); allowed: (N, T, I) real"),
    "nothing": ({"X": X[:0], "y": Y[:0]}, {}, "X has the shape (0, 9, 3); allowed"),
    "real symbols": ({"X": X[:, :, 0], "y": Y}, {}, "so it must hold symbols, whole numbers, not float64"),
    "negative symbols": ({"X": SYMBOLS - 1, "y": Y}, {}, "the symbols of X must be from 0 to 65535"),
    "negative classes": ({"X": X, "y": Y - 1}, {}, "the classes of y must be whole numbers from 0"),
    "ids as classes": ({"X": X, "y": Y + 10**9}, {}, "the classes of y must be whole numbers from 0 to 65535"),
    "one class": ({"X": X, "y": Y * 0}, {}, "y has one class alone; at least two are needed"),
    "y of other steps": ({"X": X, "y": np.zeros((N, 5, 2))}, {}, "y has the shape (57, 5, 2); allowed: (N,), (N, C)"),
    "two readings": ({"X": X, "y": X[:, :, 0]}, {}, "y has the shape (57, 9), and X has 9 steps too: say asked"),
    "reals as classes": ({"X": X, "y": X[:, 0, 0]}, {"answers": "classes"}, "y cannot be classes: neither whole"),
    "lengths of 0": (
        {"X": X, "y": Y, "lengths": LENGTHS * 0},
        {},
        "lengths must be whole numbers from 1 to 9",
    ),
    "few lengths": ({"X": X, "y": Y, "lengths": LENGTHS[:3]}, {}, "lengths has 3 sequences, and X has 57"),
    "own of other inputs": (
        {"X": X, "y": Y, "X_validation": X[:, :, :2], "y_validation": Y},
        {},
        "X_validation does not have inputs like those of X",
    ),
    "own without y": ({"X": X, "y": Y, "X_validation": X}, {}, "there is no array y_validation; it has X, y, X_valid"),
    "nothing left": ({"X": X[:2], "y": [0, 1]}, {"validation": 0.5, "test": 0.5}, "leave none to train on"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_file_lacks_is_told_in_one_line(case, tmp_path):
    arrays, keys, message = REFUSED[case]
    file = save(tmp_path, arrays)
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        run(file, task=keys)
    assert "\n" not in str(caught.value)
    assert file in str(caught.value)


def test_what_is_no_such_file_is_told_in_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("not arrays")
    (tmp_path / "empty.npz").write_text("")
    (tmp_path / "folder.npz").mkdir()
    np.save(tmp_path / "one.npy", X)
    np.savez(tmp_path / "objects.npz", X=np.array([{}, None], dtype=object), y=Y)
    told = {
        "missing.npz": "no such file",
        "text.npz": "not an .npz file",
        "empty.npz": "not an .npz file",
        "folder.npz": "not a file",
        "one.npy": "a single array; save all of them with numpy.savez",
        "objects.npz": "X holds Python objects, which are not read",
    }
    for name, message in told.items():
        with pytest.raises(ValueError, match=f"^file .*{name}: {message}"):
            run(str(tmp_path / name))
    whole = Path(save(tmp_path, FILES["classes"])).read_bytes()
    for place in (200, len(whole) // 2):
        (tmp_path / "damaged.npz").write_bytes(whole[:place] + bytes(8) + whole[place + 8 :])
        with pytest.raises(ValueError, match="^file .*damaged.npz: .*damaged$"):
            run(str(tmp_path / "damaged.npz"))
    with pytest.raises(ValueError, match="^file is missing: it names an .npz file"):
        run("")


def test_what_does_not_go_with_finite_data_is_refused(tmp_path):
    ends, every = save(tmp_path, FILES["classes at the ends"]), save(tmp_path, FILES["values of every step"], "e.npz")
    with pytest.raises(ValueError, match=r"train.bptt 3 has no meaning for arrays: only some of its steps are asked"):
        run(ends, bptt=3)
    assert train({"a": run(every, bptt=4)}).outcomes == {"a": "budget"}
    with pytest.raises(ValueError, match=r"check.screen has no meaning for arrays: a check looks at all held-out"):
        run(ends, check={"screen": 10})
    with pytest.raises(ValueError, match=r"model gated reads symbols, and the inputs of arrays are real numbers"):
        RunSpec.model_validate({"task": {"name": "arrays", "file": ends}, "model": "gated"})
    with pytest.raises(ValueError, match=r"no sequences are held out for test: task.test is 0"):
        made(run(ends, task={"test": 0.0})).split("test")
    with pytest.raises(ValueError, match=r"all sequences have 9 steps"):
        run(ends).task.at_length(5)


def test_a_name_that_is_right_is_not_what_another_was_meant_to_be(tmp_path):
    with pytest.raises(ValueError, match="there is no array y_validation; it has X, y, X_validation$"):
        run(save(tmp_path, {"X": X, "y": Y, "X_validation": X}))
