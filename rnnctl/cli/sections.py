"""From the fields of a section to the options of a command, and from what is typed back to the section.

Fields can be whole numbers, numbers, texts, yes or no, one of several words (Literal), and tuples of whole numbers or
words, which are typed with commas between them; with None among them if None is the default. The description of a field
is the help of its option, and its bounds `ge` and `le` are shown there. All other rules are left to the section, whose
errors become one line. examples=["1,2,3"] is what the error for a list of whole numbers shows.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typer

from rnnctl.cli.options import whole_numbers
from rnnctl.cli.output import UserError, plain_words
from rnnctl.words import did_you_mean

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic.fields import FieldInfo

    from rnnctl.section import Section

S = TypeVar("S", bound="Section")


def options_of(kind: type[Section]) -> dict[str, tuple[Any, Any]]:
    """Return annotation and default of an option for each field but `name` and those that follow from others, by the
    name of the field.
    """
    from rnnctl.section import DERIVED

    fields = {key: field for key, field in kind.model_fields.items() if DERIVED not in field.metadata}
    return {key: _option(key, field) for key, field in fields.items() if key != "name"}


def section_of(kind: type[S], values: Mapping[str, Any]) -> S:
    """Return the section that options stand for. Raise UserError for a value that it refuses."""
    from pydantic import ValidationError

    given = {
        key: _listed(key, value, kind.model_fields[key]) if isinstance(value, str) else value
        for key, value in values.items()
    }
    try:
        return kind(**given)
    except ValidationError as error:
        raise UserError(_refusal(kind, error)) from error


def _option(key: str, field: FieldInfo) -> tuple[Any, Any]:
    kind, metadata = _without_none(field.annotation), field.metadata
    settings: dict[str, Any] = {"help": field.description}
    if field.is_required():
        default: Any = inspect.Parameter.empty
    else:
        default = field.default
    if get_origin(kind) is tuple:
        settings["metavar"] = "N,N,..." if _without_none(get_args(kind)[0]) is int else "WORD,WORD,..."
        kind = str
        default = ",".join(map(str, default)) if isinstance(default, tuple) else default
    elif get_origin(kind) is Literal:
        kind, settings["metavar"] = str, "|".join(map(str, get_args(kind)))
    elif kind in (int, float):
        settings |= {"min": _bound(metadata, "ge"), "max": _bound(metadata, "le")}
    names = [f"{_name(key)}/--no-{_name(key)[2:]}"] if kind is bool else [_name(key)]
    return Annotated[kind if default is not None else kind | None, typer.Option(*names, **settings)], default


def _name(key: str) -> str:
    """Return the name of the option of a field."""
    return f"--{key.replace('_', '-')}"


def _without_none(annotation: Any) -> Any:
    """Return the type that an annotation admits besides None."""
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = (each for each in get_args(annotation) if each is not type(None))
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _bound(metadata: Iterable[Any], name: str) -> Any:
    """Return the bound `ge` or `le` that a field or an item has, None if it has none."""
    return next((getattr(each, name) for each in metadata if getattr(each, name, None) is not None), None)


def _listed(key: str, text: str, field: FieldInfo) -> Any:
    """Return what an option lists, for a field that holds a tuple of whole numbers or words; else the text."""
    kind = _without_none(field.annotation)
    if get_origin(kind) is not tuple:
        return text
    item = get_args(kind)[0]
    if _without_none(item) is not int:
        return tuple(part.strip() for part in text.split(","))
    metadata = [bound for info in get_args(item)[1:] for bound in (info, *getattr(info, "metadata", ()))]
    example = (field.examples or ["1,2,3"])[0]
    return whole_numbers(_name(key), text, _bound(metadata, "ge") or 0, example, most=_bound(metadata, "le"))


def _refusal(kind: type[Section], error: ValidationError) -> str:
    """Return what is wrong with the first value that was refused, in one line."""
    details = error.errors(include_url=False)[0]
    key, value = str(details["loc"][0]), details["input"]
    option = _name(key)
    if details["type"] == "literal_error":
        names = get_args(_without_none(kind.model_fields[key].annotation))
        return f"{option} {value}: {', '.join(names)}{did_you_mean(str(value), names)}"
    if details["type"] == "value_error":
        return f"{option}: {details['ctx']['error']}"
    return f"{option} {value}: {plain_words(details['msg'][:1].lower() + details['msg'][1:])}"
