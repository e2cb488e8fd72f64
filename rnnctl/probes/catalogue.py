"""All probes, in the order in which they are listed."""

from __future__ import annotations

from rnnctl.parts import Catalogue
from rnnctl.probes.base import Probe
from rnnctl.probes.generate import Generate
from rnnctl.probes.lengths import Lengths
from rnnctl.probes.state_ablation import StateAblation

PROBES: Catalogue[Probe] = Catalogue("probe", Probe, Lengths, StateAblation, Generate)
