"""The optimizers: a new one is a file beside these and one line here."""

from rnnctl.optimizers.adam import AdamSection
from rnnctl.optimizers.section import OptimizerSection
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.parts import Catalogue

OPTIMIZERS: Catalogue[OptimizerSection] = Catalogue("optimizer", OptimizerSection, SgdSection, AdamSection)
