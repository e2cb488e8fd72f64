"""Figures of training dynamics: tidy arrays in, a matplotlib Figure out.

Nothing here reads a database, shows a window or writes a file: the caller does `figure.savefig(path)`. No
pyplot, so no state is kept.
"""

from plots.data import ENDS, Histogram, Point, Series, Trace
from plots.distribution import gradient_histogram
from plots.panels import first_of_each
from plots.scatter import hyperparameters
from plots.through_time import gradient_image, gradient_through_time, saturation_through_time
from plots.training import curves, saturation, spectral

__all__ = [
    "ENDS",
    "Histogram",
    "Point",
    "Series",
    "Trace",
    "curves",
    "first_of_each",
    "gradient_histogram",
    "gradient_image",
    "gradient_through_time",
    "hyperparameters",
    "saturation",
    "saturation_through_time",
    "spectral",
]
