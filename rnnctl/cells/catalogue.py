"""The cells: a new one is a folder (or a file) beside these and one line here."""

from rnnctl.cells.base.absent import AbsentCell
from rnnctl.cells.base.section import CellSection
from rnnctl.cells.gated.section import GatedSection
from rnnctl.cells.gru.section import GruSection
from rnnctl.cells.lstm.section import LstmSection
from rnnctl.cells.lstm_side_memory.section import LstmSideMemorySection
from rnnctl.cells.relational_memory.section import RelationalMemorySection
from rnnctl.cells.rnn.section import RnnSection
from rnnctl.parts import Catalogue

CELLS: Catalogue[CellSection] = Catalogue(
    "cell",
    CellSection,
    RnnSection,
    GruSection,
    LstmSection,
    GatedSection,
    RelationalMemorySection,
    LstmSideMemorySection,
    absent=AbsentCell,
)
