"""Tasks, the sources of batches. A task is one file here, with its section, generator, question and floor, and one line
in catalogue.py.
"""
