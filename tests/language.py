"""Runs drawn from the whole study language: every key of every section of every variant, as the schema has them.

Nothing here knows a key by name, so that a key that is added later is drawn too. What keeps runs small is the size of
drawn numbers; what does not go together is drawn again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
from pydantic.fields import FieldInfo

from rnnctl.parts import names_of
from rnnctl.section import DERIVED, LATER, PER_RUN, PLACE, Mark, Section
from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.member import network_of
from rnnctl.weight_files import hash_of, write_safetensors

SMALL = 8  # how far a drawn whole number lies above its bound at most
TRIES = 2000

# Where a default would make a run too large for a test that trains hundreds: paths, and what is drawn between.
SIZES: dict[tuple[str, ...], tuple[int, int]] = {
    ("train", "updates"): (2, 9),
    ("train", "batch"): (1, 6),
    ("check", "every"): (1, 4),
    ("check", "samples"): (1, 12),
    ("check", "chunk"): (1, 4),
    ("check", "diagnostic_batch"): (1, 3),
    ("train", "rate", "patience"): (1, 2),
    ("model", "hidden"): (1, 9),
    ("model", "layers"): (1, 3),
    ("model", "slots"): (1, 3),
    ("model", "slot_size"): (1, 6),
    ("model", "heads"): (1, 2),
    ("task", "min_length"): (10, 13),
    ("task", "max_length"): (12, 16),
    ("task", "window"): (1, 12),
    ("task", "values"): (2, 4),
    ("task", "positions"): (1, 4),
    ("task", "symbols"): (3, 20),
    ("model", "init", "connections"): (1, 4),
}

# How large other whole numbers are drawn at most, where the work of a run is a multiple of them.
LARGEST: dict[tuple[str, ...], int] = {("train", "accumulate"): 3}

# Texts of which one, or two joined by a plus sign, are drawn. Cells have different weights: these are some of each.
NAMES: dict[tuple[str, ...], tuple[str, ...]] = {
    ("check", "snapshots"): ("0", "1", "2", "3", "5", "8"),
    ("train", "freeze"): ("W_hh", "b_hh", "W_uh", "W_hz", "b_i", "W_ux", "W_C1", "W_hy", "b_hy"),
    ("train", "rate", "at"): ("1", "2", "3", "5", "8"),
}

WEIGHTS = TemporaryDirectory()  # files of initial weights, until the process ends


def drawn_spec(rng: random.Random, places: list[str], chosen: Mapping[str, str] | None = None) -> RunSpec:
    """Draw a run. places: what stands at keys that say where data lies (small texts). chosen: the names of variants
    that are not drawn, by the dotted path of their section.
    """
    names = {tuple(path.split(".")): name for path, name in (chosen or {}).items()}
    return _valid(rng, lambda: _section(rng, RunSpec, (), places, names, lambda marks: rng.random() < 0.5))


def drawn_companion(rng: random.Random, spec: RunSpec, places: list[str]) -> RunSpec:
    """Draw a run that has all in common with another one that runs of a pack must have, and nothing else.

    Keys that are marked as PER_RUN or PLACE are drawn anew, all others are the run's own. A section that was added
    later is there in both, or in neither.
    """
    plain, key = spec.model_dump(mode="json"), PackKey.of(spec)
    return _valid(rng, lambda: _anew(rng, type(spec), (), plain, places), lambda other: PackKey.of(other) == key)


def _valid(
    rng: random.Random, draw: Callable[[], Mapping[str, Any]], fits: Callable[[RunSpec], bool] = lambda spec: True
) -> RunSpec:
    for _ in range(TRIES):
        try:
            spec = identified(RunSpec.model_validate(draw()))
        except ValueError:  # pydantic's errors are ValueErrors as well
            continue
        if fits(spec):
            return spec
    raise AssertionError(f"{TRIES} draws made no run: the generator has to know more of what goes together")


def identified(spec: RunSpec) -> RunSpec:
    """Return a run with its data identified.

    Initial weights come from a file that is written here, as it has to fit the network.
    """
    if spec.model.data is None:
        return spec.identified()
    spec = spec.task_identified()
    network, names = network_of(spec.model, spec.task.make()), spec.model.export_names
    rng = np.random.default_rng(spec.seed)
    shapes = [(names.get(name, name), shape) for name, shape in network.layout.shapes]
    arrays = {name: 0.3 * rng.standard_normal(shape).astype(np.float32) for name, shape in shapes}
    path = Path(WEIGHTS.name) / f"{hash_of(arrays)}.safetensors"
    with path.open("wb") as file:
        write_safetensors(file, arrays, {})
    init = spec.model.init.model_copy(update={"file": str(path), "sha256": None})
    return spec.model_copy(update={"model": spec.model.model_copy(update={"init": init})}).identified()


def _anew(
    rng: random.Random, model: type[Section], path: tuple[str, ...], plain: Mapping[str, Any], places: list[str]
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        marks = _marks(info)
        if marks & {PER_RUN, PLACE}:
            if PLACE in marks or (*path, name) in SIZES or rng.random() < 0.7:
                result[name] = _value(rng, info, (*path, name), places, {}, lambda _: rng.random() < 0.5)
        elif isinstance(plain[name], dict):
            variant = _variant_of(info, plain[name])
            result[name] = _anew(rng, variant, (*path, name), plain[name], places)
        else:
            result[name] = plain[name]
    return result


def _variant_of(info: FieldInfo, plain: Mapping[str, Any]) -> type[Section]:
    for variant in _sections(info.annotation):
        fields = variant.model_fields
        names = [get_args(fields[tag].annotation) for tag in ("name", "style") if tag in fields]
        if not names or plain.get("name", plain.get("style")) in names[0]:
            return variant
    raise AssertionError(f"no variant for {plain}")


def _section(
    rng: random.Random,
    model: type[Section],
    path: tuple[str, ...],
    places: list[str],
    chosen: Mapping[tuple[str, ...], str],
    wanted: Callable[[frozenset[Mark]], bool],
) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        marks = _marks(info)
        if DERIVED in marks:
            continue
        sized = (*path, name) in SIZES or PLACE in marks
        tag = name in ("name", "style")
        # A section that was added later may be left out, as it is in most studies.
        always = _sections(info.annotation) and (LATER not in marks or (*path, name) in chosen)
        if info.is_required() or tag or sized or always or wanted(marks):
            result[name] = _value(rng, info, (*path, name), places, chosen, wanted)
    return result


def _value(
    rng: random.Random,
    info: FieldInfo,
    path: tuple[str, ...],
    places: list[str],
    chosen: Mapping[tuple[str, ...], str],
    wanted: Callable[[frozenset[Mark]], bool],
) -> Any:
    if PLACE in _marks(info):
        return rng.choice(places)
    if path[-1] == "name" and path[:-1] in chosen:
        return chosen[path[:-1]]
    sections = _sections(info.annotation)
    if path in chosen:
        sections = [section for section in sections if chosen[path] in names_of(section)]
    if sections:
        return _section(rng, rng.choice(sections), path, places, chosen, wanted)
    if path in SIZES and not (path[-1] == "connections" and rng.random() < 0.3):
        return rng.randint(*SIZES[path])
    kind, bounds = rng.choice(_members(info))
    if get_origin(kind) is Literal:
        return rng.choice(get_args(kind))
    if kind is type(None):
        return None
    if path in NAMES:
        return "+".join(rng.sample(NAMES[path], rng.randint(1, 2)))
    if kind is bool:
        return rng.random() < 0.5
    if kind is int:
        low = math.ceil(bounds["low"]) + ("above" in bounds) if "low" in bounds else 0
        high = min(low + SMALL, LARGEST.get(path, math.inf), bounds.get("high", math.inf))
        return rng.randint(low, int(high))
    if kind is float:
        return _real(rng, info.default, bounds)
    raise AssertionError(f"{'.'.join(path)} takes {kind}, which nobody has taught the generator to draw")


def _real(rng: random.Random, default: Any, bounds: Mapping[str, float]) -> float:
    low, high = bounds.get("low", -math.inf), bounds.get("high", math.inf)
    if math.isfinite(low) and math.isfinite(high):
        return rng.uniform(low + 1e-3 * (high - low), high - 1e-3 * (high - low))
    scale = abs(default) if isinstance(default, int | float) and default else 1.0
    value = scale * 10 ** rng.uniform(-1, 1)
    return min(max(value, low + ("above" in bounds and 1e-3)), high)


def _marks(info: FieldInfo) -> frozenset[Mark]:
    return frozenset(mark for mark in info.metadata if isinstance(mark, Mark))


def _members(info: FieldInfo) -> list[tuple[Any, dict[str, float]]]:
    """Return the types that a value can be of, and the bounds of each."""
    annotation = info.annotation
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    shared = _bounds(info.metadata)
    members = []
    for kind in kinds:
        if get_origin(kind) is Annotated:
            kind, *extra = get_args(kind)
            inner = [item for one in extra for item in (one.metadata if isinstance(one, FieldInfo) else [one])]
            members.append((kind, shared | _bounds(inner)))
        else:
            members.append((kind, shared))
    return members


def _bounds(metadata: list[Any]) -> dict[str, float]:
    bounds: dict[str, float] = {}
    for item in metadata:
        for name, key in (("ge", "low"), ("gt", "low"), ("le", "high"), ("lt", "high")):
            if (bound := getattr(item, name, None)) is not None:
                bounds[key] = bound
                if name == "gt":
                    bounds["above"] = 1.0
    return bounds


def _sections(annotation: Any) -> list[type[Section]]:
    kinds = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Section)]


def paths_of(spec: RunSpec) -> set[tuple[str, ...]]:
    """Return the dotted path of each key that a run has, with the names of the variants on the way."""

    def visit(section: Section, path: tuple[str, ...]) -> set[tuple[str, ...]]:
        tag = getattr(section, "name", getattr(section, "style", None))
        here = (*path, str(tag)) if tag else path
        paths = {here}
        for name in type(section).model_fields:
            value = getattr(section, name)
            paths |= visit(value, (*here, name)) if isinstance(value, Section) else {(*here, name)}
        return paths

    return visit(spec, ())
