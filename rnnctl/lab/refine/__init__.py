"""Make a new study of the best configurations of a study.

recipes.py     what is to be done: the study's recipe, changed by arguments
selection.py   which configurations are the best
offspring.py   what each of them becomes
file.py        the new study's file
refinement.py  the use-case
"""
