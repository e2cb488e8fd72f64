"""What represents a task of a user whose code is missing, where a stored run is only read (see rnnctl.parts)."""

from __future__ import annotations

from typing import ClassVar

from rnnctl.question import Question
from rnnctl.tasks.base import Task
from rnnctl.tasks.section import Sizes, TaskSection
from rnnctl.usercode.errors import CodeError


class AbsentTask(TaskSection):
    """Has the keys that were stored, and no batches. What a run may be was decided when it was registered."""

    real_inputs: ClassVar[bool] = False
    predicts_next_input: ClassVar[bool] = True

    def make(self) -> Task:
        raise CodeError(self.missing_code)

    @property
    def question(self) -> Question:
        return Question(every_step=True)

    def at_length(self, length: int) -> TaskSection:
        raise CodeError(self.missing_code)

    def mean_steps(self, piece: int | None) -> float:
        raise CodeError(self.missing_code)

    @property
    def exact_sizes(self) -> Sizes | None:
        return None

    @property
    def loss_unit(self) -> str:
        return "unit unknown"
