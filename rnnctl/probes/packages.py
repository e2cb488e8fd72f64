"""Packages that some probes need, beyond those that are always installed."""

from __future__ import annotations

from importlib.util import find_spec

from rnnctl.probes.base import QuestionError


def need_scikit_learn(probe: str) -> None:
    """Raise QuestionError, which says how to install it, if scikit-learn is missing. It brings scipy along.

    Call this where an answer is computed: those that are kept can be shown without it.
    """
    if not find_spec("sklearn"):
        raise QuestionError(None, f"the probe {probe} needs scikit-learn: pip install 'rnnctl[effects]'")
