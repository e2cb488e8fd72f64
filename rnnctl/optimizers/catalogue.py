"""The catalogue of optimizers. A new optimizer is a file in this folder and a line here."""

from rnnctl.optimizers.absent import AbsentOptimizer
from rnnctl.optimizers.adagrad import AdagradSection
from rnnctl.optimizers.adam import AdamSection
from rnnctl.optimizers.adamw import AdamWSection
from rnnctl.optimizers.momentum import MomentumSection
from rnnctl.optimizers.nesterov import NesterovSection
from rnnctl.optimizers.rmsprop import RmspropSection
from rnnctl.optimizers.section import OptimizerSection
from rnnctl.optimizers.sgd import SgdSection
from rnnctl.parts import Catalogue

OPTIMIZERS: Catalogue[OptimizerSection] = Catalogue(
    "optimizer",
    OptimizerSection,
    SgdSection,
    MomentumSection,
    NesterovSection,
    RmspropSection,
    AdamSection,
    AdamWSection,
    AdagradSection,
    absent=AbsentOptimizer,
)
