"""The catalogue of schedules. A new schedule is a file in this folder and a line here."""

from rnnctl.parts import Catalogue
from rnnctl.schedules.absent import AbsentSchedule
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.cosine import CosineSection
from rnnctl.schedules.exponential import ExponentialSection
from rnnctl.schedules.inverse import InverseSection
from rnnctl.schedules.milestones import MilestonesSection
from rnnctl.schedules.one_cycle import OneCycleSection
from rnnctl.schedules.plateau import PlateauSection
from rnnctl.schedules.section import ScheduleSection

SCHEDULES: Catalogue[ScheduleSection] = Catalogue(
    "schedule",
    ScheduleSection,
    ConstantSection,
    InverseSection,
    ExponentialSection,
    MilestonesSection,
    CosineSection,
    OneCycleSection,
    PlateauSection,
    absent=AbsentSchedule,
)
