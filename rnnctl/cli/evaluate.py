"""`evaluate`: the probe `lengths` under a name of its own."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class Evaluate(TyperCommand):
    """The command `evaluate`. It takes options and help from the probe when needed: `rnnctl --help` loads none."""

    def get_params(self, ctx: Any) -> list[Any]:
        if not self.params:
            from rnnctl.cli.probe import command_of
            from rnnctl.probes.lengths import Lengths

            built = command_of(Lengths, with_what=True)
            self.params, self.callback = built.params, built.callback
            self.help = f"{self.help}\n\n{built.help}"
        return super().get_params(ctx)


def evaluate() -> None:
    """Try trained networks on sequences of other lengths. The same as `rnnctl probe RUN lengths`.

    The best weights of a run are asked, those of its lowest validation loss, unless --weights names others. Runs
    without such weights are left out. Answers are kept, and not computed again.
    """
