"""The reference: Markdown pages, whose tables are generated from the code.

pages       the marked parts of a page, and how they are rewritten
blocks      which parts are generated, by name
keys        tables of the keys of a study
commands    the commands with their arguments and options
parts       tables of figures, measures and studies
questions   what a new part has to answer
markdown    tables in Markdown

`python -m rnnctl.docs` rewrites the generated parts; `python -m rnnctl.docs --check` only says which are out of date.
"""
