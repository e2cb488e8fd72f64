"""The names of the files of figures."""

from __future__ import annotations

import pytest

from rnnctl.lab.figures import safe_name


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("tiny/omega=1.0 seed=1", "tiny-omega=1.0-seed=1"),
        ("init=smart_tanh(connections=5)", "init=smart_tanh-connections=5"),
    ],
)
def test_a_plain_label_is_a_plain_name(label: str, name: str) -> None:
    assert safe_name(label) == name


@pytest.mark.parametrize("label", ["", "/", "..", "../../x", "a\x1b[31m", "a\n", "模", "\udcff", "x" * 300, "-rf"])
def test_any_label_is_a_name_that_no_file_system_and_no_shell_misreads(label: str) -> None:
    name = safe_name(label)
    assert 1 <= len(name) <= 120
    assert name.isascii()
    assert name.isprintable()
    assert not name.startswith((".", "-"))
    assert not set(name) & set("/\\ ")


def test_labels_that_differ_in_unsafe_characters_only_have_two_names() -> None:
    assert len({safe_name(label) for label in ("模 a", "型 a", "a", "\x1b a")}) == 4
