"""The catalogue of tasks. A new task is a file in this folder and a line here."""

from rnnctl.parts import Catalogue
from rnnctl.tasks.absent import AbsentTask
from rnnctl.tasks.arrays import ArraysSection
from rnnctl.tasks.babi import BabiSection
from rnnctl.tasks.grammar import GrammarSection
from rnnctl.tasks.marked import MarkedSection, XorSection
from rnnctl.tasks.memorization import MemorizationSection
from rnnctl.tasks.nth_farthest import NthFarthestSection
from rnnctl.tasks.object_tracking import ObjectTrackingSection
from rnnctl.tasks.pair_matching import PairMatchingSection
from rnnctl.tasks.permutation import PermutationSection
from rnnctl.tasks.recorded import RecordedSection
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
    GrammarSection,
    NthFarthestSection,
    ObjectTrackingSection,
    PairMatchingSection,
    BabiSection,
    ArraysSection,
    RecordedSection,
    absent=AbsentTask,
)
