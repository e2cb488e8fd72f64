"""The reference says what the code says: generated parts are up to date, and nothing is named that does not exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rnnctl.docs import commands, keys
from rnnctl.docs.blocks import block
from rnnctl.docs.pages import FOLDER, pages, rewritten
from rnnctl.study.schema import KEYS

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = [
    *(ROOT / name for name in ("README.md", ".github/CONTRIBUTING.md", "rnnctl/studies/results/README.md")),
    *pages(),
]
SHOWN_AS_EXAMPLES = {
    "rnnctl/tasks/first.py",
    "rnnctl/optimizers/signum.py",
    "rnnctl/schedules/root.py",
    "rnnctl/probes/norms.py",
}
TOP = ("rnnctl/", "jobs/", "store/", "plots/", "tests/", ".github/")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


# --- generated parts


def _generated(page: str) -> list[str]:
    """The names of the generated parts of a page."""
    return re.findall(r"^<!-- generated: (.+) -->$", (FOLDER / page).read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("page", pages(), ids=_name)
def test_generated_parts_are_up_to_date(page):
    text = page.read_text(encoding="utf-8")
    assert rewritten(text, block) == text, f"{_name(page)} is out of date: run `python -m rnnctl.docs`"


def test_every_command_has_a_part_of_the_reference():
    shown = _generated("commands.md")
    assert [f"command {name}" for name in commands.commands() if f"command {name}" not in shown] == []


def test_every_section_has_a_part_of_the_reference():
    shown = _generated("study-language.md")
    assert [name for name in keys.section_names() if f"keys {name}".rstrip() not in shown] == []


def test_the_flags_of_the_courses_program_lead_to_keys_and_options_that_exist():
    page = (FOLDER / "study-language.md").read_text(encoding="utf-8")
    section = re.search(r"^## From a command line of the course's program$(.+?)^## ", page, re.M | re.S)
    rows = re.findall(r"^\| `--.+? \| .+? \| (.+) \|$", section[1], re.M)
    named = [name for row in rows for name in re.findall(r"`((?:task|model|train|check)\.[\w.]+)`", row)]
    assert len(rows) > 15
    assert [name for name in named if tuple(name.split(".")) not in KEYS] == []


@pytest.mark.parametrize("page", ["rnnctl/docs/index.md", "README.md"])
def test_every_page_is_linked_from(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = {(ROOT / page).parent / target for target in re.findall(r"\]\(([^)#\s]+)\)", text)}
    assert [_name(each) for each in pages() if each.name != "index.md" and each not in links] == []


@pytest.mark.parametrize("command", commands.commands().values(), ids=lambda command: command.name)
def test_every_command_and_option_has_a_help_text(command):
    assert command.paragraphs[0]
    assert [parameter.usage for parameter in command.parameters if not parameter.help] == []


def test_every_key_has_a_description():
    """One short phrase in plain words."""
    missing = [f"{model.__name__}.{name}" for model, name, info in keys.fields() if not info.description]
    assert missing == []


def test_every_variant_of_a_section_says_what_it_is():
    variants = {model for name in keys.section_names() for model in keys.sections_at(name)}
    assert [model.__name__ for model in variants if not (model.__doc__ or "").strip()] == []


def test_every_exit_code_is_in_the_reference():
    from rnnctl.cli import output

    codes = (output.OK, output.FAILURE, output.USAGE, output.NOTHING, output.SOME_FAILED, output.INTERRUPTED)
    section = (FOLDER / "commands.md").read_text(encoding="utf-8").split("## Exit codes")[1].split("##")[0]
    assert re.findall(r"^\| (\d+) \|", section, re.M) == [str(code) for code in codes]


# --- what is named exists


def _code(text: str) -> Iterator[str]:
    """Lines of code blocks, and inline code outside of them."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_every_command_that_a_page_names_exists(page):
    known = commands.commands()
    names = sorted(known, key=len, reverse=True)
    wrong = []
    for line in _code(page.read_text(encoding="utf-8")):
        for call in re.split(r"\s*(?:&&|\|\||;|\s#)\s*", line):
            if not (words := re.fullmatch(r"(?:\.venv/bin/)?rnnctl ([a-z].*)", call)):
                continue
            name = next((name for name in names if _is_call_of(words[1], name)), None)
            options = {o for n in (name, (name or "").split(" ")[0]) if n for p in known[n].parameters for o in p.names}
            used = set(re.findall(r"(?<= )--?[a-z][a-z-]*", words[1])) - {"--help"}
            if name is None or used - options:
                wrong.append(call)
    assert wrong == []


def _is_call_of(call: str, name: str) -> bool:
    first, *rest = name.split()
    return call.split()[0] == first and all(re.search(rf"\s{re.escape(word)}(?=\s|$)", call) for word in rest)


@pytest.mark.parametrize("page", WRITTEN, ids=_name)
def test_every_file_that_a_page_names_exists(page):
    text = page.read_text(encoding="utf-8")
    links = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    missing = [target for target in links if not _leads_somewhere(page, target)]
    paths = [word for line in _code(text) for word in re.findall(r"[\w./-]+", line) if word.startswith(TOP)]
    missing += [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]
    missing = [path for path in missing if path not in SHOWN_AS_EXAMPLES]
    assert missing == []


def _leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = page.parent / path if path else page
    if not anchor:
        return file.exists()
    titles = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.M)
    return anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


# --- rewriting


def test_a_part_is_replaced_and_the_rest_stays():
    page = "# A\n<!-- generated: x y -->\nold\n<!-- end -->\nafter\n"
    once = rewritten(page, str.upper)
    assert once == "# A\n<!-- generated: x y -->\n\nX Y\n\n<!-- end -->\nafter\n"
    assert rewritten(once, str.upper) == once


@pytest.mark.parametrize(
    "page",
    ["<!-- generated: a -->\n", "<!-- end -->\n", "<!-- generated: a -->\n<!-- generated: b -->\n<!-- end -->\n"],
)
def test_a_part_without_start_or_end_is_an_error(page):
    with pytest.raises(ValueError, match="generated part"):
        rewritten(page, str.upper)


@pytest.mark.parametrize("name", ["nothing", "command nothing", "keys train.lr", "keys nothing"])
def test_an_unknown_part_is_an_error(name):
    with pytest.raises(ValueError, match="there is no"):
        block(name)
