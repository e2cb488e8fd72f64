"""The exceptions of rnnctl: all have one base, and the package names those that a program may want to tell apart."""

from __future__ import annotations

import inspect

import pytest

import rnnctl
from rnnctl import errors
from rnnctl.lab.errors import LabError
from rnnctl.study.errors import SpecError

NAMED = [name for name, value in vars(errors).items() if inspect.isclass(value) and issubclass(value, Exception)]


@pytest.mark.parametrize("name", NAMED)
def test_the_package_names_each_exception(name):
    assert getattr(rnnctl, name) is getattr(errors, name)
    assert issubclass(getattr(rnnctl, name), (rnnctl.Error, Warning))
    assert name in rnnctl.__all__


def test_errors_of_the_rooms_have_the_base():
    assert issubclass(LabError, rnnctl.Error)
    assert issubclass(SpecError, rnnctl.Error)
    assert rnnctl.SpecError is SpecError


def test_every_public_name_is_there():
    assert set(rnnctl.__all__) <= set(dir(rnnctl))
    assert all(getattr(rnnctl, name) is not None for name in rnnctl.__all__)


def test_the_package_for_teaching_is_there():
    assert callable(rnnctl.classic.softmax)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Worksapce'"):
        _ = rnnctl.Worksapce
