"""Optimizers turn gradients into changes of the weights. An optimizer is one file here and one line in catalogue.py."""
