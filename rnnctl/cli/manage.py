"""`retry`, `cancel`, `delete`, `merge`, `doctor` and `backup`: keeping a workspace in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rnnctl.cli.layout import table
from rnnctl.cli.options import JsonOption, WorkspaceOption, YesOption, a_path, opened
from rnnctl.cli.output import FAILURE, NOTHING, UserError, confirmed, notes, out, out_json, say
from rnnctl.words import counted, size

if TYPE_CHECKING:
    from rnnctl.lab.delete import Chosen, Deletion
    from rnnctl.lab.maintain import Diagnosis
    from store import Store

MOST_RUNS = 20  # that delete names

Runs = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN", help="Run ids or their beginnings, labels, or STUDY/LABEL.", show_default=False),
]
StudyOption = Annotated[
    str | None, typer.Option("--study", metavar="STUDY", help="All runs of a study.", show_default=False)
]


def retry(
    runs: Runs = None,
    study: StudyOption = None,
    failed: Annotated[bool, typer.Option("--failed", help="All runs that failed or were quarantined.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Put failed, quarantined or cancelled runs back into the queue.

    They go on from their last checkpoint.
    """
    from rnnctl.lab import maintain

    chosen = bool(runs) or study is not None
    if chosen == failed:
        raise UserError("name the runs to retry, or a --study, or say --failed")
    with opened(workspace, runs=runs or [] if study is None else []) as store:
        done = maintain.retry(store, None if failed else maintain.chosen(store, runs or [], study))
    say(f"{counted(len(done), 'run')} back in the queue; next: rnnctl train")


def cancel(
    runs: Runs = None, study: StudyOption = None, yes: YesOption = False, workspace: WorkspaceOption = None
) -> None:
    """Take runs out of the queue. Running ones stop at the next beat of their worker. Their results are kept."""
    from rnnctl.lab import maintain

    if not runs and study is None:
        raise UserError("name the runs to cancel, or a --study")
    with opened(workspace, runs=runs or [] if study is None else []) as store:
        ids = maintain.chosen(store, runs or [], study)
        if not yes and not confirmed(f"cancel {counted(len(ids), 'run')}?"):
            raise UserError("nothing cancelled", NOTHING)
        done = maintain.cancel(store, ids)
    say(f"{counted(len(done), 'run')} cancelled; rnnctl retry puts them back")


