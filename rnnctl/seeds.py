"""All random streams, named in one place, so that what one draw takes never shifts another.

A stream is drawn from a seed and a number. The numbers are part of the results: they never change. Six kinds of seeds
have streams of their own numbers, so that a run whose seed equals `check.seed` shares its numbers with the validation
set: it has always done so.
"""

from __future__ import annotations

import numpy as np

# Of a run's own seed.
INITIAL_WEIGHTS, TRAINING = 0, 1
# Likewise, with a beginning of its own for each batch: `generator(seed, OWN_SAMPLES, batch)`.
OWN_SAMPLES = 5
# Of `check.seed`, which freezes the validation and the diagnostic set.
VALIDATION, DIAGNOSIS = 0, 1
# Of the seed that a probe is given.
EVALUATION, SHUFFLING, GENERATION, EXPOSURE = 2, 3, 4, 6

# Of seed 0: the sample by which the floor of a task is computed that has no closed form.
FLOOR = 0

# Of `split_seed` of a task with finite data: which sequences are held out.
DATA_SPLIT = 0

# Of the seed of a text that is generated: which sentences are held out, and the text of each split.
DIVISION, TRAIN_TEXT, VALIDATION_TEXT, TEST_TEXT = 0, 1, 2, 3


def generator(seed: int, stream: int, *place: int) -> np.random.Generator:
    """Return the generator of one stream of a seed, at its beginning.

    place: of a stream that begins anew at certain places, the number of the place, from 1.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream, *place])))
