"""The study language: a study file (strict YAML) becomes a validated Study of labelled, fully resolved RunSpecs.

run.py, train.py, check.py   one run, its sections and its id
schema.py                    the dotted keys, and the values that they take
former.py                    keys that have moved
pack_key.py                  what the runs of a pack have in common
yaml.py, yaml_slips.py       text to nodes that know their lines; syntax errors in plain words
overlay.py                   settings laid over each other, each with its place in the file
explain.py, errors.py        validation errors in the words of a study file; SpecError
lookup.py, slips.py          the key, the number or the list that was most likely meant
values.py                    lists of values: ranges, random draws
conditions.py                `exclude` and `when`
expand.py, labels.py         the product of cases and axes, with labels and differences
loading.py, replicates.py    a file as a whole, other seeds
packaged.py                  the studies that come with rnnctl, and their index
recipe.py                    `refine`: what becomes of the best configurations
names.py                     the names that studies and cases can have
"""