def delete(
    names: Annotated[list[str], typer.Argument(metavar="STUDY|RUN", help="Studies with all their runs, or runs.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be deleted. Delete nothing.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Delete studies or runs for good, with all that was trained of them. Asks first.

    A run goes with its attempts, checks, checkpoints, answers, tags and note, unless another study names it: then it
    only leaves the study. Runs that are being trained are refused. No other command deletes results, but for
    `rnnctl init --replace`. A run that a study file names is new when the file is registered again.
    """
    from rnnctl.lab import delete as lab

    with opened(workspace) as store:
        chosen = lab.chosen(store, names)
        if dry_run:
            planned = lab.planned(store, chosen)
            if as_json:
                out_json(planned)
            else:
                out(*_of_deletion(planned, "would be deleted"))
            return
        if not yes and not agreed_to_delete(store, chosen):
            raise UserError("nothing deleted", NOTHING)
        deleted = delete_and_tell(store, chosen)
    if as_json:
        out_json(deleted)


def agreed_to_delete(store: Store, chosen: Chosen) -> bool:
    """Show what is to be deleted, and return whether the user agrees."""
    from rnnctl.lab.delete import planned

    for line in _of_deletion(planned(store, chosen), "to be deleted"):
        say(line)
    return confirmed("delete this for good?")


def delete_and_tell(store: Store, chosen: Chosen) -> Deletion:
    """Delete studies and runs, say what was deleted, and return it."""
    from rnnctl.lab import delete as lab

    deleted = lab.delete(store, chosen)
    for line in _of_deletion(deleted, "deleted"):
        say(line)
    return deleted


def _of_deletion(deletion: Deletion, verb: str) -> list[str]:
    """Return what is deleted, in lines."""
    lines = [f"study {study} {verb}" for study in deletion.studies]
    lines += [f"run {run.study}/{run.label} ({run.run_id}) {verb}" for run in deletion.runs[:MOST_RUNS]]
    if len(deletion.runs) > MOST_RUNS:
        lines.append(f"... and {counted(len(deletion.runs) - MOST_RUNS, 'more run')}")
    lines += [f"run {run.study}/{run.label} ({run.run_id}) leaves the study only" for run in deletion.kept[:MOST_RUNS]]
    if len(deletion.kept) > MOST_RUNS:
        lines.append(f"... and {counted(len(deletion.kept) - MOST_RUNS, 'more run')}; other studies name them")
    lines.append(
        f"{counted(len(deletion.runs), 'run')} {verb}, with {counted(deletion.checks, 'check')}, "
        f"{counted(deletion.files, 'checkpoint file')} and {counted(deletion.answers, 'answer')}: "
        f"{size(deletion.file_bytes)} of files, {size(deletion.database_bytes)} in the database"
    )
    return lines


def merge(
    other: Annotated[Path, typer.Argument(metavar="DIR", help="The other workspace. It is only read.")],
    keep_texts: Annotated[
        bool,
        typer.Option(
            "--keep-texts",
            help="A study that has another text there keeps the text that it has here. Runs that only the other text "
            "names are then runs that the study no longer names.",
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be merged. Merge nothing.")] = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Bring the studies and runs of another workspace into this one, with all that was trained.

    The other database is checked whole first. What is named alike is alike: of a run that both have, the state that is
    further is kept, done before not done, then the one with more updates. A run whose newest checkpoint is damaged
    there does not come if updates would be lost. A study whose texts differ only in `seeds` has the seeds of both
    afterwards. Tags and notes are added to those of here.
    """
    from rnnctl.lab import merge as lab

    with opened(workspace) as store:
        merged = lab.merge(store, other, keep_texts=keep_texts, dry_run=dry_run)
    notes(merged.notes)
    if as_json:
        out_json(merged)
    else:
        runs = f"{counted(len(merged.new), 'new run')}, {len(merged.replaced):,} further there, {merged.kept:,} kept"
        studies = f"{counted(len(merged.studies), 'new study')}"
        would = "would be merged: " if dry_run else ""
        out(f"{would}{studies}, {runs}; checkpoint files: {size(merged.file_bytes)}")
    if merged.empty:
        raise typer.Exit(NOTHING)


def doctor(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Set what is damaged in the database aside, and move orphans into set-aside/. Asks before either.",
        ),
    ] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Check database, checkpoints, file system and versions. The exit status is 1 if something is wrong.

    Orphans are checkpoint files that the database does not name. A workspace of an older version of rnnctl is upgraded
    first, as by every command that writes.
    """
    from rnnctl.lab import maintain

    with opened(workspace, unchecked=True) as store:
        diagnosis = maintain.diagnose(store)
        if as_json:
            out_json(diagnosis)
        else:
            _print(diagnosis)
        question = "set aside what is damaged in the database, and what depends on it?"
        if repair and diagnosis.damaged and (yes or confirmed(question)):
            for line in maintain.repair(store):
                say(line)
            say("what was set aside is in the table set_aside of the database")
            diagnosis = maintain.diagnose(store)
            for finding in diagnosis.wrong:
                say(f"still wrong: {finding.kind} {finding.subject}: {finding.text}")
        strays = diagnosis.orphans
        if repair and strays and (yes or confirmed(f"move {counted(len(strays), 'file')} into set-aside?")):
            aside = maintain.set_orphans_aside(store)
            say(f"{counted(len(aside.files), 'file')} moved into {aside.folder}; delete it if no database misses them")
    if diagnosis.wrong:
        raise typer.Exit(FAILURE)


def _print(diagnosis: Diagnosis) -> None:
    _, _, *facts = table(["", ""], list(diagnosis.facts.items()))  # without heads
    out(*facts, whole=True)
    for finding in diagnosis.wrong:
        out(f"wrong: {finding.kind} {finding.subject}: {finding.text}")
    for path in diagnosis.orphans:
        out(f"orphan: {path}", whole=True)
    if diagnosis.orphans:
        out("a lost or restored database leaves orphans, and so do killed attempts; doctor --repair sets them aside")
    if diagnosis.unknown:
        unknown = counted(diagnosis.unknown, "orphan")
        out(f"{unknown} of runs unknown to this database: these checkpoints may belong to another one")
    if not diagnosis.wrong:
        out("database and checkpoints are whole")


def backup(
    destination: Annotated[Path, typer.Argument(parser=a_path, metavar="DIR", help="A new folder for the copy.")],
    checkpoints: Annotated[bool, typer.Option(help="Copy the checkpoints as well.")] = True,
    workspace: WorkspaceOption = None,
) -> None:
    """Copy the workspace and verify the copy. Training can go on meanwhile.

    The copy also has a folder `studies` with the texts of the registered studies, a file each. Corpora and files of
    initial weights are not copied: their places are named.

    A checkpoint that is damaged or missing does not stop the backup. It is named, and the exit status is 1.
    """
    from rnnctl.lab import maintain

    with opened(workspace) as store:
        made = maintain.backup(store, destination, checkpoints=checkpoints)
    say(f"{made.folder}: database and {counted(made.checkpoints, 'checkpoint')}, verified")
    if made.studies:
        say(f"{counted(len(made.studies), 'study file')} in {made.studies[0].parent}")
    for place in made.places:
        say(f"not copied: {place}")
    for finding in made.damaged:
        say(f"damaged: {finding.subject}: {finding.text}")
    for path in made.replaced:
        say(f"missing: {path}: replaced by a newer one while the copy was made")
    if made.damaged:
        say(
            f"the backup is complete except for {counted(len(made.damaged), 'damaged checkpoint')}; "
            "rnnctl doctor shows whether the workspace has the same damage"
        )
    if made.replaced:
        say(f"the backup lacks {counted(len(made.replaced), 'checkpoint')}; make another while no run is trained")
    say(f"to restore it when no run is trained: {made.restore}")
    if made.damaged or made.replaced:
        raise typer.Exit(FAILURE)
