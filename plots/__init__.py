"""Figures of training dynamics: tidy arrays in, a matplotlib Figure out.

Nothing here reads a database, opens a window or writes a file: callers write `figure.savefig(path)`. Figures are made
without pyplot, so there is no global state.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Where each name is: matplotlib takes half a second to load, and tables need modules of this package that do without.
_MODULES = {
    "Curves": "training",
    "ENDS": "data",
    "Histogram": "data",
    "MOST_SEPARATE": "style",
    "Point": "data",
    "Scatter": "scatter",
    "Series": "data",
    "Trace": "data",
    "curves": "training",
    "distance_histogram": "distribution",
    "distance_image": "images",
    "first_of_each": "panels",
    "gradient_histogram": "distribution",
    "gradient_histogram_image": "images",
    "gradient_image": "images",
    "gradient_through_time": "through_time",
    "hyperparameters": "scatter",
    "page": "style",
    "saturation": "training",
    "saturation_through_time": "through_time",
    "spectral": "training",
}
_OTHER_NAMES = {"MOST_SEPARATE": "NAMED_GROUPS"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), _OTHER_NAMES.get(name, name))
