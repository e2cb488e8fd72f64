"""What a user may call a device, and what is made of it on machines with and without cards."""

import warnings
from types import SimpleNamespace

import pytest
import torch

from rnnctl import devices
from rnnctl.devices import assigned, cards, free_bytes, parse, resolve
from rnnctl.words import one_line
from tests.cards import GIB, OLD, RTX, pretend


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("auto", ("auto",)),
        ("cpu", ("cpu",)),
        ("cuda", ("cuda",)),
        ("cuda:0", ("cuda:0",)),
        ("cuda:1, cuda:0", ("cuda:1", "cuda:0")),
    ],
)
def test_texts_that_name_devices(text, names):
    assert parse(text) == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tpu", "did you mean cpu?"),
        ("gpu", "did you mean cuda?"),
        ("gpu:2", "did you mean cuda:2?"),
        ("CUDA:0", "did you mean cuda:0?"),
        ("cuda:01", "did you mean cuda:1?"),
        ("cuda0", "did you mean cuda?"),
        ("cuda:-1", "allowed"),
        ("cuda:0,cuda:0", "names cuda:0 twice"),
        ("cuda:0,", "allowed"),
        ("cuda:0,cpu", "allowed"),
        ("cuda,cuda:1", "allowed"),
        ("cpu,cpu", "allowed"),
        ("", "allowed"),
        ("cuda:\n0", "allowed"),
        ("cuda:²", "allowed"),
    ],
)
def test_a_text_that_names_no_device_is_answered_in_one_line(text, words):
    with pytest.raises(ValueError, match="is not allowed") as error:
        parse(text)
    assert words in str(error.value)
    assert one_line(str(error.value)) == str(error.value)
    assert str(error.value).count("did you mean") <= 1


def test_without_a_card_auto_is_the_cpu(monkeypatch):
    pretend(monkeypatch)
    assert resolve("auto") == resolve("cpu") == ("cpu",)
    assert cards() == ()


@pytest.mark.parametrize(
    ("version", "words"), [(None, "this torch was built without CUDA"), ("13.0", "no GPU is visible")]
)
@pytest.mark.parametrize("text", ["cuda", "cuda:0"])
def test_without_a_card_none_can_be_asked_for(monkeypatch, text, version, words):
    pretend(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", version)
    with pytest.raises(ValueError, match=f"^--device {text}: {words}; use --device cpu or auto$"):
        resolve(text)


def test_all_cards_are_taken_unless_some_are_named(monkeypatch):
    pretend(monkeypatch, RTX, RTX, RTX)
    assert resolve("auto") == resolve("cuda") == ("cuda:0", "cuda:1", "cuda:2")
    assert resolve("cuda:2,cuda:0") == ("cuda:2", "cuda:0")
    assert resolve("cpu") == ("cpu",)


@pytest.mark.parametrize(("present", "words"), [([RTX], "1 GPU: cuda:0"), ([RTX, RTX], "2 GPUs: cuda:0, cuda:1")])
def test_an_absent_card_is_told_with_those_that_are_there(monkeypatch, present, words):
    pretend(monkeypatch, *present)
    with pytest.raises(ValueError, match=f"^--device cuda:0,cuda:7: there is no cuda:7; this machine has {words}$"):
        resolve("cuda:0,cuda:7")


def test_a_card_that_is_too_old_is_left_out_and_cannot_be_asked_for(monkeypatch):
    pretend(monkeypatch, OLD, RTX)
    assert resolve("auto") == resolve("cuda") == ("cuda:1",)
    why = r"cuda:0 \(Tesla P100\) has compute capability 6.0; 7.5 or more is needed"
    with pytest.raises(ValueError, match=f"^--device cuda:0: {why}$"):
        resolve("cuda:0")
    pretend(monkeypatch, OLD)
    assert resolve("auto") == ("cpu",)
    with pytest.raises(ValueError, match=f"^--device cuda: {why}$"):
        resolve("cuda")


def test_workers_are_spread_over_the_cards():
    names = ("cuda:0", "cuda:2")
    assert [assigned(names, slot, 5) for slot in range(5)] == [
        ("cuda:0", 3),
        ("cuda:2", 2),
        ("cuda:0", 3),
        ("cuda:2", 2),
        ("cuda:0", 3),
    ]
    assert assigned(names, 0, 1) == ("cuda:0", 1)
    assert assigned(("cpu",), 3, 4) == ("cpu", 4)


def test_cards_are_told_with_capability_and_memory(monkeypatch):
    pretend(monkeypatch, RTX, OLD)
    first, second = cards()
    assert (first.name, first.device, first.capability) == ("NVIDIA GeForce RTX 3090", "cuda:0", (8, 6))
    assert (first.memory_bytes, first.free_bytes, first.trouble) == (24 * GIB, 20 * GIB, None)
    assert second.device == "cuda:1"
    assert "7.5 or more is needed" in second.trouble


def test_free_memory_is_that_of_the_management_library_where_it_is_installed(monkeypatch):
    pretend(monkeypatch, RTX, managed=3 * GIB)
    monkeypatch.setattr(torch.cuda, "mem_get_info", pytest.fail)  # it would make a CUDA context
    assert free_bytes("cuda:0") == 3 * GIB


def test_a_management_library_that_does_not_know_the_card_is_done_without(monkeypatch):
    pretend(monkeypatch, RTX, managed=3 * GIB)
    facts = torch.cuda.get_device_properties(0)
    part = SimpleNamespace(**{**vars(facts), "uuid": "part of the card"})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: part)
    assert free_bytes("cuda:0") == 20 * GIB


def test_memory_that_torch_has_set_aside_is_free(monkeypatch):
    pretend(monkeypatch, RTX)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 2 * GIB)
    assert free_bytes("cuda:0") == 22 * GIB


def test_a_driver_that_does_not_fit_is_told_in_the_same_line(monkeypatch):
    pretend(monkeypatch)
    monkeypatch.setattr(torch.version, "cuda", "13.0")

    def is_available():
        warnings.warn("CUDA initialization: the driver is too old\nUpdate it.", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    assert resolve("auto") == ("cpu",)
    with pytest.raises(ValueError, match=r"^--device cuda: no GPU is visible \(CUDA init.* too old\); use .* auto$"):
        resolve("cuda")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5\nGCC version: 12.2.0 \n", "550.54.15"),
        ("NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release\n", "580.65.06"),
        ("something else\n", None),
        (None, None),
    ],
)
def test_the_version_of_the_driver(tmp_path, monkeypatch, text, version):
    file = tmp_path / "version"
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(devices, "DRIVER_VERSION", file)
    assert devices.gpu_driver() == version
