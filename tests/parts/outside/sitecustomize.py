"""Python runs this when it starts, if this folder is on PYTHONPATH: a catalogue line for each part of this folder.

So worker processes know the parts as well.
"""

from leaky import LeakySection
from same_ends import SameEndsSection
from signs import SignsSection
from stairs import StairsSection

from rnnctl.cells.catalogue import CELLS
from rnnctl.optimizers.catalogue import OPTIMIZERS
from rnnctl.schedules.catalogue import SCHEDULES
from rnnctl.tasks.catalogue import TASKS

CELLS.add(LeakySection)
TASKS.add(SameEndsSection)
OPTIMIZERS.add(SignsSection)
SCHEDULES.add(StairsSection)

# Probes know the study language, which is built from the catalogues above.
from parameter_count import ParameterCount  # noqa: E402

from rnnctl.probes.catalogue import PROBES  # noqa: E402

PROBES.add(ParameterCount)
