"""`init`, `studies` and `plan`: what is to be run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.manage import agreed_to_delete, delete_and_tell
from rnnctl.cli.options import (
    AllOption,
    AllowCodeOption,
    JsonOption,
    SeedsOption,
    SetOption,
    WorkspaceOption,
    YesOption,
    device_option,
    opened,
    parsed_seeds,
    path_text,
)
from rnnctl.cli.output import NOTHING, UserError, out, out_json, say, warnings
from rnnctl.words import counted, duration, size

if TYPE_CHECKING:
    from rnnctl.lab.delete import Chosen
    from rnnctl.lab.plan import Plan, PlanOnCard
    from rnnctl.lab.register import RegisteredStudy, Registration
    from rnnctl.lab.trajectories import Extensions
    from store import Store

MOST_UNNAMED = 20  # runs that init lists

StudyNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="STUDY", help="Study files, or names of packaged studies.", show_default=False),
]


def init(
    studies: StudyNames = None,
    seeds: SeedsOption = None,
    settings: SetOption = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Delete the runs that the studies no longer name, as rnnctl delete does. Asks before it registers. "
            "With --seeds, only these seeds stay.",
        ),
    ] = False,
    yes: YesOption = False,
    allow_code: AllowCodeOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Register studies in the workspace here. Make it first if there is none.

    Without a study, register `quickstart`. Runs that are registered already stay as they are; new --seeds add
    replicates. If one of several files is wrong, nothing is registered. In a folder that lies in a workspace, say with
    --workspace which one is meant.

    A study that is registered already takes the new text. Runs that it no longer names are listed. They stay in the
    workspace, but are neither trained nor shown under the study; --all of other commands shows them.
    """
    from rnnctl.lab.register import QUICKSTART, register

    registration = register(
        workspace,
        studies or [QUICKSTART],
        parsed_seeds(seeds),
        replace=replace,
        before_replacing=lambda store, leaving: _agree(store, leaving, yes),
        settings=settings or [],
    )
    say(f"workspace {registration.workspace}")
    warnings(registration.warnings)
    for study in registration.studies:
        warnings(study.warnings)
        shared = f", {study.shared} shared with other studies" if study.shared else ""
        again = f", {study.named_again} named again" if study.named_again else ""
        say(f"{study.study}: {counted(study.new, 'new run')}, {study.known:,} known{again}{shared}")
        if not replace:
            _tell_unnamed(study)
        if study.extensions.runs:
            say(f"{study.study}: {_going_on(study.extensions)}")
    if any(study.new and not study.archived for study in registration.studies):
        say("next: rnnctl train --workers 2")
    if replace:
        _delete_unnamed(registration)


def _going_on(extensions: Extensions) -> str:
    return (
        f"{counted(extensions.runs, 'run')} can go on from others: "
        f"up to {extensions.done:,} of {extensions.updates:,} updates are done already"
    )


def _agree(store: Store, leaving: Chosen, yes: bool) -> None:
    """Ask whether these runs may be deleted. Raise UserError if not, and LabError if one of them is being trained."""
    from rnnctl.lab.delete import planned

    if not yes and not agreed_to_delete(store, leaving):
        raise UserError("nothing registered and nothing deleted", NOTHING)
    planned(store, leaving)  # a worker may have taken one of the runs since the question


def _delete_unnamed(registration: Registration) -> None:
    """Delete the runs that the studies no longer name, also since earlier, if there are any."""
    from rnnctl.lab.delete import unnamed

    with opened(registration.workspace) as store:
        chosen = unnamed(store, [study.study for study in registration.studies])
        if chosen.members:
            delete_and_tell(store, chosen)


def _tell_unnamed(study: RegisteredStudy) -> None:
    """Say which runs a study no longer names."""
    if not study.unnamed:
        return
    say(
        f"{study.study} no longer names {counted(len(study.unnamed), 'run')}, kept in the workspace (--all shows them):"
    )
    for run in study.unnamed[:MOST_UNNAMED]:
        say(f"  {run.label} ({run.run_id})")
    if len(study.unnamed) > MOST_UNNAMED:
        say(f"  and {len(study.unnamed) - MOST_UNNAMED:,} more")


def studies(
    file: Annotated[
        str | None,
        typer.Argument(
            callback=path_text,
            metavar="FILE|DIR/",
            help="With --copy: the new file, or the folder of NAME.yaml. Default: NAME.yaml here.",
            show_default=False,
        ),
    ] = None,
    copy: Annotated[
        str | None,
        typer.Option(
            "--copy", metavar="NAME", help="Copy a study that comes with rnnctl, to be edited.", show_default=False
        ),
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="List the studies of the workspace instead.")] = False,
    hidden: AllOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """List the studies that come with rnnctl, or those that are registered here, with their notes.

    --copy NAME writes one of them into a file, which must not exist.
    """
    if copy is not None and (here or hidden or as_json):
        raise UserError("--copy writes a file: --here, --all and --json do not apply")
    if copy is None and file is not None:
        raise UserError("a file is for --copy NAME")
    if copy is not None:
        from rnnctl.lab.studies import copied

        path = copied(copy, file)
        out(str(path), whole=True)
        say(f"next: edit it, with another name after study:, and rnnctl init {quote(_as_file(path))}")
        return
    if here:
        _print_registered(workspace, hidden, as_json)
        return
    if hidden:
        raise UserError("--all applies to the studies of a workspace: add --here")
    from rnnctl.lab.studies import packaged

    listed = packaged()
    if as_json:
        out_json(listed)
        return
    cells = [
        [study.study, "-" if study.runs is None else study.runs, " ".join(study.about.split())] for study in listed
    ]
    out(*table(["study", "runs", "about"], cells), whole=True)


