"""Calls of everything that users call from Python, and wrong values for their arguments."""

from __future__ import annotations

import functools
import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rnnctl
from rnnctl import classic

TASK = {"name": "temporal_order", "min_length": 10, "max_length": 20}
STUDY = {"study": "other", "base": {"task": TASK, "train": {"updates": 4}}}
VALUES = (
    None, True, 0, 3, -1, 10**30, 0.5, float("nan"), float("inf"), "", "x", "a\0b", "\ud800", "line\nbreak", b"x",
    [], [3], ["x"], [None], [["x"]], {}, {"x": 1}, {3: 1}, {"study": 3}, (1, 2), {"x"}, object(), 1j, Path("no"),
    lambda *_: 1.0, np.float32(2), np.array([1.5]), np.zeros((0, 2)), np.zeros((2, 3, 4)), range(3), iter([1]),
)  # fmt: skip
X, Y = np.zeros((4, 2, 3)), np.array([0, 1, 0, 1])


def loss(predictions: Any, targets: Any) -> float:
    return classic.cross_entropy_loss(predictions, targets)


@functools.wraps(rnnctl.corpus)
def corpus(place: Any, **options: Any) -> Any:
    """As rnnctl.corpus, without the megabytes that it reads by default."""
    return rnnctl.corpus("no such text" if place is None else place, **options)


def model() -> classic.LSTM:
    return classic.LSTM(3, 2, 2)


@dataclass(frozen=True)
class Call:
    """A callable as a user reaches it, with arguments that are right."""

    of: Callable[[rnnctl.Workspace], Callable[..., Any]]
    args: tuple[Any, ...] = ()
    options: tuple[str, ...] = ()  # names of keywords that can be left out and have no default in the signature


def run(lab: rnnctl.Workspace) -> rnnctl.Run:
    return lab["cells"]["GRU seed=1"]


