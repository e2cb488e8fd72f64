"""The `rnnctl` command: its subcommands. Here errors become a line and an exit status."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, cast

import typer

from rnnctl import __version__
from rnnctl.cli.commands import Rnnctl
from rnnctl.cli.output import (
    FAILURE,
    INTERRUPTED,
    NOTHING,
    OK,
    USAGE,
    OutputClosed,
    UserError,
    escape_streams,
    out,
    plain_words,
    say,
)
from rnnctl.lab.errors import Code, LabError
from rnnctl.words import shortened

# The base class of errors in how a command was called. It is click's or a copy of it, depending on typer's version.
_CommandLineError = cast(type[typer.BadParameter], typer.BadParameter.__mro__[2])
_STATUS = {Code.USAGE: USAGE, Code.NOTHING: NOTHING, Code.FAILURE: FAILURE}

app = typer.Typer(
    name="rnnctl",
    cls=Rnnctl,
    help="A laboratory for the training dynamics of recurrent networks: register studies, train, examine.",
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _version(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        out(f"rnnctl {__version__}")
    elif context.invoked_subcommand is None:
        out(*context.get_help().splitlines())
    elif context.invoked_subcommand != "worker":  # which reports a locked database as an event
        from store.waiting import tell_waits

        context.with_resource(_signals_as_ctrl_c())
        tell_waits(say)
        context.call_on_close(lambda: tell_waits(None))


# The signal that has ended the command, if one has. typer makes one exit status of all interruptions.
_ended_by: list[int] = []


@contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """Inside `with`, the first SIGTERM or SIGHUP interrupts a command as Ctrl-C does, so that what it has started ends
    with it, such as a browser, and temporary files go. Further ones do not disturb that. Where the parent process has
    them ignored, as nohup does, they stay ignored.
    """
    _ended_by.clear()
    numbers: list[int] = []
    if threading.current_thread() is threading.main_thread() and sys.platform != "win32":
        numbers = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) == signal.SIG_DFL]

    def leave(number: int, _: object) -> None:
        if not _ended_by:
            _ended_by.append(number)
            raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


# Allocations after which garbage is looked for. A command loads hundreds of thousands of objects that stay, and to look
# through them at each 700th takes a tenth of the time of a short one.
GARBAGE_EVERY = 200_000


def main() -> None:
    """Run the command line of this process and exit with its status."""
    gc.set_threshold(GARBAGE_EVERY)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
        else:
            stream.reconfigure(errors="replace")  # some terminals have no ±
    escape_streams()
    code = _run()
    if code == INTERRUPTED and _ended_by:
        code = 128 + _ended_by[0]
    if _output_is_closed():
        # The interpreter flushes stdout when it exits, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # What is left is not searched for garbage when the interpreter ends: that takes half a second after torch.
    gc.freeze()
    sys.exit(code)


def _output_is_closed() -> bool:
    try:
        sys.stdout.flush()
    except OutputClosed:
        return True
    return False


def _run() -> int:
    if sys.platform == "win32":
        say("rnnctl: Windows is not supported: locks and signals of POSIX are needed; use WSL, Linux or macOS")
        return FAILURE
    try:
        code = app(standalone_mode=False)
        return code if isinstance(code, int) else OK
    except OutputClosed:
        return OK  # the reader, such as head, has seen enough
    except UserError as error:
        say(f"rnnctl: {shortened(str(error))}")
        return error.code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:
        if "RNNCTL_DEBUG" in os.environ:
            raise
        line, code = _explained(error)
        say(f"rnnctl: {shortened(line)}")
        return code


def _explained(error: Exception) -> tuple[str, int]:
    """Return what to say of an error, and the exit status. What costs start-up time is imported only here."""
    if isinstance(error, _CommandLineError):
        context = getattr(error, "ctx", None)
        hint = f" (try `{context.command_path} --help`)" if context else ""
        if context is not None and context.parent is None and hasattr(error, "option_name"):
            hint = " (options come after the command, as in `rnnctl status -w DIR`)"
        message = plain_words(error.format_message())
        return f"{message.rstrip('.')}{hint}", USAGE
    if isinstance(error, LabError):
        dashes = "" if error.argument is None else "--"
        return f"{dashes}{error}", _STATUS[error.code]
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        # Python reads bytes of an argument that are not UTF-8 as lone surrogates.
        return f"{error.object!a} is not valid UTF-8", USAGE
    from rnnctl.study.errors import SpecError
    from rnnctl.usercode.blame import blamed
    from store.errors import NoWorkspace, StoreError

    if isinstance(error, SpecError):
        return str(error), USAGE
    if isinstance(error, NoWorkspace):
        return str(error), NOTHING
    if isinstance(error, StoreError):
        return str(error), FAILURE
    if (line := blamed(error)) is not None:
        return line, FAILURE
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'output'}: {error.strerror}", FAILURE
    text = " ".join(str(error).split()) or "no message"
    return f"unexpected {type(error).__name__}: {text} (set RNNCTL_DEBUG=1 to see where)", FAILURE
