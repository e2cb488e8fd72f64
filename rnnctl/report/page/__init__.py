"""The report: results as one page that a browser shows without a network, and that it can print into a PDF.

content.py     what a page holds, as plain values
figures.py     matplotlib figures as SVG, or as PNG where they have too many marks
curves.py      the numbers of curves, for readers who zoom
sparklines.py  small curves for the cells of a table
assets.py      the style sheets and scripts that the page carries, and the policy that admits nothing else
render.py      from content to HTML, by the templates in templates/
pdf.py         the page as a PDF, by an installed browser

Templates escape every value. Characters that cannot be printed, such as orders to a terminal or marks that turn the
direction of writing, are shown as escape sequences.
"""
