"""Words for how far importances can be trusted."""

from __future__ import annotations

from rnnctl.report.effects.validation import Validation

# R^2 from which a fit explains something, a part, most; and the words for it.
LEVELS = (
    (0.1, "it explains little: take its importances as a hint at most"),
    (0.4, "it explains a part: believe large differences between importances, not small ones"),
    (0.75, "it explains most: its importances can be believed"),
)
NOTHING = "no better than guessing the mean: do not believe its importances"
UNCONFIRMED = "other seeds could show other importances: do not believe these before more seeds confirm them"
ONE_SEED = "one seed only, and other seeds could show other importances: take these as a hint at most"


def worth(validation: Validation) -> str:
    """Return in words how far to trust the importances of a fit.

    R^2 earns its words only if the bound that it exceeds with 95 % confidence earns at least those one level below: the
    lowest words take a bound above 0. Two seeds never earn the best words, and one seed is a hint at most.
    """
    earned = sum(validation.r2 >= threshold for threshold, _ in LEVELS)
    if not earned:
        return NOTHING
    if validation.low is None:
        return ONE_SEED
    bounds = (0.0, *(threshold for threshold, _ in LEVELS))
    confirmed = sum(validation.low > bound for bound in bounds[: len(LEVELS)])
    if validation.draws == 2:
        confirmed = min(confirmed, len(LEVELS) - 1)
    level = min(earned, confirmed)
    if not level:
        return UNCONFIRMED
    more = "; more seeds could confirm more" if level < earned else ""
    return LEVELS[level - 1][1] + more
