"""The cells that have kernels. Importing this needs Triton, in which they are written."""

from __future__ import annotations

from rnnctl.cells.catalogue import CELLS

# Other cells train through the torch operations of their tapes.
CELLS_WITH_KERNELS = [cell for cell in CELLS.names if CELLS[cell]().network(4, 4).kernel_tape is not None]
