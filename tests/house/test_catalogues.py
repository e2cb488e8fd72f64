"""A catalogue takes only parts that answer every question of their family, under names that are free, and in time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import pytest

from rnnctl.cells.base.section import CellSection
from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.optimizers.section import OptimizerSection
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.parts import Catalogue, names_of
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.section import ScheduleSection
from rnnctl.section import Section
from rnnctl.tasks.catalogue import TASKS
from rnnctl.tasks.section import LengthsSection


class ToolSection(Section, ABC):
    """A family for these tests, with one question of each kind."""

    name: str

    weight: ClassVar[float]

    @abstractmethod
    def use(self) -> str:
        """Return what the tool does."""


class HammerSection(ToolSection):
    name: Literal["hammer", "mallet"] = "hammer"

    weight: ClassVar[float] = 1.5

    def use(self) -> str:
        return "hits"


class SawSection(ToolSection):
    name: Literal["saw"] = "saw"

    weight: ClassVar[float] = 0.5

    def use(self) -> str:
        return "cuts"


def tools() -> Catalogue[ToolSection]:
    return Catalogue("tool", ToolSection, HammerSection)


def test_a_part_is_known_by_all_of_its_names_and_comes_once() -> None:
    catalogue = tools()
    assert catalogue.add(SawSection) is SawSection
    assert catalogue.names == ["hammer", "mallet", "saw"]
    assert list(catalogue) == [HammerSection, SawSection]
    assert catalogue["mallet"] is HammerSection


def test_a_part_without_a_method_of_its_family_is_refused() -> None:
    class SilentSection(ToolSection):
        name: Literal["silent"] = "silent"

        weight: ClassVar[float] = 1.0

    with pytest.raises(TypeError, match=r"^tool SilentSection does not define use$"):
        tools().add(SilentSection)


def test_a_part_without_a_class_variable_of_its_family_is_refused() -> None:
    class WeightlessSection(ToolSection):
        name: Literal["weightless"] = "weightless"

        def use(self) -> str:
            return "floats"

    with pytest.raises(TypeError, match=r"^tool WeightlessSection does not define weight$"):
        tools().add(WeightlessSection)


def test_every_open_question_is_named_and_nothing_of_the_part_is_kept() -> None:
    class EmptySection(ToolSection):
        name: Literal["empty"] = "empty"

    catalogue = tools()
    with pytest.raises(TypeError, match=r"^tool EmptySection does not define use, weight$"):
        catalogue.add(EmptySection)
    assert "empty" not in catalogue.names


def test_two_parts_cannot_share_a_name() -> None:
    class AxeSection(SawSection):
        name: Literal["axe", "mallet"] = "axe"  # type: ignore[assignment]

    catalogue = tools()
    with pytest.raises(TypeError, match=r"^there are two tools named mallet$"):
        catalogue.add(AxeSection)
    assert catalogue.names == ["hammer", "mallet"]


def test_a_part_of_another_family_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^SgdSection is not a tool: it does not derive from ToolSection$"):
        tools().add(SgdSection)  # type: ignore[arg-type]


def test_a_part_that_is_added_after_the_language_was_built_is_refused() -> None:
    catalogue = tools()
    catalogue.section()
    with pytest.raises(TypeError, match=r"^tool SawSection is added too late: the study language is already built$"):
        catalogue.add(SawSection)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(KeyError, match="there is no tool 'hamer'; did you mean hammer\\?"):
        tools()["hamer"]


@pytest.mark.parametrize("catalogue", [CELLS, TASKS, OPTIMIZERS, SCHEDULES], ids=lambda catalogue: catalogue.kind)
def test_every_family_of_ours_is_part_of_the_language_by_now(catalogue: Catalogue[Section]) -> None:
    import rnnctl.study.run  # noqa: F401  builds the language

    with pytest.raises(TypeError, match="added too late"):
        catalogue.add(next(iter(catalogue)))
    assert catalogue.names == [name for section in catalogue for name in names_of(section)]


@pytest.mark.parametrize(
    ("family", "question"),
    [
        (CellSection, "network"),
        (CellSection, "gates"),
        (CellSection, "products"),
        (CellSection, "has_omega"),
        (CellSection, "takes_reals"),
        (LengthsSection, "make"),
        (LengthsSection, "LEAST"),
        (LengthsSection, "real_inputs"),
        (OptimizerSection, "step"),
        (OptimizerSection, "slots"),
        (ScheduleSection, "rate"),
    ],
)
def test_what_a_family_of_ours_must_answer_is_asked_when_a_part_is_added(family: type[Section], question: str) -> None:
    blank = type("BlankSection", (family,), {"__module__": __name__, "__annotations__": {"name": Literal["blank"]}})
    with pytest.raises(TypeError, match=rf"^kind BlankSection does not define .*\b{question}\b"):
        Catalogue("kind", family, blank)


def test_a_family_of_one_part_needs_no_name_to_tell_it_apart() -> None:
    assert Catalogue("schedule", ScheduleSection, ConstantSection).section() is ConstantSection
