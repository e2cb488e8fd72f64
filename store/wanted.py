"""Which queued runs a worker takes: all of them, or those of some studies and some runs by id."""

from __future__ import annotations

from dataclasses import dataclass

from store.encoding import to_json
from store.membership import SHOWN


@dataclass(frozen=True)
class Wanted:
    """The runs of these studies, as far as their files name them, and these runs. All runs if there is neither."""

    studies: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()

    @property
    def all(self) -> bool:
        """Whether all runs are wanted."""
        return not (self.studies or self.runs)

    def condition(self, run_id: str) -> str:
        """Return the condition of SQL that a run is wanted, for the parameters `values`. run_id: an expression."""
        if self.all:
            return "true"
        return f"""({run_id} IN (SELECT value FROM json_each(:wanted_runs))
                    OR EXISTS (SELECT 1 FROM labels JOIN studies ON studies.id = labels.study
                               WHERE labels.run_id = {run_id} AND {SHOWN}
                                   AND studies.name IN (SELECT value FROM json_each(:wanted_studies))))"""

    @property
    def values(self) -> dict[str, str]:
        """The values of the parameters of the condition."""
        return {"wanted_studies": to_json(list(self.studies)), "wanted_runs": to_json(list(self.runs))}


ALL = Wanted()
