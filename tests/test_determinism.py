"""What a run's bits depend on, as environments record it."""

import torch

from rnnctl import determinism
from rnnctl.determinism import bit_environment, differences
from tests.cards import OLD, RTX, pretend


def test_on_a_cpu_two_workers_have_equal_environments():
    environment = bit_environment("cpu")
    assert environment == bit_environment("cpu")
    assert {type(value) for value in environment.values()} <= {str, int, type(None)}  # nobody needs torch to read it
    assert environment["device"] == "cpu"
    assert not environment.keys() & {"gpu", "start"}


def test_on_a_card_every_start_is_an_environment_of_its_own(monkeypatch):
    pretend(monkeypatch, RTX)
    first, second = bit_environment("cuda:0"), bit_environment("cuda:0")
    assert first.pop("start") != second.pop("start")
    assert first == second
    assert (first["device"], first["gpu"], first["gpu_capability"]) == ("cuda", RTX[0], "8.6")
    assert first.keys() >= {"cuda", "gpu_kernels", "driver"}


def test_on_equal_cards_that_are_proven_the_environments_are_equal(monkeypatch):
    pretend(monkeypatch, RTX, RTX, OLD)
    monkeypatch.setattr(determinism, "PROVEN_CARDS", frozenset({RTX[0]}))
    assert bit_environment("cuda:0") == bit_environment("cuda:1")
    assert "start" in bit_environment("cuda:2")


def test_the_version_of_cuda_counts(monkeypatch):
    pretend(monkeypatch, RTX)
    monkeypatch.setattr(determinism, "PROVEN_CARDS", frozenset({RTX[0]}))
    before = bit_environment("cuda:0")
    monkeypatch.setattr(torch.version, "cuda", "99.0")
    assert bit_environment("cuda:0") != before


def test_the_differences_of_machines_are_named_and_the_start_of_a_worker_is_none(monkeypatch):
    pretend(monkeypatch, RTX)
    here, again = bit_environment("cuda:0"), bit_environment("cuda:0")
    assert here["start"] != again["start"]
    assert differences(here, again) == ()
    assert differences(here, {**again, "numpy": "0.1", "gpu": "another"}) == ("numpy", "gpu")
    assert set(differences(here, bit_environment("cpu"))) >= {"device", "gpu"}


def test_without_compilation_torch_does_the_work_of_the_kernels(monkeypatch):
    compiled = bit_environment("cpu")
    for value, expected in (("1", "torch"), ("0", compiled["kernels"])):
        monkeypatch.setenv("NUMBA_DISABLE_JIT", value)
        assert bit_environment("cpu") == {**compiled, "kernels": expected}
