"""All probes, in the order in which they are listed."""

from __future__ import annotations

from rnnctl.parts import Catalogue
from rnnctl.probes.base import Probe
from rnnctl.probes.categories import Categories
from rnnctl.probes.exposure import Exposure
from rnnctl.probes.generate import Generate
from rnnctl.probes.gradient_horizon import GradientHorizon
from rnnctl.probes.hidden_state import HiddenState
from rnnctl.probes.internals import Internals
from rnnctl.probes.lengths import Lengths
from rnnctl.probes.memory import Memory
from rnnctl.probes.novel_word import NovelWord
from rnnctl.probes.state_ablation import StateAblation

PROBES: Catalogue[Probe] = Catalogue(
    "probe",
    Probe,
    Lengths,
    StateAblation,
    Generate,
    GradientHorizon,
    HiddenState,
    Memory,
    Exposure,
    Categories,
    NovelWord,
    Internals,
)
