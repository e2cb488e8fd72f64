"""rnnctl: a command-line laboratory for the training dynamics of recurrent networks."""

__version__ = "0.2.0"
