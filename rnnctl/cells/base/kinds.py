"""Which network each row of a pack on a GPU has, and what kernels have to know of each network.

Networks of several kinds share a pack where kernels read from tables what differs between them (see
rnnctl.study.pack_key). The rows of all weights are as long as those of the widest network, and a run's own weights lie
at the end of its row: so the head, which comes last, lies at one place in all rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import torch

from rnnctl.cells.base.cell import Cell

TableRows = Sequence[Sequence[int]]


class Kinds:
    """The networks of rows, and tables with a part for each kind of network: for each row its part's number on the
    device, numbers_R, int32. A kind keeps its number.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.networks: list[Cell] = []  # of each row
        self._numbers: dict[Cell, int] = {}
        self._tables: dict[Hashable, torch.Tensor] = {}

    def arrange(self, networks: Sequence[Cell]) -> None:
        """Say which network each row has from now on."""
        if self.networks == list(networks):
            return
        known = len(self._numbers)
        numbers = [self._numbers.setdefault(network, len(self._numbers)) for network in networks]
        if len(self._numbers) > known:
            self._tables.clear()
        self.networks = list(networks)
        self.numbers_R = torch.tensor(numbers, dtype=torch.int32).to(self.device)

    def table(
        self, name: Hashable, rows_of: Callable[[Cell], TableRows], dtype: torch.dtype = torch.int64
    ) -> torch.Tensor:
        """Return a table of this name on the device: the rows of every kind, (kinds, rows, columns).

        rows_of: returns those of one kind. Parts with fewer rows end in rows of zeros.
        """
        if name not in self._tables:
            parts = [torch.tensor(rows_of(kind), dtype=dtype) for kind in self._numbers]
            table = torch.nn.utils.rnn.pad_sequence(parts, batch_first=True)
            self._tables[name] = table.to(self.device)
        return self._tables[name]
