"""What the sections of a spec have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

WRITTEN = {"written": True}  # the context in which what a study says is validated, and not a spec that is read back


class Section(BaseModel):
    """A section of a spec: unknown keys, silent conversions and non-finite numbers are errors; values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


def as_written(info: ValidationInfo) -> bool:
    """Whether a section is what a study says, which is held against the world, and not what was found when it was."""
    return info.context == WRITTEN


Real = Annotated[float, AfterValidator(lambda value: value + 0.0)]  # + 0.0 turns -0.0 into 0.0
NotNegative = Annotated[Real, Field(ge=0)]


def named(value: Any) -> Any:
    """The short form of a section that has a name: the word alone."""
    return {"name": value} if isinstance(value, str) else value
