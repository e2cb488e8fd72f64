"""The schedules of the learning rate: a new one is a file beside these and one line here."""

from rnnctl.parts import Catalogue
from rnnctl.schedules.constant import ConstantSection
from rnnctl.schedules.exponential import ExponentialSection
from rnnctl.schedules.inverse import InverseSection
from rnnctl.schedules.section import ScheduleSection

SCHEDULES: Catalogue[ScheduleSection] = Catalogue(
    "schedule", ScheduleSection, ConstantSection, InverseSection, ExponentialSection
)