CALLS = {
    "train": Call(lambda lab: rnnctl.train, ({"task": {"name": "temporal_ordr"}},)),
    "plan": Call(lambda lab: rnnctl.plan, (STUDY,)),
    "packaged": Call(lambda lab: rnnctl.packaged),
    "kinds": Call(lambda lab: rnnctl.kinds),
    "corpus": Call(lambda lab: corpus, ("no such text",)),
    "grammar": Call(lambda lab: rnnctl.grammar),
    "gradcheck": Call(lambda lab: rnnctl.gradcheck, ("nothing",)),
    "allow_code": Call(lambda lab: rnnctl.allow_code),
    "Workspace": Call(lambda lab: rnnctl.Workspace, (".",)),
    "Workspace.__getitem__": Call(lambda lab: lab.__getitem__, ("cells",)),
    "Workspace.add": Call(lambda lab: lab.add, (STUDY,)),
    "Workspace.plan": Call(lambda lab: lab.plan, (STUDY,)),
    "Workspace.studies": Call(lambda lab: lab.studies),
    "Workspace.run": Call(lambda lab: lab.run, ("GRU seed=1",)),
    "Workspace.train": Call(
        lambda lab: lab.train,
        (),
        (
            "device", "checkpoint_seconds", "checkpoint_updates", "pack", "lease", "ray", "slots", "cpus_per_slot",
            "gpus_per_slot", "mixed", "checkpoints_folder",
        ),
    ),
    "Workspace.status": Call(lambda lab: lab.status),
    "Workspace.examine": Call(lambda lab: lab.examine),
    "Workspace.leaderboard": Call(lambda lab: lab.leaderboard),
    "Workspace.results": Call(lambda lab: lab.results),
    "Workspace.effects": Call(lambda lab: lab.effects),
    "Workspace.spans": Call(lambda lab: lab.spans),
    "Workspace.plot": Call(
        lambda lab: lab.plot, ("cells", "gates"), ("at", "layout", "each", "linear", "weights", "width", "height")
    ),
    "Workspace.script": Call(lambda lab: lab.script),
    "Workspace.retry": Call(lambda lab: lab.retry),
    "Workspace.cancel": Call(lambda lab: lab.cancel, ("nothing",)),
    "Workspace.delete": Call(lambda lab: lab.delete, ("nothing",)),
    "Workspace.merge": Call(lambda lab: lab.merge, ("nowhere",)),
    "Workspace.doctor": Call(lambda lab: lab.doctor),
    "Workspace.trust": Call(lambda lab: lab.trust),
    "Workspace.backup": Call(lambda lab: lab.backup, (".",)),
    "Study.__getitem__": Call(lambda lab: lab["cells"].__getitem__, ("GRU seed=1",)),
    "Study.train": Call(lambda lab: lab["cells"].train),
    "Study.examine": Call(lambda lab: lab["cells"].examine),
    "Study.leaderboard": Call(lambda lab: lab["cells"].leaderboard),
    "Study.results": Call(lambda lab: lab["cells"].results),
    "Study.checks": Call(lambda lab: lab["cells"].checks),
    "Study.effects": Call(lambda lab: lab["cells"].effects),
    "Study.interactions": Call(lambda lab: lab["cells"].interactions),
    "Study.answers": Call(lambda lab: lab["cells"].answers),
    "Study.plot": Call(lambda lab: lab["cells"].plot, ("gates",)),
    "Study.answer": Call(lambda lab: lab["cells"].answer, ("lengths",), ("lengths",)),
    "Study.refine": Call(lambda lab: lab["cells"].refine),
    "Study.export": Call(lambda lab: lab["cells"].export, ("csv",)),
    # Pages take a second, and the paths are those of Run.report.
    "Study.report": Call(lambda lab: lambda *, browser=None: lab["cells"].report("report.txt", browser=browser)),
    "Study.script": Call(lambda lab: lab["cells"].script),
    "Study.retry": Call(lambda lab: lab["cells"].retry),
    "Study.cancel": Call(lambda lab: lab["cells"].cancel),
    "Study.delete": Call(lambda lab: lambda *, dry_run=True: lab["cells"].delete(dry_run=dry_run)),
    "Study.archive": Call(lambda lab: lab["cells"].archive),
    "Study.tag": Call(lambda lab: lab["cells"].tag, ("good",)),
    "Study.note": Call(lambda lab: lab["cells"].note, ("good",)),
    "Run.show": Call(lambda lab: run(lab).show),
    "Run.plot": Call(lambda lab: run(lab).plot, ("gates",)),
    "Run.answer": Call(lambda lab: run(lab).answer, ("lengths",), ("lengths", "no_such")),
    "Run.weights": Call(lambda lab: run(lab).weights),
    "Run.model": Call(lambda lab: run(lab).model),
    "Run.to_torch": Call(lambda lab: run(lab).to_torch),
    "Run.train": Call(lambda lab: run(lab).train),
    "Run.export": Call(lambda lab: run(lab).export, ("csv",)),
    "Run.report": Call(lambda lab: run(lab).report, ("report.txt",)),
    "Run.diff": Call(lambda lab: run(lab).diff, ("RNN seed=1",)),
    "Run.retry": Call(lambda lab: run(lab).retry),
    "Run.cancel": Call(lambda lab: run(lab).cancel),
    "Run.delete": Call(lambda lab: lambda *, dry_run=True: run(lab).delete(dry_run=dry_run)),
    "Run.tag": Call(lambda lab: run(lab).tag, ("good",)),
    "Run.note": Call(lambda lab: run(lab).note, ("good",)),
    "History.__getitem__": Call(lambda lab: run(lab).history.__getitem__, ("step",)),
    "History.rows": Call(lambda lab: run(lab).history.rows),
    "History.frame": Call(lambda lab: run(lab).history.frame),
    "Traces.__getitem__": Call(lambda lab: run(lab).traces.__getitem__, ("gradient",)),
    "Traces.steps": Call(lambda lab: run(lab).traces.steps, ("gradient",)),
    "Rows.column": Call(lambda lab: lab.studies().column, ("study",)),
    "Rows.frame": Call(lambda lab: lab.studies().frame),
    "Network.forward": Call(lambda lab: run(lab).model(), (np.zeros((2, 1), int),), ("state",)),
    "Network.unroll": Call(lambda lab: run(lab).model().unroll, (np.zeros((2, 1), int),)),
    "Network.step": Call(lambda lab: run(lab).model().step, (np.zeros(1, int),)),
    "classic.LSTM": Call(lambda lab: classic.LSTM, (3, 2, 2)),
    "classic.LSTM.forward": Call(lambda lab: model().forward, (X,)),
    "classic.LSTM.set_params": Call(lambda lab: model().set_params, (model().get_params(),)),
    "classic.LSTM.gradients": Call(lambda lab: model().gradients, (X, np.ones_like)),
    "classic.RelationalRNN": Call(lambda lab: classic.RelationalRNN, (3, 2, 2)),
    "classic.RelationalRNN.memories": Call(lambda lab: classic.RelationalRNN(3, 2, 2).memories, (X,)),
    "classic.EarlyStopping": Call(lambda lab: classic.EarlyStopping),
    "classic.EarlyStopping.__call__": Call(lambda lab: classic.EarlyStopping(), (1.0, model().get_params())),
    "classic.EarlyStopping.get_best_params": Call(lambda lab: classic.EarlyStopping().get_best_params),
    "classic.softmax": Call(lambda lab: classic.softmax, (X,)),
    "classic.cross_entropy_loss": Call(lambda lab: classic.cross_entropy_loss, (X[0], [0, 1])),
    "classic.mse_loss": Call(lambda lab: classic.mse_loss, (X, X)),
    "classic.accuracy": Call(lambda lab: classic.accuracy, (X[0], [0, 1])),
    "classic.clip_gradients": Call(lambda lab: classic.clip_gradients, ({"W": X},)),
    "classic.learning_rate_schedule": Call(lambda lab: classic.learning_rate_schedule, (3,)),
    "classic.compute_numerical_gradient": Call(lambda lab: classic.compute_numerical_gradient, (model(), X, Y, loss)),
    "classic.compute_numerical_gradient_fast": Call(
        lambda lab: classic.compute_numerical_gradient_fast, (model(), X, Y, loss)
    ),
    "classic.create_batches": Call(lambda lab: classic.create_batches, (X, Y)),
    "classic.train_step": Call(lambda lab: classic.train_step, (model(), X, Y)),
    "classic.evaluate": Call(lambda lab: classic.evaluate, (model(), X, Y)),
    "classic.train_model": Call(lambda lab: classic.train_model, (model(), (X, Y), None, 1)),
    "classic.plot_training_curves": Call(
        lambda lab: classic.plot_training_curves, (classic.train_model(model(), (X, Y), epochs=1, verbose=False),)
    ),
}  # fmt: skip
# What users neither make nor call by these names: errors, what calls return, and what other libraries call.
NOT_MADE = ("Answers", "History", "Network", "Rows", "Run", "Study", "Traces", "TrainedRun", "Differentiable", "Model")
LIKE_OTHERS = ("Answers", "TrainedRun")  # as Rows, as Run
FOR_LIBRARIES = ("extra_repr",)


