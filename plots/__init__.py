"""Figures of training dynamics: tidy arrays in, a matplotlib Figure out.

Nothing here reads a database, opens a window or writes a file: callers write `figure.savefig(path)`. Figures are made
without pyplot, so there is no global state.
"""

from plots.data import ENDS, Histogram, Point, Series, Trace
from plots.distribution import distance_histogram, gradient_histogram
from plots.images import distance_image, gradient_histogram_image, gradient_image
from plots.panels import first_of_each
from plots.scatter import Scatter, hyperparameters
from plots.style import NAMED_GROUPS as MOST_SEPARATE
from plots.style import page
from plots.through_time import gradient_through_time, saturation_through_time
from plots.training import Curves, curves, saturation, spectral

__all__ = [
    "ENDS",
    "MOST_SEPARATE",
    "Curves",
    "Histogram",
    "Point",
    "Scatter",
    "Series",
    "Trace",
    "curves",
    "distance_histogram",
    "distance_image",
    "first_of_each",
    "gradient_histogram",
    "gradient_histogram_image",
    "gradient_image",
    "gradient_through_time",
    "hyperparameters",
    "page",
    "saturation",
    "saturation_through_time",
    "spectral",
]
