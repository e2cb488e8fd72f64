"""The catalogue of optimizers. A new optimizer is a file in this folder and a line here."""

from rnnctl.optimizers.adam import AdamSection
from rnnctl.optimizers.section import OptimizerSection
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.parts import Catalogue

OPTIMIZERS: Catalogue[OptimizerSection] = Catalogue("optimizer", OptimizerSection, SgdSection, AdamSection)
