"""What is drawn on a terminal: a text that is replaced by the next one, and bars of progress below lines that stay.

Only this module writes orders to a terminal. Everything that it shows is text, in which names and errors are escaped
and never read as markup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rnnctl.cli.layout import room, wrapped
from rnnctl.cli.output import terminal
from rnnctl.words import one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.text import Text


class Going(NamedTuple):
    """A pack that is trained."""

    name: str
    done: int  # updates
    total: int
    losses: str  # empty before the first check


Packs = dict[str, Going]  # by worker


class Replaced(Protocol):
    """A place on the terminal."""

    def __call__(self, lines: Sequence[str]) -> None:
        """Show these lines there instead of those before."""
        ...


@contextmanager
def replaced() -> Iterator[Replaced]:
    """Yield a function that shows lines on stdout in the place of those that it showed before. The last ones stay."""
    from rich.live import Live

    # Without `screen`: what was last seen stays on the terminal after Ctrl-C.
    with Live(console=_console(stderr=False), auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        yield lambda lines: live.update(_text(*lines), refresh=True)


@contextmanager
def passing() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows a line on stderr in the place of the one that it showed before. None stays."""
    from rich.live import Live

    console = _console(stderr=True)
    with Live(
        console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
    ) as live:
        yield lambda line: live.update(_text(line), refresh=True)


class Bars:
    """A bar for everything and one for each running pack, below the lines, on stderr."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
        )
        self.rich = Rich(
            *columns,
            console=_console(stderr=True),
            refresh_per_second=4,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self.all = self.rich.add_task("all", total=None, note="")
        self.tasks: dict[str, TaskID] = {}
        self.started = False

    def start(self, text: str) -> None:
        """Begin with this line."""
        self.started = True
        self.rich.start()
        self.line(text)

    def stop(self) -> None:
        """End, whether or not it began."""
        if self.started:
            self.rich.stop()

    def line(self, text: str) -> None:
        """Show a line that stays, broken between words if it is too long."""
        self.rich.console.print(_text(*wrapped(one_line(text), room(stderr=True))), soft_wrap=True)

    def draw(self, text: str, done: int, total: int, packs: Packs) -> None:
        """Show how far everything is, and each pack."""
        self.rich.update(self.all, completed=done, total=total, note=one_line(text))
        for worker in [worker for worker in self.tasks if worker not in packs]:
            self.rich.remove_task(self.tasks.pop(worker))
        for worker, pack in packs.items():
            if worker not in self.tasks:
                self.tasks[worker] = self.rich.add_task("", note="")
            self.rich.update(
                self.tasks[worker],
                description=one_line(pack.name),
                completed=pack.done,
                total=pack.total,
                note=one_line(pack.losses),
            )


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    return Console(file=terminal(sys.stderr if stderr else sys.stdout), highlight=False, markup=False, emoji=False)


def _text(*lines: str) -> Text:
    from rich.text import Text

    return Text("\n".join(map(one_line, lines)))
