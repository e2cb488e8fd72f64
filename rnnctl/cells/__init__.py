"""Recurrent networks from their equations: cells, initial weights, activations and the layout of a pack's weights."""
