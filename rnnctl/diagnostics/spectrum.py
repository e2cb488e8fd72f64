"""Spectral radius and largest singular value of the recurrent matrix.

Gradients vanish if sigma_max < 1 / gamma, where gamma is the largest slope of phi (1 for tanh, 1/4 for sigmoid), and
can explode only if it is larger (Pascanu et al. 2013, section 2.1). The spectral radius determines the behaviour over
many time steps.
"""

from __future__ import annotations

import numpy as np

from rnnctl.cells.base.inits import spectral_radius


def spectrum(w_HH: np.ndarray) -> dict[str, float]:
    """Return rho, the largest modulus of an eigenvalue, and sigma_max, the largest singular value, of W_hh, (H, H).

    Both are computed in float64, and are nan if an entry of the matrix is non-finite.
    """
    if not np.isfinite(w_HH).all():
        return {"rho": float("nan"), "sigma_max": float("nan")}
    w = w_HH.astype(np.float64)
    return {"rho": spectral_radius(w), "sigma_max": float(np.linalg.norm(w, 2))}
