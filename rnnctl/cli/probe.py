"""`probe`: a command for each probe, made from the fields of its section when it is needed."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from rnnctl.cli.commands import in_plain_words
from rnnctl.cli.layout import table
from rnnctl.cli.options import AllowCodeOption, JsonOption, WorkspaceOption, opened
from rnnctl.cli.output import UserError, notes, out, out_json, say
from rnnctl.cli.sections import options_of, section_of
from rnnctl.usercode.names import is_users
from rnnctl.usercode.permission import OPTION
from rnnctl.weights import BEST, in_words, weights_name
from rnnctl.words import did_you_mean

if TYPE_CHECKING:
    from rnnctl.lab.probe import Probed
    from rnnctl.probes.base import Probe

WhatArgument = Annotated[str, typer.Argument(metavar="RUN|STUDY", help="A run, or all runs of a study.")]
WeightsOption = Annotated[
    str,
    typer.Option(
        "--weights",
        metavar="best|last|UPDATE,...",
        help="The weights to look at: those of the lowest validation loss, those of the newest update, or a snapshot "
        "(check.snapshots). Several are separated by commas.",
    ),
]


class ProbeCommands(Mapping[str, TyperCommand]):
    """The commands of all probes by name. Sections load pydantic, which `rnnctl --help` does without."""

    def __getitem__(self, name: str) -> TyperCommand:
        from rnnctl.probes.catalogue import PROBES

        return command_of(PROBES[name])

    def __iter__(self) -> Iterator[str]:
        from rnnctl.probes.catalogue import PROBES

        return iter(PROBES.names)

    def __len__(self) -> int:
        return len(list(iter(self)))


class Probes(TyperGroup):
    """The group of the probes. Hands a --workspace that stands before RUN on to the probe, whose own one wins."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast(Any, ProbeCommands())

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if (
            OPTION in args
        ):  # wherever it stands: the module of a probe is imported before the options of the probe are read
            args = [OPTION, *(arg for arg in args if arg != OPTION)]
        super().parse_args(ctx, args)
        if any(is_users(arg) for arg in args):  # the module of the probe is imported now, for its options
            from rnnctl.lab.usercode import code_of
            from rnnctl.lab.workspaces import root_of

            ctx.with_resource(code_of(root_of(ctx.params["workspace"])))
        if ctx.params["workspace"] is not None:
            ctx.args = ["--workspace", str(ctx.params["workspace"]), *ctx.args]
        return cast(list[str], ctx.args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if not is_users(name) and name not in (names := list(self.commands)):
            turned = ctx.params["what"] in names
            hint = "; the run comes first: rnnctl probe RUN PROBE" if turned else did_you_mean(name, names)
            raise UserError(f"there is no probe {name}; allowed: {', '.join(names)}{hint}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Probes,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    subcommand_metavar="PROBE [OPTIONS]",
)


@app.callback(invoke_without_command=True)
def probe(
    context: typer.Context,
    what: WhatArgument,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Ask trained networks a question, and keep the answers. How do they do at other lengths, how do they use their
    state, what do they write?

    The best weights of a run are asked, those of its lowest validation loss, unless --weights names others. Runs
    without such weights are left out.
    Answers are kept, and not computed again. `rnnctl probe RUN PROBE --help` shows what a probe can be asked. A probe
    of your own is named by its module and class, such as my_lab.probes:Norms.
    """
    if context.invoked_subcommand is None:
        raise UserError(f"name a probe: {', '.join(ProbeCommands())}")
    context.obj = what


# --- from a probe to its command -------------------------------------------------------------------------------------


def command_of(kind: type[Probe], with_what: bool = False) -> TyperCommand:
    """Return the command that asks a probe. with_what: whether it has the argument RUN|STUDY, and not its group."""

    def run(_context: typer.Context, weights: str, as_json: bool, workspace: Path | None, **values: Any) -> None:
        values.pop("allow_code", None)
        what, figures = values.pop("what", _context.obj), values.pop("figures", False)
        question = section_of(kind, values)
        from rnnctl.lab.probe import ask, draw

        with opened(workspace) as store:
            names = _names_of(weights)
            with _progress(as_json) as tell:
                answered = [ask(store, what, question, tell, name) for name in names]
            if as_json:
                records = [record for probed in answered for record in probed.records()]
                lone = len(names) == 1 and (kind.single or (kind.lone_object and answered[0].run is not None))
                out_json(records[0] if lone else records)
            for i, probed in enumerate(answered):
                if not as_json:
                    if len(names) > 1:
                        out(*([""] if i else []), f"{in_words(probed.weights)}:", "")
                    _print(probed)
                notes(probed.notes)
                if figures and not as_json and (path := draw(store, probed)) is not None:
                    out(f"figure: {path}")

    # No field has a name like `_context`.
    options: dict[str, tuple[Any, Any]] = {"_context": (typer.Context, inspect.Parameter.empty)}
    if with_what:
        options["what"] = (WhatArgument, inspect.Parameter.empty)
    options |= options_of(kind)
    options["weights"] = (WeightsOption, BEST)
    options["as_json"] = (JsonOption, False)
    if kind.figure is not None:
        help_ = "Draw the answers into the workspace's figures folder."
        options["figures"] = (Annotated[bool, typer.Option(help=help_)], True)
    if with_what:
        options["allow_code"] = (AllowCodeOption, False)
    options["workspace"] = (WorkspaceOption, None)
    return _command(name_of(kind), kind.about, run, options)


def _names_of(weights: str) -> list[str]:
    """Return the names of weights in a text, each once. Raise UserError before anything is computed."""
    try:
        return list(dict.fromkeys(weights_name(name.strip()) for name in weights.split(",")))
    except ValueError as error:
        raise UserError(f"--weights: {error}") from error


def name_of(kind: type[Probe]) -> str:
    """Return the name of a probe."""
    return str(kind.model_fields["name"].default)


def _command(name: str, about: str, run: Callable[..., None], options: Mapping[str, tuple[Any, Any]]) -> TyperCommand:
    """Return a command that calls `run`. options: (annotation, default) of each by name."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [inspect.Parameter(key, keyword, annotation=hint, default=default) for key, (hint, default) in options.items()]
    )
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {key: hint for key, (hint, _) in options.items()}
    run.__doc__ = about
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(name)(run)
    return in_plain_words(cast(TyperCommand, typer.main.get_command(single)))


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[str], None]]:
    """Yield a function that tells an answer as soon as it is there. Where a table of all follows, it does not stay."""
    if as_json or not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield say
        return
    from rnnctl.cli.screen import passing

    with passing() as tell:
        yield tell


# --- answers ---------------------------------------------------------------------------------------------------------


def _print(probed: Probed) -> None:
    blocks = probed.probe.tabulate(probed.runs)
    for i, block in enumerate(blocks):
        if i:
            out()
        if isinstance(block, str):
            out(*block.split("\n"), whole=True)  # what a network wrote keeps its spaces
        else:
            out(*table(block.heads, block.rows, drop=block.heads[:1:-1]), whole=True)
