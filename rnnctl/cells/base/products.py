"""The batched product of the runs of a pack, with bits that do not depend on how many runs there are.

torch.bmm has this property (MKL, with MKL_CBWR set to AVX2), except for one column, and for one row that is a
transposed column: for a single matrix, MKL then takes another path than for several, and sums in another order.
MKL_CBWR=AVX2,STRICT is no remedy: there the same happens for every single row.
"""

from __future__ import annotations

import torch


def run_by_run(a_RXY: torch.Tensor, b_RYZ: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return the product of each run's matrices, (R, X, Z), with the bits that the run has alone. Write it to `out`
    unless that is None.
    """
    one_column = b_RYZ.shape[2] == 1
    transposed_column = a_RXY.shape[1] == a_RXY.stride(1) == 1
    one_term = a_RXY.shape[2] == 1  # a product without sums, whose order cannot matter
    if one_term or not (one_column or transposed_column):
        return torch.bmm(a_RXY, b_RYZ, out=out)
    return torch.cat(
        [torch.bmm(a, b) for a, b in zip(torch.split(a_RXY, 1), torch.split(b_RYZ, 1), strict=True)], out=out
    )


def row_by_row(rows_RBNX: torch.Tensor, w_RXY: torch.Tensor) -> torch.Tensor:
    """Return the product of every row, such as a slot of a memory, with its run's matrix, (R, B, N, Y)."""
    product = run_by_run(rows_RBNX.flatten(1, 2), w_RXY)
    return product.view(*rows_RBNX.shape[:3], w_RXY.shape[2])
