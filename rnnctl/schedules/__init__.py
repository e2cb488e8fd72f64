"""Schedules of the learning rate. A schedule is one file here and one line in catalogue.py."""
