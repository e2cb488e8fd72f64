"""Checkpoints that cannot be loaded are told in one line, whatever is wrong with them."""

import random
import zipfile

import pytest
import torch

from rnnctl.training import saved


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.save({"step": 3, "weights": {"W": torch.ones(2, 2)}, "names": ["a", "b"]}, path)
    return path


def test_damaged_content_is_refused_or_loaded_and_nothing_else(checkpoint, tmp_path):
    with zipfile.ZipFile(checkpoint) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    pickled = next(name for name in files if name.endswith("data.pkl"))
    dice = random.Random(4)
    lines = []
    for _ in range(400):
        content = bytearray(files[pickled])
        for _ in range(dice.randint(1, 3)):
            content[dice.randrange(len(content))] = dice.randrange(256)
        damaged = tmp_path / "damaged.ckpt"
        with zipfile.ZipFile(damaged, "w") as archive:
            for name, whole in files.items():
                archive.writestr(name, bytes(content) if name == pickled else whole)
        try:
            saved.load(damaged)
        except saved.UnsafeCheckpoint as error:
            lines.append(str(error))
    assert len(lines) > 200
    assert all(line.startswith("damaged.ckpt was not loaded: ") for line in lines)


def test_a_checkpoint_is_not_called_damaged_where_there_is_no_memory(checkpoint, monkeypatch):
    def no_memory(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.")

    monkeypatch.setattr(torch, "load", no_memory)
    with pytest.raises(MemoryError, match=r"a\.ckpt"):
        saved.load(checkpoint)