def offered() -> Iterator[str]:
    """Yield the names of all that a user can call."""
    for prefix, place in (("", rnnctl), ("classic.", classic)):
        for name in place.__all__:
            member = getattr(place, name)
            if not inspect.isclass(member):
                if callable(member):
                    yield f"{prefix}{name}"
                continue
            if issubclass(member, Exception) or name in LIKE_OTHERS or name in ("Differentiable", "Model"):
                continue
            if name not in NOT_MADE:
                yield f"{prefix}{name}"
            for method, function in vars(member).items():
                called = method in ("__getitem__", "__call__") or not method.startswith("_")
                if inspect.isfunction(function) and called and method not in FOR_LIBRARIES:
                    yield f"{prefix}{name}.{method}"


def places(call: Call, function: Callable[..., Any]) -> list[int | str]:
    """Return the arguments of a callable: places, and names of keywords."""
    parameters = list(inspect.signature(function).parameters.values())
    others = parameters[len(call.args) :]
    keywords = [each.name for each in others if each.kind == each.KEYWORD_ONLY or each.default is not each.empty]
    more = any(each.kind == each.VAR_POSITIONAL for each in parameters)
    return [*range(len(call.args) + more), *dict.fromkeys([*keywords, *call.options])]


def try_wrong_arguments(lab: rnnctl.Workspace, name: str, drawn: int) -> None:
    """Call with wrong values, one at a time. drawn: how many for each argument, always the same ones."""
    call, given = CALLS[name], random.Random(name)
    function = call.of(lab)
    for place in places(call, function):
        for value in given.sample(VALUES, drawn):
            args, options = list(call.args), {}
            if isinstance(place, int):
                args[place : place + 1] = [value]
            else:
                options[place] = value
            message = ""
            try:
                function(*args, **options)
            except rnnctl.Error as error:
                message = str(error)
            except FloatingPointError:
                assert name.startswith("classic.train"), (place, value)  # as its documentation says
            except Exception as error:
                raise AssertionError(f"{name}, {place} = {value!r}: {type(error).__name__}: {error}") from error
            assert len(message.splitlines()) <= 1, (place, value)
