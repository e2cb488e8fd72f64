"""The keys that the cases and axes of a study set, and the values that a run has at them.

These are the keys under which a study is shown. Others differ among its runs only because they follow from these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rnnctl.section import Path
from rnnctl.study.labels import compact
from rnnctl.study.overlay import Change

if TYPE_CHECKING:
    from rnnctl.study.run import RunSpec


@dataclass(frozen=True)
class WrittenKeys:
    """The keys that cases set, and those that axes set, each in the order of the file. Keys can be in both."""

    of_cases: tuple[Path, ...]
    of_axes: tuple[Path, ...]

    @classmethod
    def of(cls, changes: Iterable[Change], axes: Iterable[Iterable[Path]]) -> WrittenKeys:
        """Return the keys of all cases' changes, and of axes by their paths."""
        return cls(
            tuple(dict.fromkeys(change.path for change in changes if not change.opens)),
            tuple(path for paths in axes for path in paths),
        )

    @classmethod
    def together(cls, studies: Iterable[WrittenKeys]) -> WrittenKeys:
        """Return the keys of several studies, each once."""
        studies = list(studies)
        return cls(
            tuple(dict.fromkeys(path for keys in studies for path in keys.of_cases)),
            tuple(dict.fromkeys(path for keys in studies for path in keys.of_axes)),
        )

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """All keys, each once."""
        return tuple(dict.fromkeys((*self.of_cases, *self.of_axes)))

    @cached_property
    def _apart(self) -> Mapping[Path, list[Path]]:
        """The keys of axes below each key: a section is shown without them."""
        return {
            path: [other for other in self.of_axes if other != path and below(other, [path])] for path in self.paths
        }

    def values(self, spec: RunSpec, without: Iterable[Path] = ()) -> dict[Path, Any]:
        """Return the values of a run at these keys, a section in its shortest form; keys that it lacks are left out.

        without: leave out these keys and the ones below them.
        """
        paths = [path for path in self.paths if not below(path, without)]
        values = self._compact(spec.shared_canonical(), paths)
        missing = [path for path in paths if path not in values]
        if missing:  # keys that the run lacks, or that a canonical spec leaves out: added later, and at their default
            values |= self._compact(spec.written_out(), missing)
        return {path: values[path] for path in paths if path in values}

    def _compact(self, settings: dict[str, Any], paths: Iterable[Path]) -> dict[Path, Any]:
        values = {}
        for path in paths:
            with suppress(KeyError):
                values[path] = compact(settings, path, self._apart[path])
        return values


def below(path: Path, tops: Iterable[Path]) -> bool:
    """Return whether a key is one of `tops` or below one of them."""
    return any(path[: len(top)] == top for top in tops)
