"""Spectral radius and largest singular value of the recurrent matrix.

Gradients must vanish where sigma_max < 1 / gamma, with gamma the largest slope of phi (1 for tanh, 1/4 for sigmoid),
and can explode only where it is larger (Pascanu et al. 2013, section 2.1); the spectral radius decides what happens
in the long run.
"""

from __future__ import annotations

import numpy as np

from rnnctl.cells.base.inits import spectral_radius


def spectrum(w_HH: np.ndarray) -> dict[str, float]:
    """rho: largest modulus of an eigenvalue; sigma_max: largest singular value. nan where an entry is not finite."""
    if not np.isfinite(w_HH).all():
        return {"rho": float("nan"), "sigma_max": float("nan")}
    w = w_HH.astype(np.float64)
    return {"rho": spectral_radius(w), "sigma_max": float(np.linalg.norm(w, 2))}
