"""A run as the arrays that plotting code for a `{name}_final_state.npz` expects.

The names are those of the program of Pascanu, Mikolov and Bengio (2013) and of its ports for courses. Their meaning
here, with N checks and T steps of the longest sequence; NaN if a check has no such value or made no diagnosis:

    updates          (N,) int64   updates done at each row
    train_nll, gradient_norm      (N,) training loss, and norm of the gradient before clipping: means over the updates
                                  since the last check (the originals have an entry for each update instead)
    Omega            (N,)         the regulariser, likewise; NaN without one
    valid_error      (N,)         in per cent
    rho_Whh          (N,)         spectral radius of W_hh
    steps_in_past    (N,)         share of the steps of the diagnostic batch that the gradient reaches
    diag_omega       (N,)         Omega on the diagnostic batch, even if it has no weight; NaN if the cell has none
    diag_loss, diag_err  (N,)     loss, and share of errors in [0, 1]: those of the validation, since they are not
                                  measured on the diagnostic batch
    grad_time        (N, T)       batch mean of |dL/dh_t|, the true gradient through time
    act_time         (N, T)       mean phi'(h_t); NaN in cells with gates
    sat_time         (N, T)       mean distance of the hidden state to its limits; NaN if it has no two limits
    gate_z_sat_time, gate_r_sat_time, and so on for each gate of the cell  (N, T) mean distance min(v, 1 - v) of a gate
                                  v; these two are in every file, NaN in cells without such a gate
    diag_len, diag_bs, checkFreq  steps and sequences of the diagnostic batch; updates from check to check
    act_name, classif_type, model_type, init  words: tanh; lastSoftmax, softmax, lastLinear; rnn, gru; smart_tanh
    label, run_id    words
    weights_at       updates done when the weights were saved
    W_uh, W_hh, W_hy, b_hh, b_hy  the weights, row-vector convention, under the names of the cell: W_uz W_hz b_z and so
                                  on for a gate z; a cell can rename weights for this file (export_names)

Nothing in the file is a Python object: numpy.load reads it with allow_pickle=False.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rnnctl.question import Question
from rnnctl.training.trained import Trained
from rnnctl.weights import LAST

if TYPE_CHECKING:
    from store.history import History
    from store.queries import RunRow

SCALARS = {
    "train_nll": "train_loss",
    "gradient_norm": "grad_norm",
    "Omega": "train_omega",
    "rho_Whh": "rho",
    "steps_in_past": "reach",
    "diag_omega": "omega",
    "diag_loss": "valid_loss",
    "diag_err": "valid_error",
}
TRACES = {"grad_time": "grad_time", "act_time": "slope_time", "sat_time": "saturation_time"}
ALWAYS = ("z", "r")  # gates that every file of this format has arrays of


def final_state(row: RunRow, history: History, trained: Trained, which: str = LAST) -> dict[str, np.ndarray]:
    """Return the arrays of the module's docstring, in their order.

    history: of the run, with traces. which: the weights of the file, `last` or `best`. Raise ValueError if the run has
    none of this name, or if its data has changed.
    """
    spec, task = trained.spec, trained.task
    weights = exported_weights(trained, which)
    gates = dict.fromkeys([*ALWAYS, *spec.model.gates])
    traces = {**TRACES, **{f"gate_{gate}_sat_time": f"gate_{gate}_time" for gate in gates}}
    return {
        "updates": history.steps,
        "valid_error": 100 * _scalar(history, "valid_error"),
        **{name: _scalar(history, ours) for name, ours in SCALARS.items()},
        **{name: _padded(history.traces.get(ours, ()), len(history.steps), task.max_steps)
           for name, ours in traces.items()},
        "diag_len": np.array(task.max_steps),
        "diag_bs": np.array(spec.check.diagnostic_batch),
        "checkFreq": np.array(spec.check.every),
        "act_name": np.array(spec.model.export_activation),
        "classif_type": np.array(_classif_type(task.question)),
        "model_type": np.array(spec.model.name),
        "init": np.array(spec.model.init.name),
        "label": np.array(row.label),
        "run_id": np.array(row.run_id),
        "weights_at": np.array(trained.weights[which].step),
        **weights,
    }  # fmt: skip


def exported_weights(trained: Trained, which: str) -> dict[str, np.ndarray]:
    """Return weights by the names that exports give them. which: `last` or `best`.

    Raise ValueError if the run has none of this name, or if its data has changed.
    """
    if which not in trained.weights:
        raise ValueError(f"it has no {which} weights: no validation loss was finite")
    names = trained.spec.model.export_names
    return {names.get(name, name): weight.numpy() for name, weight in trained.views(trained.weights[which]).items()}


def _scalar(history: History, name: str) -> np.ndarray:
    return history.scalars.get(name, np.full(len(history.steps), np.nan))


def _padded(rows: Sequence[np.ndarray | None], checks: int, steps: int) -> np.ndarray:
    """Return the rows of a trace as (N, T), NaN where there is no value."""
    values_NT = np.full((checks, steps), np.nan)
    for line, row in zip(values_NT, rows, strict=False):
        if row is not None:
            line[: len(row)] = row
    return values_NT


def _classif_type(question: Question) -> str:
    kind = "linear" if question.loss == "squared_error" else "softmax"
    return kind if question.every_step else f"last{kind.capitalize()}"
