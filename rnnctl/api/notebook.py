"""What a notebook shows: figures where a cell ends with one, and bars of progress."""

from __future__ import annotations

import sys
import time
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from rnnctl.cli.progress import View
    from rnnctl.cli.screen import Packs

DRAW_EVERY = 0.5  # seconds between drawings of the bars
MOST_LINES = 8  # of what happened, below the bars
DPI = 100


def shell() -> Any | None:
    """Return the shell of IPython that this code runs in, None outside of one. Never loads IPython."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython

    return get_ipython()


def in_notebook() -> bool:
    """Return whether this code runs in a notebook, and not in a terminal."""
    return type(shell()).__name__ == "ZMQInteractiveShell"


def show_figures() -> None:
    """Let a notebook show a figure that a cell ends with, as pyplot does for its own figures."""
    if not in_notebook() or (running := shell()) is None:
        return
    from matplotlib.figure import Figure

    formatter = running.display_formatter.formatters["image/png"]
    if Figure not in formatter.type_printers:
        formatter.for_type(Figure, _png)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def view_here() -> View:
    """Return what shows progress here: bars in a notebook or on a terminal, plain lines elsewhere."""
    if in_notebook():
        return Bars()
    from rnnctl.cli.progress import view_on_stderr

    return view_on_stderr()


class Bars:
    """A bar for everything and one for each running pack, above the last lines. See rnnctl.cli.progress.View."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._bars = ""
        self._handle: Any = None
        self._drawn_at = 0.0

    def start(self, text: str) -> None:
        """Begin with this line."""
        from IPython.display import HTML, display

        self._lines.append(text)
        self._handle = display(HTML(self._html()), display_id=True)

    def stop(self) -> None:
        """End, whether or not it began. The last state stays."""
        self._show()

    def line(self, text: str) -> None:
        """Show a line until there are too many after it."""
        self._lines.append(text)
        self._show()

    def draw(self, text: str, done: int, total: int, packs: Packs) -> None:
        """Show how far everything is, and each pack."""
        bars = [_bar("all", done, total, text)]
        bars += [_bar(pack.name, pack.done, pack.total, pack.losses) for pack in packs.values()]
        self._bars = f"<table><tbody>{''.join(bars)}</tbody></table>"
        if time.monotonic() - self._drawn_at >= DRAW_EVERY:
            self._show()

    def _show(self) -> None:
        if self._handle is not None:
            from IPython.display import HTML

            self._drawn_at = time.monotonic()
            self._handle.update(HTML(self._html()))

    def _html(self) -> str:
        lines = "<br>".join(escape(line) for line in self._lines[-MOST_LINES:])
        return f"{self._bars}<div>{lines}</div>"


def _bar(name: str, done: int, total: int, note: str) -> str:
    cells = (escape(name), f'<progress value="{done}" max="{max(total, 1)}"></progress>', escape(note))
    return "<tr>" + "".join(f'<td style="text-align: left">{cell}</td>' for cell in cells) + "</tr>"
