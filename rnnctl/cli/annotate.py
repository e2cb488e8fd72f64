"""`archive`, `tag` and `note`: what people say about studies and runs."""

from __future__ import annotations

from typing import Annotated

import typer

from rnnctl.cli.options import WorkspaceOption, opened
from rnnctl.cli.output import UserError, say
from rnnctl.words import counted

What = Annotated[
    str, typer.Argument(metavar="STUDY|RUN", help="A study, or a run: its id or the beginning of it, or its label.")
]


def archive(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY", help="Registered studies.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take the studies out of the archive.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Put studies away, with all their results. They are neither listed nor trained until --undo.

    Commands that are given such a study by its name work as before. --all of status, examine and others lists it too.
    Runs that are being trained go on. Runs that another study names are listed and trained there.
    """
    from rnnctl.lab import annotate

    with opened(workspace) as store:
        changed = annotate.archive(store, studies, undo=undo)
    say(f"{', '.join(changed)}: {'taken out of the archive' if undo else 'archived; --undo takes it out'}")


def tag(
    name: What,
    word: Annotated[str, typer.Argument(metavar="TAG", help="A word for the runs.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag from the runs.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Give a tag to a run, or to all runs of a study. --where tag=TAG of other commands then selects them."""
    from rnnctl.lab import annotate

    with opened(workspace, runs=[name]) as store:
        done = annotate.tag(store, name, word, remove=remove)
    had = f", {done.runs - done.changed:,} had it" if done.changed < done.runs and not remove else ""
    say(f"{counted(done.changed, 'run')} {'lost' if remove else 'got'} the tag {word}{had}")


def note(
    name: What,
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="The note. It replaces an earlier one.", show_default=False)
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the note.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a note on a study or a run. `show`, `studies --here` and `examine --json` show it."""
    from rnnctl.lab import annotate

    if remove and text is not None:
        raise UserError("--remove takes no text; give the text of the note, or --remove")
    if not remove and text is None:
        raise UserError("give the text of the note, or --remove")
    if text is not None and not text.strip():
        raise UserError("the note is empty; --remove removes a note")
    with opened(workspace, runs=[name]) as store:
        title = annotate.note(store, name, text or "")
    say(f"{title}: note {'removed' if remove else 'written'}")
