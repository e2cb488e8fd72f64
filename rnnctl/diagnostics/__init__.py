"""The measurements of a check: the gradient through time, saturation, and the spectrum of W_hh."""
