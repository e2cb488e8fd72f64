"""What represents a cell of a user whose code is missing, where a stored run is only read (see rnnctl.parts)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from rnnctl.cells.base.section import CellSection
from rnnctl.usercode.errors import CodeError

if TYPE_CHECKING:
    from rnnctl.cells.base.cell import Cell


class AbsentCell(CellSection):
    """Has the keys that were stored, and no equations. What a run may be was decided when it was registered."""

    hidden: int = 0
    init: Any = None

    has_omega: ClassVar[bool] = True
    takes_reals: ClassVar[bool] = True

    @property
    def data(self) -> tuple[str, str] | None:
        return None  # the keys of the init are known, and not what they mean

    def network(self, inputs: int, outputs: int) -> Cell:
        raise CodeError(self.missing_code)

    @property
    def gates(self) -> tuple[str, ...]:
        return ()  # those that were measured are in the history, and are not drawn

    @property
    def products(self) -> int:
        raise CodeError(self.missing_code)

    @property
    def kept_per_step(self) -> int:
        raise CodeError(self.missing_code)

    @property
    def saturation_limit(self) -> float | None:
        return 1.0

    @property
    def saturation_formula(self) -> str | None:
        return None
