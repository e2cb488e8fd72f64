"""Checks of arguments from Python: what an annotation allows is what is taken, and everything else is one line.

    @checked
    def rank(name: Annotated[str, Name("study")], top: Annotated[int, at_least(0)] = 0) -> Rows: ...

`rank("mine", top=-1)` raises InvalidArgument: `top is -1; it must be at least 0`. `rank("mine", tpo=1)` names the
nearest argument. Numbers of other libraries are taken too, and arrive as those of Python. Arguments of type Any or
object are not checked, nor are functions. Further keywords, as in `**options`, are checked where they are used.
"""

from __future__ import annotations

import functools
import inspect
import math
import os
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from rnnctl.errors import Error, InvalidArgument, NotFound
from rnnctl.words import cut, did_you_mean, one_line

T = TypeVar("T", bound=Callable[..., Any])

# Methods with an underscore that a user calls by other means.
CALLED = ("__getitem__", "__call__")
WORDS: Mapping[Any, tuple[str, str]] = {
    str: ("a text", "texts"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("True or False", "True or False"),
    Path: ("a path", "paths"),
    type(None): ("None", "None"),
}


@dataclass(frozen=True)
class Rule:
    """Restricts the values of an annotated argument. words: what it must be, such as `at least 1`.

    test: whether a value of the right type is allowed.
    """

    words: str
    test: Callable[[Any], bool]


def at_least(least: float) -> Rule:
    """Return the rule that a number is not below another."""
    return Rule(f"at least {_bound(least)}", lambda value: bool(value >= least))


def at_most(most: float) -> Rule:
    """Return the rule that a number is not above another."""
    return Rule(f"at most {_bound(most)}", lambda value: bool(value <= most))


def above(bound: float) -> Rule:
    """Return the rule that a number is above another. Infinity is."""
    return Rule(f"above {bound:g}", lambda value: bool(value > bound))


def between(least: float, most: float) -> Rule:
    """Return the rule that a number is in a range, its ends included."""
    return Rule(f"from {_bound(least)} to {_bound(most)}", lambda value: bool(least <= value <= most))


def finite() -> Rule:
    """Return the rule that a number is neither infinite nor NaN."""
    return Rule("a finite number", math.isfinite)


def _bound(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


@dataclass(frozen=True)
class Name:
    """Marks a text that names a thing, such as a study: where it is no text, there is no such thing."""

    kind: str
    error: type[Error] = NotFound


class _Misfit(Exception):
    """A value that is not allowed. place: within the argument, such as `[0]`. text: what follows the name.

    near: whether the type is right, so that the rule is what to tell.
    """

    def __init__(self, place: str, text: str, near: bool = False) -> None:
        super().__init__(text)
        self.place, self.text, self.near = place, text, near


def checked(target: T) -> T:
    """Decorate a function, or a class for all of its public methods: arguments are checked by their annotations.

    `__init__` is decorated by itself, in the classes that users make objects of. Calls then raise InvalidArgument, or
    NotFound for a name that is no text.
    """
    if isinstance(target, type):
        for name, value in list(vars(target).items()):
            if inspect.isfunction(value) and (name in CALLED or not name.startswith("_")):
                setattr(target, name, checked(value))
        return typing.cast(T, target)
    signature = inspect.signature(target)

    @functools.wraps(target)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise InvalidArgument(_wrong_call(target, signature, kwargs, str(error))) from None
        hints = _hints(call)
        for name, value in bound.arguments.items():
            if name in hints:
                bound.arguments[name] = _taken(hints[name], signature.parameters[name].kind, name, value)
        return target(*bound.args, **bound.kwargs)

    return typing.cast(T, call)


def _wrong_call(target: Callable[..., Any], signature: inspect.Signature, given: Mapping[str, Any], why: str) -> str:
    """Return why a call does not fit a signature. why: in the words of Python."""
    allowed = [name for name, each in signature.parameters.items() if name != "self" and each.kind != each.VAR_KEYWORD]
    takes = f"allowed: {', '.join(allowed)}" if allowed else "there are none"
    several = any(each.kind == each.VAR_KEYWORD for each in signature.parameters.values())
    unknown = next((name for name in given if name not in allowed), None)
    name = target.__name__
    if name.startswith("__"):  # an object is made or called: its class is what the user wrote
        name = target.__qualname__.split(".")[-2]
    if unknown is not None and not several:
        return f"{name} has no argument {unknown}; {takes}{did_you_mean(unknown, allowed)}"
    return f"{name}: {why}; {takes}"


@functools.cache
def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the annotations of the arguments of a function. Raise NameError if one cannot be read."""
    scope = inspect.unwrap(function).__globals__
    hints = {}
    for name, each in inspect.signature(function).parameters.items():
        if each.annotation is not each.empty and each.kind != each.VAR_KEYWORD:
            hints[name] = eval(each.annotation, scope) if isinstance(each.annotation, str) else each.annotation
    return hints


def _taken(hint: Any, kind: Any, name: str, value: Any) -> Any:
    """Return the value of an argument as the function gets it. Raise InvalidArgument or NotFound."""
    if kind == inspect.Parameter.VAR_POSITIONAL:
        return tuple(_taken(hint, None, name, each) for each in value)
    try:
        return _fitted(hint, value, "")
    except _Misfit as why:
        raise _error(hint, name, value, why) from None


def _error(hint: Any, name: str, value: Any, why: _Misfit) -> Error:
    thing = next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Name)), None)
    if thing is not None:
        return thing.error(f"there is no {thing.kind} {quoted(value)}: names are texts")
    return InvalidArgument(f"{name}{why.place} {why.text}")


def _fitted(hint: Any, value: Any, place: str) -> Any:
    """Return a value of an annotation, with numbers of other libraries as those of Python. Raise _Misfit."""
    if hint in (Any, object):
        return value
    origin = get_origin(hint)
    if origin is Annotated:
        return _ruled(hint, value, place)
    if origin in (Union, types.UnionType):
        return _one_of_several(get_args(hint), value, place)
    if origin is Literal:
        if not any(value is each or (type(value) is type(each) and value == each) for each in get_args(hint)):
            allowed = [str(each) for each in get_args(hint)]
            meant = did_you_mean(value, allowed) if isinstance(value, str) else ""
            raise _Misfit(place, f"is {quoted(value)}; allowed: {', '.join(allowed)}{meant}", near=True)
        return value
    if _is_abstract(origin, Mapping):
        return _mapping(hint, value, place)
    if origin is tuple and Ellipsis not in get_args(hint):
        return _fixed(hint, value, place)
    if _is_abstract(origin, Collection):
        return _collection(hint, value, place)
    if hint in WORDS or hint is None:
        return _plain(type(None) if hint is None else hint, value, place)
    kind = origin or hint
    if isinstance(kind, type) and _can_be_tested(kind):
        if issubclass(kind, os.PathLike):
            return _plain(Path, value, place)
        if not isinstance(value, kind):
            raise _Misfit(place, f"must be {_words(hint)}, not {quoted(value)}")
    return value


def _is_abstract(origin: Any, kind: type) -> bool:
    """Return whether an annotation is for lists or mappings of any class, and not for a class such as arrays."""
    return (
        isinstance(origin, type) and origin.__module__ in ("builtins", "collections.abc") and issubclass(origin, kind)
    )


def _can_be_tested(kind: type) -> bool:
    return not getattr(kind, "_is_protocol", False) or bool(getattr(kind, "_is_runtime_protocol", False))


def _ruled(hint: Any, value: Any, place: str) -> Any:
    """Return a value of an annotation with rules."""
    base, *marks = get_args(hint)
    rules = [mark for mark in marks if isinstance(mark, Rule)]
    fitted = _fitted(base, value, place)
    for rule in rules:
        try:
            allowed = rule.test(fitted)
        except (ValueError, TypeError, ArithmeticError, RuntimeError):
            allowed = False
        if not allowed and base is Any:
            raise _Misfit(place, f"must be {rule.words}, not {quoted(value)}")
        if not allowed:
            raise _Misfit(place, f"is {quoted(value)}; it must be {rule.words}", near=True)
    return fitted


def _one_of_several(hints: tuple[Any, ...], value: Any, place: str) -> Any:
    near = None
    for hint in hints:
        try:
            return _fitted(hint, value, place)
        except _Misfit as why:
            near = why if why.near or why.place != place else near
    if near is not None:
        raise near
    raise _Misfit(place, f"must be {_joined([_words(hint) for hint in hints])}, not {quoted(value)}")


def _plain(kind: type, value: Any, place: str) -> Any:
    """Return a text, number, truth value, path or None."""
    if kind in (int, float, bool) and getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a scalar of numpy or torch
    match kind:
        case _ if kind is bool:
            fits = isinstance(value, bool)
        case _ if kind is int:
            fits = isinstance(value, Integral) and not isinstance(value, bool)
            value = int(value) if fits else value
        case _ if kind is float:
            fits = isinstance(value, Real) and not isinstance(value, bool) and _is_float(value)
            value = value if not fits or isinstance(value, int) else float(value)
        case _ if kind is Path:
            fits = isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)
        case _:
            fits = isinstance(value, kind)
    if not fits:  # 3.0 is shown as such where a whole number is wanted
        shown = repr(value) if kind is int and isinstance(value, float) else quoted(value)
        raise _Misfit(place, f"must be {WORDS[kind][0]}, not {shown}")
    if kind in (str, Path) and not _is_text(value):
        raise _Misfit(place, f"has a character that no text or path can have: {quoted(str(value))}", near=True)
    return value


def _is_text(value: str | os.PathLike[str]) -> bool:
    """Return whether a text can be kept in a database, and a path can be that of a file."""
    text = os.fspath(value)
    try:
        text.encode() if isinstance(value, str) else os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _is_float(value: Real) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _collection(hint: Any, value: Any, place: str) -> Any:
    items = get_args(hint)[0] if get_args(hint) else Any
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection) or getattr(value, "ndim", 1) == 0:
        alone = f"; write [{quoted(value)}]" if isinstance(value, str) and items is str else ""
        raise _Misfit(place, f"must be {_words(hint)}, not {quoted(value)}{alone}")
    return [_fitted(items, each, f"{place}[{i}]") for i, each in enumerate(value)]


def _fixed(hint: Any, value: Any, place: str) -> Any:
    hints = get_args(hint)
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection) or len(value) != len(hints):
        raise _Misfit(place, f"must be {_words(hint)}, not {quoted(value)}")
    return tuple(_fitted(each, item, f"{place}[{i}]") for i, (each, item) in enumerate(zip(hints, value, strict=True)))


def _mapping(hint: Any, value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _Misfit(place, f"must be {_words(hint)}, not {quoted(value)}")
    keys, values = get_args(hint) or (Any, Any)
    for key, each in value.items():
        if keys is str and not isinstance(key, str):
            raise _Misfit(place, f"has a key that is no text: {quoted(key)}", near=True)
        _fitted(values, each, f"{place}[{quoted(key)}]")
    return value


def _words(hint: Any, plural: bool = False) -> str:
    """Return what an annotation allows, such as `a list of texts`."""
    hint = type(None) if hint is None else hint
    origin, inside = get_origin(hint), get_args(hint)
    if hint in WORDS:
        return WORDS[hint][plural]
    if origin is Annotated:
        rules = [mark.words for mark in inside[1:] if isinstance(mark, Rule)]
        return " ".join([*([] if inside[0] is Any else [_words(inside[0], plural)]), *rules])
    if origin in (Union, types.UnionType):
        return _joined([_words(each, plural) for each in inside])
    if origin is Literal:
        return _joined([str(each) for each in inside])
    if _is_abstract(origin, Mapping):
        return "mappings" if plural else "a mapping"
    if origin is tuple and Ellipsis not in inside:
        return f"{'pairs' if plural else 'a pair'} of values" if len(inside) == 2 else f"a tuple of {len(inside)}"
    if _is_abstract(origin, Collection):
        items = "" if not inside or inside[0] is Any else f" of {_words(inside[0], plural=True)}"
        return f"{'lists' if plural else 'a list'}{items}"
    kind = origin or hint
    if kind is Callable:
        return "functions" if plural else "a function"
    if isinstance(kind, type) and issubclass(kind, os.PathLike):
        return WORDS[Path][plural]
    if getattr(kind, "_is_protocol", False):
        methods = sorted(name for name in vars(kind) if not name.startswith("_"))
        return f"an object with the methods {', '.join(methods)}"
    name = getattr(kind, "__name__", str(kind))
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _joined(words: list[str]) -> str:
    different = list(dict.fromkeys(words))
    return different[0] if len(different) == 1 else f"{', '.join(different[:-1])} or {different[-1]}"


def quoted(value: object) -> str:
    """Return a value as a message quotes it, on one line and not too long. Scalars of numpy and torch are numbers."""
    try:
        if type(value).__module__ in ("numpy", "torch") and getattr(value, "ndim", None) == 0:
            value = value.item()  # type: ignore[attr-defined]
        if isinstance(value, float) and math.isfinite(value):
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        text = one_line(repr(value))
    except Exception:
        text = f"a value of type {type(value).__name__}"
    return cut(text)
