"""Clusters of this machine for the tests of `train --ray`, and what an undisturbed training gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# Imports are in the fixtures: this module loads before the environment is set, and these load torch.
if TYPE_CHECKING:
    from tests.cli.survival import Bits
    from tests.slow.cluster.machines import Machines


@pytest.fixture(scope="module")
def cluster() -> Iterator[Machines]:
    """One cluster for all tests of a module; each adds the nodes that it needs."""
    pytest.importorskip("ray", reason="it is an extra: pip install 'rnnctl[ray]'")
    from tests.slow.cluster.machines import machines

    with machines() as running:
        yield running


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Bits:
    """The bits of the study, trained on this machine by a worker that nobody disturbed."""
    from tests.cli.survival import trained_in_one_go
    from tests.slow.cluster.machines import STUDY

    return trained_in_one_go(tmp_path_factory.mktemp("undisturbed") / "w", STUDY)
