"""Where calls from Python enter: errors become the exceptions that rnnctl names, and notes become warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rnnctl import errors
from rnnctl.lab.errors import Code, LabError, NotYet
from rnnctl.words import one_line

if TYPE_CHECKING:
    from store import Store, StoreError


@contextmanager
def named_errors() -> Iterator[None]:
    """Inside `with`, turn errors of the use-cases and of the store into the exceptions of rnnctl.errors."""
    from store.errors import StoreError

    try:
        yield
    except LabError as error:
        raise _of_the_lab(error) from None
    except StoreError as error:
        raise _of_the_store(error) from None


def _of_the_lab(error: LabError) -> errors.Error:
    kinds: dict[Code, type[errors.Error]] = {
        Code.USAGE: errors.InvalidArgument,
        Code.NOTHING: errors.NotFound,
        Code.FAILURE: errors.Failed,
    }
    text = one_line(str(error))
    if isinstance(error, NotYet):
        return errors.NotTrained(text)
    if error.argument is not None:  # commands have dashes in names
        text = error.argument.replace("-", "_") + text.removeprefix(error.argument)
    return kinds[error.code](text)


def _of_the_store(error: StoreError) -> errors.Error:
    import store.errors as kinds

    for kind, named in (
        (kinds.NoWorkspace, errors.NoWorkspace),
        ((kinds.OlderWorkspace, kinds.NewerWorkspace), errors.OtherVersion),
        (kinds.Busy, errors.Busy),
        ((kinds.Corrupt, kinds.Foreign), errors.Damaged),
        (kinds.NotFound, errors.NotFound),
    ):
        if isinstance(error, kind):
            return named(one_line(str(error)))
    return errors.WorkspaceError(one_line(str(error)))


@contextmanager
def opened(
    folder: Path, *, write: bool = False, unchecked: bool = False, runs: tuple[str, ...] = ()
) -> Iterator[Store]:
    """Open the store of a workspace, and turn errors into those of rnnctl.errors. See rnnctl.lab.workspaces.opened."""
    from rnnctl.lab.workspaces import opened as store_of

    with named_errors(), store_of(folder, readonly=not write, unchecked=unchecked, runs=runs) as store:
        yield store


def tell(notes: Iterable[str]) -> None:
    """Warn of each note, at the line that called rnnctl."""
    for note in notes:
        errors.warn(note, errors.Note)
