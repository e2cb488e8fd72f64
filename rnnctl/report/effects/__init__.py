"""What hyper-parameters do to the results of runs: which of them matter, in which direction, and how certain that is.

trials.py      the runs as a table: results, configurations, seeds, and the hyper-parameters that vary
levels.py      main effects: the mean result at each value, with its uncertainty
pairs.py       one value against another, everything else equal
seed_design.py how seeds are spread over configurations, and how much noise they are
validation.py  how well a fit predicts configurations and seeds that it has not seen
importance.py  how much of the result each hyper-parameter accounts for: the data of a fit, and a linear fit
forest.py      the same by a fit that sees interactions (needs the extra `effects`)
verdict.py     how far to trust importances, in words
interactions.py  whether the effect of one depends on another, and whether others change the order of its values
spans.py       which moves the result most, over studies that share a baseline
stability.py   whether other seeds rank the configurations alike
analysis.py    all of these together, and their figure
"""
