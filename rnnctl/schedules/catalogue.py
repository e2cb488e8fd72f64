"""The catalogue of schedules. A new schedule is a file in this folder and a line here."""

from rnnctl.parts import Catalogue
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.exponential import ExponentialSection
from rnnctl.schedules.inverse import InverseSection
from rnnctl.schedules.section import ScheduleSection

SCHEDULES: Catalogue[ScheduleSection] = Catalogue(
    "schedule", ScheduleSection, ConstantSection, InverseSection, ExponentialSection
)
