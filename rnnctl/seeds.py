"""All random streams, named in one place, so that what one draw takes never shifts another.

A stream is drawn from a seed and a number. The numbers are part of the results: they never change. Three kinds of seeds
have streams of their own numbers, so that a run whose seed equals `check.seed` shares its numbers with the validation
set: it has always done so.
"""

from __future__ import annotations

import numpy as np

# Of a run's own seed.
INITIAL_WEIGHTS, TRAINING = 0, 1
# Of `check.seed`, which freezes the validation and the diagnostic set.
VALIDATION, DIAGNOSIS = 0, 1
# Of the seed that a probe is given.
EVALUATION, SHUFFLING, GENERATION = 2, 3, 4


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return the generator of one stream of a seed, at its beginning."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream])))
