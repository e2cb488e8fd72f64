"""Tell errors that the code of users causes from our own: they are a line, and not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnctl.usercode.errors import CodeError
from rnnctl.usercode.modules import loaded_sources, told


def blamed(error: BaseException) -> str | None:
    """Return, in a line, what code of a user is the cause of an error; None if none is."""
    for each in _causes(error):
        if isinstance(each, CodeError):
            return str(each)
    files = {str(source.file): source for source in loaded_sources()}
    for each in _causes(error):
        traceback, last = each.__traceback__, None
        while traceback is not None:
            last = files.get(str(Path(traceback.tb_frame.f_code.co_filename)), last)
            traceback = traceback.tb_next
        if last is not None:
            return f"the module {last.module} failed: {told(each, last.file)}"
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an error, the errors that caused it, and those that pydantic tells of."""
    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        each = todo.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        todo += [each.__cause__, each.__context__]
        details: Any = getattr(each, "errors", None)
        if callable(details):
            told_of = [detail.get("ctx", {}).get("error") for detail in details() if isinstance(detail, dict)]
            todo += [cause for cause in told_of if isinstance(cause, BaseException)]
