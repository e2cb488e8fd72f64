"""Small data for drawn runs: two places of one text, and two of one file of arrays for every task that reads one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

TEXT = "".join(f"{n} bottles, {n * n} squares; " for n in range(60))


def small_data(folder: Path) -> list[str]:
    """Write a text and arrays into a folder, each at two places, and return all four."""
    rng, places = np.random.default_rng(1), []
    x = rng.standard_normal((23, 6, 3))
    steps = {"targets": rng.integers(3, size=(23, 6)), "mask": rng.random((23, 6)) < 0.5}
    steps["mask"][:, 2] = True
    arrays = {"X": x, "y": x[:, 0, :2], "lengths": rng.integers(3, 7, size=23), "inputs": x, **steps}
    for name in ("one", "other"):
        (folder / name).write_text(TEXT)
        np.savez(folder / f"{name}.npz", **arrays)
        places += [str(folder / name), str(folder / f"{name}.npz")]
    return places
