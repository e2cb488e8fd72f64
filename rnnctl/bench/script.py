"""A script that trains one network with torch alone, as many people write it: the baseline of a whole command.

    python script.py SEED UPDATES

Temporal order (Pascanu, Mikolov and Bengio 2013), sequences of 50 to 200 steps, torch.nn.RNN with 50 hidden units,
SGD, clipping, and a validation on 1,000 sequences every 20 updates. It loads nothing of rnnctl.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

SYMBOLS, CLASSES, HIDDEN = 6, 4, 50
SHORTEST, LONGEST = 50, 200
BATCH, EVERY, HELD_OUT = 20, 20, 1000


def draw(rng: np.random.Generator, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return sequences of one length, one-hot (T, B, 6), and their classes, (B,)."""
    length = int(rng.integers(SHORTEST, LONGEST + 1))
    symbols = rng.integers(2, SYMBOLS, size=(length, batch))
    pairs, columns = rng.integers(2, size=(2, batch)), np.arange(batch)
    symbols[rng.integers(length // 10, 2 * length // 10, size=batch), columns] = pairs[0]
    symbols[rng.integers(5 * length // 10, 6 * length // 10, size=batch), columns] = pairs[1]
    inputs = torch.nn.functional.one_hot(torch.from_numpy(symbols), SYMBOLS).float()
    return inputs, torch.from_numpy(2 * pairs[0] + pairs[1])


def main(seed: int, updates: int) -> None:
    """Train, and write the last validation loss to stdout."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    rnn, head = torch.nn.RNN(SYMBOLS, HIDDEN), torch.nn.Linear(HIDDEN, CLASSES)
    weights = [*rnn.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(weights, lr=0.01)
    held_out = draw(rng, HELD_OUT)
    loss = torch.tensor(0.0)

    def loss_of(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(head(rnn(inputs)[0][-1]), targets)

    for update in range(1, updates + 1):
        optimizer.zero_grad()
        loss_of(*draw(rng, BATCH)).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if update % EVERY == 0:
            with torch.no_grad():
                loss = loss_of(*held_out)
    print(float(loss))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
