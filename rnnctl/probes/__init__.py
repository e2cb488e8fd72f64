"""Probes: questions put to a trained network."""
