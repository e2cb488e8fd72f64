"""Study files with extreme numbers: at each numeric key of the language, and in each function that lists or draws.

The keys come from the schema. A study is an ordinary run that has the key, small enough for any machine, with numbers
at the limits of float32, float64 and 64-bit integers, beyond them, and close to zero.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from rnnctl.section import Path
from rnnctl.study.schema import KEYS
from tests.language import drawn_spec

# As they are written in a file: some are no numbers of JSON, and some of no machine.
WHOLE = [
    "0", "-1", "1", "2", "2147483647", "2147483648", "4294967296", "9007199254740993", "1000000000000",
    "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1" + "0" * 30, "1" + "0" * 400,
    "-1" + "0" * 5000,
]  # fmt: skip
REAL = [
    "-0.0", "5e-324", "1e-320", "2.2250738585072014e-308", "1e-300", "1e-150", "1e-60", "1e-45", "1.1754943e-38",
    "1e-38", "0.9999999999999999", "1.0000000000000002", "1e16", "1e38", "3.4028234663852886e+38",
    "3.4028235677973366e+38", "1e39", "1e150", "1e300", "1.7976931348623157e+308", "-1e308", "1e400", "-1e400",
    ".inf", "-.inf", ".nan",
]  # fmt: skip
# Numbers of draws, and of values of a list: few, or more than are allowed. What is allowed and much takes minutes.
COUNTS = ["0", "-1", "1", "2", "3", "1.0", "100001", "1000000", "9223372036854775807", "1e308", "1e400"]
LISTS = ("linspace", "logspace", "range")
MOST_DRAWN = 3000  # runs, until each numeric key is in a few of them
DRAWS = ("uniform", "loguniform", "int_uniform", "int_loguniform", "choice")


class Number(str):
    """A number as it is written."""

    __slots__ = ()


def _written(value: Any) -> str:
    """Return a tree of mappings, lists and values as YAML in one line."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value)


def numeric_keys() -> list[Path]:
    """Return the paths of all keys that can be numbers, without those that the seeds of a study set."""
    return [path for path, key in KEYS.items() if path != ("seed",) and not key.is_section and _takes_numbers(path)]


def _takes_numbers(path: Path) -> bool:
    try:
        value = KEYS[path].validate(1)
    except ValueError:
        try:
            value = KEYS[path].validate(0.5)
        except ValueError:
            return KEYS[path].takes_whole_numbers  # at least 2, or more
    return isinstance(value, int | float) and not isinstance(value, bool)


def bases(places: list[str], dice: random.Random, each: int = 3) -> dict[Path, list[dict[str, Any]]]:
    """Return a few ordinary runs for each numeric key, as settings that have the key.

    places: what stands at keys that say where data lies, as `drawn_spec` takes them.
    """
    wanted, result = set(numeric_keys()), defaultdict(list)
    for _ in range(MOST_DRAWN):
        if all(len(result[path]) >= each for path in wanted):
            return dict(result)
        settings = drawn_spec(dice, places).written_out()
        _remove_derived(settings)
        for path in wanted:
            if _has(settings, path) and len(result[path]) < each:
                result[path].append(settings)
    missing = [".".join(path) for path in wanted if len(result[path]) < each]
    raise AssertionError(f"{MOST_DRAWN} drawn runs, of which too few have {', '.join(missing)}")


def _remove_derived(settings: dict[str, Any], path: Path = ()) -> None:
    """Remove what follows from the data that other keys name: nobody writes it into a study."""
    for name, value in list(settings.items()):
        if KEYS[*path, name].derived:
            del settings[name]
        elif isinstance(value, dict):
            _remove_derived(value, (*path, name))


def _has(settings: Mapping[str, Any], path: Path) -> bool:
    for name in path:
        if not isinstance(settings, dict) or name not in settings:
            return False
        settings = settings[name]
    return True


def extreme(dice: random.Random) -> Number:
    """Draw a number."""
    return Number(dice.choice(dice.choice([WHOLE, REAL])))


def study_with_extremes(dice: random.Random, path: Path, settings: Mapping[str, Any]) -> str:
    """Return the text of a study that has extreme numbers at a key or in the functions that vary it."""
    dotted, lines = ".".join(path), ["study: extreme", f"base: {_written(settings)}"]
    kind = dice.choice(["value", "value", "list", "grid", "random", "zip"])
    if kind == "value":
        lines.append(f"cases: {{A: {_written({dotted: extreme(dice)})}}}")
    elif kind == "list":
        lines.append(f"grid: {_written({dotted: [extreme(dice) for _ in range(dice.randint(1, 3))]})}")
    elif kind == "grid":
        numbers = [extreme(dice) for _ in range(dice.choice([2, 3, 3, 3]))]
        name = dice.choice(LISTS)
        if name != "range" and len(numbers) == 3 and dice.random() < 0.8:
            numbers[2] = Number(dice.choice(COUNTS))
        lines.append(f"grid: {_written({dotted: {name: numbers}})}")
    elif kind == "random":
        draws: dict[str, Any] = {"n": Number(dice.choice(COUNTS)), dotted: {dice.choice(DRAWS): _bounds(dice)}}
        if dice.random() < 0.3:
            draws["seed"] = extreme(dice)
        lines.append(f"random: {_written(draws)}")
    else:
        lines.append(f"zip: {_written({'rows': [{dotted: extreme(dice)}, {dotted: extreme(dice)}]})}")
    if dice.random() < 0.2:
        lines.append(f"seeds: {_written(dice.choice([[extreme(dice)], {'range': [extreme(dice), extreme(dice)]}]))}")
    if dice.random() < 0.1:
        numbers_of_refine = {"below": extreme(dice)} if dice.random() < 0.5 else {"best": extreme(dice)}
        lines.append(f"refine: {_written({**numbers_of_refine, 'variants': {'V': {dotted: extreme(dice)}}})}")
    return "\n".join(lines) + "\n"


def _bounds(dice: random.Random) -> list[Number]:
    """Draw two bounds, mostly in their order."""
    bounds = [extreme(dice), extreme(dice)]
    return (
        sorted(bounds, key=lambda number: float(number.replace(".inf", "inf").replace(".nan", "nan")))
        if dice.random() < 0.8
        else bounds
    )
