"""The one table of measures, and those who ask it."""

import subprocess
import sys

import pytest

from rnnctl.measures import MEASURES
from rnnctl.report.leaderboard import SORTABLE
from rnnctl.report.results import COLUMNS, Result
from tests.report.rows import row

SUMMARY = {
    "best_loss": 0.1,
    "best_bits_per_byte": 0.2,
    "best_error": 0.3,
    "last": {"valid_loss": 0.4, "valid_error": 0.5, "valid_bits_per_byte": 0.6},
}


def test_measures_are_read_from_the_best_check_or_the_last_one():
    values = {key: measure.read(SUMMARY) for key, measure in MEASURES.items()}
    assert values == {"loss": 0.1, "bits_per_byte": 0.2, "last_loss": 0.4, "error": 0.3, "last_error": 0.5}


@pytest.mark.parametrize("summary", [{}, {"last": None}, {"last": {}}])
def test_a_run_without_a_check_has_no_measure(summary):
    assert all(measure.read(summary) is None for measure in MEASURES.values())


def test_every_measure_and_its_reference_is_in_a_result_and_can_be_sorted_by():
    result = Result.of(row(best_bits_per_byte=0.7))
    for key, measure in MEASURES.items():
        assert result.value(key) == measure.read(row(best_bits_per_byte=0.7).summary)
        assert result.value(measure.reference.field) is not None
        assert {key, measure.reference.field} <= set(COLUMNS)
        assert key in SORTABLE


def test_tables_show_shares_in_per_cent():
    assert [measure.scaled(0.25) for measure in MEASURES.values()] == [0.25, 0.25, 0.25, 25, 25]
    assert [measure.heading.endswith("%") for measure in MEASURES.values()] == [False, False, False, True, True]
    assert MEASURES["error"].scaled(None) is None


def test_help_texts_name_every_measure():
    assert (
        MEASURES.help()
        == "loss (the best), bits_per_byte (of text), last_loss, error (a share) or last_error (a share)"
    )


def test_the_table_loads_nothing_heavy():
    code = "import sys, rnnctl.measures; print({'torch', 'numpy', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
