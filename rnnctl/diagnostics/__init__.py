"""What is measured at a check: the gradient on its way back through time, saturation, the spectrum of W_hh."""
