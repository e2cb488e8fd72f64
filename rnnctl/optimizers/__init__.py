"""Optimizers: what turns a gradient into a change of the weights. One file each, and one line in catalogue.py."""
