"""What hyper-parameters do to the result of runs: which matter, in which direction, and how sure that is.

trials.py      the runs as a table: results, configurations, seeds, and the hyper-parameters that vary
levels.py      main effects: the mean result at each value, with two uncertainties
pairs.py       one value against another, everything else equal
importance.py  how much of the result each hyper-parameter accounts for: columns, linear regression, what a fit is worth
forest.py      the same by a fit that sees interactions (needs the extra `effects`)
stability.py   whether other seeds rank the configurations alike
"""