def _as_file(path: Path) -> str:
    """Return a path as init takes it for a file: a name without a folder could be that of a packaged study."""
    return str(path) if path.is_absolute() or path.parent != Path() else f"./{path}"


def _print_registered(workspace: Path | None, hidden: bool, as_json: bool) -> None:
    from rnnctl.lab.studies import registered
    from rnnctl.lab.workspaces import archived_studies, in_archive

    with opened(workspace, readonly=True) as store:
        listed = registered(store, hidden)
        archived = [] if listed else archived_studies(store)
    if as_json:
        out_json(listed)
        return
    if archived:
        say(in_archive(archived))
    columns = ["study", "runs", *(["no longer named", "archived"] if hidden else []), "note"]
    cells = [
        [
            study.study,
            study.runs,
            *([study.unnamed, "no" if study.archived is None else "yes"] if hidden else []),
            study.note,
        ]
        for study in listed
    ]
    out(*table(columns, cells), whole=True)


def plan(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY", help="Study files, or names of packaged studies.")],
    seeds: SeedsOption = None,
    settings: SetOption = None,
    device: Annotated[
        str | None,
        device_option(
            "Also estimate the costs on a GPU: cuda (the first one), or a card such as cuda:1. Where there is none, an "
            "RTX 3090 is assumed."
        ),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=0, help="Number of runs to show; 0 for all.")] = 20,
    allow_code: AllowCodeOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Show what a study would register, and roughly its cost. Registers nothing.

    In a workspace, also show how many runs can go on from runs there that differ from them only in when they end.
    """
    from rnnctl.lab import plan as lab

    plans = lab.plan(studies, parsed_seeds(seeds), device, settings or [], workspace or Path.cwd())
    if as_json:
        out_json(plans)
        return
    for each in plans:
        _print_plan(each, rows)


def _print_plan(plan: Plan, rows: int) -> None:
    from rnnctl.study.labels import text

    about = " ".join(plan.about.split())
    out(f"{plan.study}: {about}" if about else plan.study)
    out(
        f"{counted(len(plan.runs), 'run')} of {counted(plan.configurations, 'configuration')}, "
        f"{counted(plan.pack_keys, 'pack key')}, {plan.updates:,} updates, "
        f"roughly {duration(plan.core_seconds_at_most)} on one core and {size(plan.bytes_at_most)} on the disk if none "
        "ends early"
    )
    if plan.extensions.runs:
        out(_going_on(plan.extensions))
    if plan.on_card is not None:
        _print_plan_on_card(plan.on_card)
    if plan.refine is not None:
        out(f"rnnctl refine makes of its {plan.refine.cut} by {plan.refine.by}: {', '.join(plan.refine.variants)}")
    if plan.questions:
        out(f"{counted(plan.questions, 'question')}: rnnctl answers {plan.study} answers them when runs have finished")
    warnings(plan.warnings)
    shown = plan.runs[:rows] if rows else plan.runs
    counts = {run.parameter_count for run in plan.runs}
    sized = len(counts) > 1
    if not sized and None not in counts:
        out(f"{counts.pop():,} parameters each" if len(plan.runs) > 1 else f"{counts.pop():,} parameters")
    cells = [
        [
            run.label,
            run.run,
            *(["-" if run.parameter_count is None else f"{run.parameter_count:,}"] if sized else []),
            *(text(run.differences[key]) if key in run.differences else "-" for key in plan.varied),
        ]
        for run in shown
    ]
    heads = ["label", "run", *(["parameters"] if sized else [])]
    out(*table([*heads, *plan.varied], cells, drop=plan.varied[::-1]), whole=True)
    if len(shown) < len(plan.runs):
        out(f"... and {counted(len(plan.runs) - len(shown), 'more run')} (--rows 0 shows all)")


def _print_plan_on_card(plan: PlanOnCard) -> None:
    card, packs = plan.card, plan.by_pack_key
    seconds = plan.seconds_at_most
    guess = "time unknown" if seconds is None else f"roughly {duration(seconds)} if none ends early"
    runs = counted(max(each.runs_in_a_pack for each in packs), "run")
    out(
        f"on {card.name}: {guess} (an estimate that tells minutes from hours), "
        f"in {counted(sum(each.packs for each in packs), 'pack')} of up to {runs}, {plan.packs_at_once} at once"
    )
    launches = [each.launches_of_update for each in packs if each.launches_of_update is not None]
    out(
        f"  a run takes {_range([each.run_bytes / 2**20 for each in packs], '.1f')} MiB of its memory, "
        f"{_range([each.runs_that_fit for each in packs], ',')} fit; "
        f"launches an update: {_range(launches, 'd') if launches else 'unknown'}"
    )
    out(
        f"  numbers used for the card: {card.teraflops:g} TFLOP/s in float32, {card.gigabytes_per_second:,g} GB/s "
        f"({card.figures}), {card.free_bytes / 2**30:.1f} GiB free"
    )
    for why in dict.fromkeys(each.why for each in packs if each.why is not None):
        concerned = sum(each.runs for each in packs if each.why == why)
        out(f"  {counted(concerned, 'run')}: {why}")


def _range(values: Sequence[float], form: str) -> str:
    """Return a number, or the least and the greatest of several, in a format."""
    ends = dict.fromkeys(format(end, form) for end in (min(values), max(values)))
    return " to ".join(ends)
