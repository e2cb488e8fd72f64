"""Schedules: how the learning rate changes with the updates. One file each, and one line in catalogue.py."""
