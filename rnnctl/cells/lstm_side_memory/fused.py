"""The passes of the LSTM with a memory at its side, the LSTM's in compiled loops."""

from __future__ import annotations

from rnnctl.cells.lstm.fused import FusedLstmTape
from rnnctl.cells.lstm_side_memory.passes import LstmSideMemoryTape


class FusedLstmSideMemoryTape(LstmSideMemoryTape, FusedLstmTape):
    """The LSTM in fused loops; the memory as torch operations, a step of all rows at a time."""
