"""From content to HTML, by the templates in templates/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from rnnctl.report.page.assets import assets
from rnnctl.report.page.content import Index, Page
from rnnctl.words import escaped

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup


def page(content: Page) -> str:
    """Return the page as HTML."""
    return _templates().get_template("page.html").render(page=content, assets=assets())


def index(content: Index) -> str:
    """Return the index over studies as HTML."""
    return _templates().get_template("index.html").render(index=content, assets=assets())


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("rnnctl.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["json"] = json_text
    environment.filters["trusted"] = Markup  # SVG that we have drawn, and our own assets
    return environment


def _printable(value: Any) -> Any:
    """Return a value as the page shows it: with all characters escaped that cannot be printed."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return escaped(value, keep="\n\t")
    return value


def json_text(value: Mapping[str, Any]) -> Markup:
    """Return a value as JSON that can stand inside a script element: no character of it ends the element."""
    from markupsafe import Markup

    text = json.dumps(_texts_printable(value), separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _texts_printable(value: Any) -> Any:
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, Mapping):
        return {escaped(str(key)): _texts_printable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_texts_printable(item) for item in value]
    return value
