"""Every argument from Python with every value of another kind, of which the tests of the Python face draw some."""

import pytest

from tests.api.conftest import lab, own, there  # noqa: F401 (fixtures)
from tests.api.wrong_arguments import CALLS, VALUES, try_wrong_arguments
from tests.cli.conftest import cells, once, unbroken  # noqa: F401 (fixtures)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_told_in_one_line(there, name):  # noqa: F811
    try_wrong_arguments(there, name, len(VALUES))
