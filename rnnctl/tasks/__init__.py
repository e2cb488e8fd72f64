"""Tasks: where batches come from. One file each, with its section, generator, question and floor; and one line in
catalogue.py.
"""
