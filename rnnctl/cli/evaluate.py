"""`evaluate`: the probe `lengths` under a name of its own."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Evaluate(TyperCommand):
    """The command `evaluate`. It takes its options from the probe when they are needed: `rnnctl --help` loads none."""

    def get_params(self, ctx: Any) -> list[Any]:
        if not self.params:
            from rnnctl.cli.probe import command_of
            from rnnctl.probes.lengths import Lengths

            built = command_of(Lengths, with_what=True)
            self.params, self.callback = built.params, built.callback
        return super().get_params(ctx)


def evaluate() -> None:
    """Put fresh sequences of given lengths to the best weights of runs. The same as `rnnctl probe RUN lengths`.

    The best weights of a run are those of its lowest validation loss. Runs without a checkpoint are left out. A length
    is what min_length and max_length mean in the task, and in text the window; text is that of the test split. Shown
    are errors, and what the best predictor without memory has; of text bits per byte, and the bigram's. Answers are
    kept, and not computed again.
    """
