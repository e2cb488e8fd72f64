"""The catalogue of tasks. A new task is a file in this folder and a line here."""

from rnnctl.parts import Catalogue
from rnnctl.tasks.marked import MarkedSection, XorSection
from rnnctl.tasks.memorization import MemorizationSection
from rnnctl.tasks.permutation import PermutationSection
from rnnctl.tasks.section import TaskSection
from rnnctl.tasks.temporal_order import TemporalOrderSection
from rnnctl.tasks.text import TextSection

TASKS: Catalogue[TaskSection] = Catalogue(
    "task",
    TaskSection,
    TemporalOrderSection,
    MarkedSection,
    XorSection,
    PermutationSection,
    MemorizationSection,
    TextSection,
)
