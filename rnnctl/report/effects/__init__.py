"""What hyper-parameters do to the results of runs: which of them matter, in which direction, and how certain that is.

trials.py      the runs as a table: results, configurations, seeds, and the hyper-parameters that vary
levels.py      main effects: the mean result at each value, with its uncertainty
pairs.py       one value against another, everything else equal
importance.py  how much of the result each hyper-parameter accounts for: columns, a linear fit, how good a fit is
forest.py      the same by a fit that sees interactions (needs the extra `effects`)
stability.py   whether other seeds rank the configurations alike
analysis.py    all of these together, and their figure
"""
