"""Other lengths: what the probe finds is what plain torch finds on sequences that depend on task, length and seed."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rnnctl import seeds
from rnnctl.probes.lengths import at_length
from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from tests.oracles import rnn_loss


def spec(task="temporal_order", **keys):
    return RunSpec.model_validate(
        {
            "task": {"name": task, "min_length": 10, "max_length": 20, **keys},
            "model": {"hidden": 9, "init": "orthogonal"},
            "train": {"dtype": "float64"},
        }
    )


def weights_of(one, seed=1):
    size = network_of(one.model, one.task.make()).layout.size
    return torch.from_numpy(0.4 * np.random.default_rng(seed).standard_normal(size))


@pytest.mark.parametrize("task", ["temporal_order", "addition", "memorization"])
def test_loss_and_error_are_those_of_plain_torch(task):
    one = spec(task)
    flat, length = weights_of(one), 60
    actual = at_length(one, flat, length, samples=30, seed=5)
    longer = one.task.model_copy(update={"min_length": length, "max_length": length}).make()
    batch = longer.draw(seeds.generator(5, seeds.EVALUATION), 30)
    model = network_of(one.model, longer)
    own = {name: w[0] for name, w in model.layout.views(flat.unsqueeze(0)).items()}
    inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
    if longer.question.loss == "squared_error":
        inputs, targets = inputs.double(), targets.double()
    loss, _ = rnn_loss(own, inputs, targets, "tanh", longer.question)
    assert actual.loss == pytest.approx(loss.item(), rel=1e-9)
    assert actual.baseline == longer.baseline([batch])
    assert batch.length >= length
    assert 0 <= actual.error <= 1


def test_text_is_that_of_the_test_split_in_nats_with_its_bytes(tmp_path):
    path = tmp_path / "text"
    path.write_bytes(("Äpfel und Birnen, 12 Stück. " * 90).encode())
    task = {"name": "text", "corpus": str(path), "level": "chars", "window": 8, "validation": 0.2, "test": 0.3}
    one = RunSpec.model_validate(
        {"task": task, "model": {"hidden": 9, "init": "orthogonal"}, "train": {"dtype": "float64"}}
    )
    flat, length = weights_of(one), 20
    actual = at_length(one, flat, length, samples=2000, seed=5)
    test = one.task.make().split("test")
    rng, losses, n_bytes = seeds.generator(5, seeds.EVALUATION), [], 0
    model = network_of(one.model, test)
    own = {name: w[0] for name, w in model.layout.views(flat.unsqueeze(0)).items()}
    spelt = list(test.known.vocabulary.bytes_per_symbol)
    for _ in range(2):
        batch = test.draw(rng, 1000, length)
        loss, _ = rnn_loss(own, *map(torch.from_numpy, (batch.inputs, batch.targets)), "tanh", test.question)
        losses.append(loss.item())
        n_bytes += sum(spelt[symbol] for symbol in batch.targets.ravel())
    assert actual.loss == pytest.approx(np.mean(losses), rel=1e-9)
    assert actual.baseline.bytes_per_answer == pytest.approx(n_bytes / (2000 * length), rel=1e-12)
    assert actual.baseline.bytes_per_answer > 1


def test_several_chunks_are_fresh_sequences():
    one = spec()
    flat = weights_of(one)
    small, large = (at_length(one, flat, 12, samples, seed=5) for samples in (1000, 3000))
    assert large.loss != small.loss
    assert large.loss == pytest.approx(small.loss, rel=0.1)


def test_a_length_that_the_task_does_not_have_and_odd_samples_are_refused():
    with pytest.raises(ValidationError, match="at least 10|greater than or equal"):
        at_length(spec(), weights_of(spec()), 5, samples=10, seed=1)
    with pytest.raises(ValueError, match="neither at most 1,000 nor a multiple"):
        at_length(spec(), weights_of(spec()), 12, samples=1500, seed=1)
