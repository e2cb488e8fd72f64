"""What is to be run: a study file (strict YAML) becomes a validated Study of labelled, fully resolved RunSpecs.

run.py       one run, resolved and hashed              schema.py   which dotted keys there are, and what may stand there
yaml.py      text to nodes that know their lines       overlay.py  settings laid over each other, each with its place
values.py    lists of values: ranges, random draws     explain.py  validation errors in a user's words
conditions.py  `exclude` and `when`                    expand.py   the product of cases and axes, labels, differences
study.py     the file as a whole; packaged studies     errors.py   SpecError
tasks.py     the task section, one model a family      section.py  what all sections have in common
recipe.py    `refine`: what becomes of the best        names.py    what studies and cases can be called
"""
