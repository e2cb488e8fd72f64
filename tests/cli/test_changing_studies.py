"""Studies that change, as a user types it."""

import io
import json
import sys
import time

from rnnctl.cli import manage
from rnnctl.cli.output import confirmed
from store import Store, queries, queue, workers
from tests.cli.command_line import TINY, one_line, rnnctl, workspace


def edit(folder, before, after):
    study = folder / "study.yaml"
    study.write_text(study.read_text().replace(before, after))


def labels(folder, study=None, hidden=False):
    with Store.open(folder, readonly=True) as store:
        return [run.label for run in queries.runs_of(store, study, hidden=hidden)]


def test_an_edited_study_leaves_its_former_runs_in_the_workspace(tmp_path):
    folder = workspace(tmp_path / "w")
    edit(folder, "omega: [0, 1.0]", "omega: [1.0]")
    said = rnnctl("init", "study.yaml", cwd=folder, check=0).stderr
    assert "tiny: 0 new runs, 2 known" in said
    assert "tiny no longer names 2 runs, kept in the workspace (--all shows them):" in said
    assert "  omega=0.0 seed=1 (r1-" in said
    for command in ("status", "examine"):
        of_file, of_all = (
            json.loads(rnnctl(command, "--json", *extra, cwd=folder, check=0).stdout) for extra in ([], ["--all"])
        )
        if command == "status":
            assert (of_file["counts"]["queued"], of_all["counts"]["queued"]) == (2, 4)
        else:
            assert (len(of_file["runs"]), len(of_all["runs"])) == (2, 4)
    shown = rnnctl("show", "tiny/omega=0.0 seed=1", cwd=folder, check=0).stdout
    assert "the file of tiny no longer names this run" in shown


def test_replace_leaves_exactly_what_the_file_says(tmp_path):
    folder = workspace(tmp_path / "w")
    edit(folder, "omega: [0, 1.0]", "omega: [1.0]")
    one_line_of = rnnctl("init", "study.yaml", "--replace", cwd=folder, check=2).stderr.splitlines()[-1]
    assert "delete this for good? Say --yes where nobody can answer" in one_line_of
    assert len(labels(folder, hidden=True)) == 4
    said = rnnctl("init", "study.yaml", "--replace", "--yes", cwd=folder, check=0).stderr
    assert "2 runs deleted" in said
    assert labels(folder, hidden=True) == ["omega=1.0 seed=1", "omega=1.0 seed=2"]
    rnnctl("init", "study.yaml", "--seeds", "7", "--replace", "--yes", cwd=folder, check=0)
    assert labels(folder, hidden=True) == ["omega=1.0 seed=7"]


def test_delete_says_what_it_would_delete_and_deletes_it(tmp_path):
    folder = workspace(tmp_path / "w")
    planned = rnnctl("delete", "tiny", "--dry-run", cwd=folder, check=0).stdout
    assert "study tiny would be deleted" in planned
    assert "4 runs would be deleted, with 0 checks, 0 checkpoint files and 0 answers: 0 bytes of files" in planned
    assert len(labels(folder)) == 4
    assert "Say --yes" in rnnctl("delete", "tiny", cwd=folder, check=2).stderr
    done = rnnctl("delete", "omega=0.0 seed=1", "--yes", "--json", cwd=folder, check=0)
    assert [run["label"] for run in json.loads(done.stdout)["runs"]] == ["omega=0.0 seed=1"]
    one_line(rnnctl("delete", "tinny", "--yes", cwd=folder, check=3), "no study or run 'tinny'; did you mean tiny?")
    rnnctl("delete", "tiny", "--yes", cwd=folder, check=0)
    assert labels(folder, hidden=True) == []
    again = rnnctl("init", "study.yaml", cwd=folder, check=0).stderr
    assert "tiny: 4 new runs, 0 known" in again
    assert (folder / "study.yaml").read_text() == TINY


def test_archive_tag_and_note(tmp_path):
    folder = workspace(tmp_path / "w")
    assert "1 run got the tag good" in rnnctl("tag", "omega=0.0 seed=1", "good", cwd=folder, check=0).stderr
    assert "1 run lost the tag good" in rnnctl("tag", "tiny", "good", "--remove", cwd=folder, check=0).stderr
    rnnctl("note", "tiny", "made for a test", cwd=folder, check=0)
    rnnctl("note", "omega=0.0 seed=1", "odd", cwd=folder, check=0)
    assert "note: odd" in rnnctl("show", "omega=0.0 seed=1", cwd=folder, check=0).stdout
    assert "made for a test" in rnnctl("studies", "--here", cwd=folder, check=0).stdout
    one_line(rnnctl("note", "tiny", cwd=folder, check=2), "give the text of the note, or --remove")
    one_line(rnnctl("studies", "--all", cwd=folder, check=2), "add --here")
    assert "archived; --undo takes it out" in rnnctl("archive", "tiny", cwd=folder, check=0).stderr
    assert json.loads(rnnctl("studies", "--here", "--json", cwd=folder, check=0).stdout) == []
    assert "yes" in rnnctl("studies", "--here", "--all", cwd=folder, check=0).stdout
    rnnctl("archive", "tiny", "--undo", cwd=folder, check=0)
    assert "tiny" in rnnctl("status", cwd=folder, check=0).stdout


def test_merge_brings_in_another_workspace(tmp_path):
    here = workspace(tmp_path / "here")
    workspace(tmp_path / "there", TINY.replace("Four runs", "Six runs").replace("[1, 2]", "[1, 2, 3]"))
    one_line(rnnctl("merge", "../there", cwd=here, check=2), "tiny: registered here and in ../there", "--keep-texts")
    planned = rnnctl("merge", "../there", "--keep-texts", "--dry-run", cwd=here, check=0).stdout
    assert "would be merged: 0 new studies, 2 new runs, 0 further there, 4 kept" in planned
    merged = json.loads(rnnctl("merge", "../there", "--keep-texts", "--json", cwd=here, check=0).stdout)
    assert (len(merged["new"]), merged["kept"]) == (2, 4)
    assert (len(labels(here)), len(labels(here, hidden=True))) == (4, 6)
    rnnctl("merge", "../there", "--keep-texts", cwd=here, check=3)
    one_line(rnnctl("merge", "nowhere", cwd=here, check=3), "no workspace in")


def test_merge_of_a_study_with_other_seeds_gives_it_the_seeds_of_both(tmp_path):
    here = workspace(tmp_path / "here")
    workspace(tmp_path / "there", TINY.replace("[1, 2]", "[2, 3]"))
    done = rnnctl("merge", "../there", cwd=here, check=0)
    assert "2 new runs" in done.stdout
    assert "study tiny has the seeds of both workspaces" in done.stderr
    assert len(labels(here)) == 6


def test_set_lays_a_value_over_the_base(tmp_path):
    folder = workspace(tmp_path / "w")
    (planned,) = json.loads(rnnctl("plan", "study.yaml", "--set", "train.lr=0.1", "--json", cwd=folder, check=0).stdout)
    assert {run["spec"]["train"]["lr"] for run in planned["runs"]} == {0.1}
    said = rnnctl("init", "study.yaml", "--set", "train.lr=0.1", "--set", "model.hidden=13", cwd=folder, check=0).stderr
    assert "tiny: 4 new runs, 0 known" in said
    assert "tiny no longer names 4 runs" in said
    script = rnnctl("export", "--commands", "tiny", cwd=folder, check=0).stdout
    assert "base:  # with --set train.lr=0.1 --set model.hidden=13" in script
    wrong = rnnctl("init", "study.yaml", "--set", "train.lrr=1", cwd=folder, check=2)
    one_line(wrong, "--set train.lrr=1: there is no key lrr under train", "did you mean lr?")


def test_a_packaged_study_is_copied_and_never_over_a_file(tmp_path):
    done = rnnctl("studies", "--copy", "quickstart", cwd=tmp_path, check=0)
    assert done.stdout == "quickstart.yaml\n"
    assert "rnnctl init ./quickstart.yaml" in done.stderr
    assert "study: quickstart" in (tmp_path / "quickstart.yaml").read_text()
    one_line(rnnctl("studies", "--copy", "quickstart", cwd=tmp_path, check=2), "quickstart.yaml exists")
    rnnctl("studies", "mine.yaml", "--copy", "quickstart", cwd=tmp_path, check=0)
    assert (tmp_path / "mine.yaml").exists()
    one_line(rnnctl("studies", "--copy", "quikstart", cwd=tmp_path, check=3), "did you mean quickstart?")
    done = rnnctl("studies", "new/folder/", "--copy", "quickstart", cwd=tmp_path, check=0)
    assert done.stdout.strip() == "new/folder/quickstart.yaml"
    assert (tmp_path / "new" / "folder" / "quickstart.yaml").is_file()
    one_line(rnnctl("studies", "mine.yaml/", "--copy", "quickstart", cwd=tmp_path, check=1), "mine.yaml", "cannot be")
    one_line(rnnctl("studies", "mine.yaml", cwd=tmp_path, check=2), "a file is for --copy NAME")
    one_line(rnnctl("studies", "no/such/mine.yaml", "--copy", "quickstart", cwd=tmp_path, check=1), "cannot be written")


def test_what_is_not_there_is_told_in_one_line(tmp_path):
    folder = workspace(tmp_path / "w")
    one_line(rnnctl("note", "tiny", "--remove", cwd=folder, check=3), "tiny has no note")
    label = "omega=0.0 seed=1"
    one_line(rnnctl("note", label, "--remove", cwd=folder, check=3), f"tiny/{label} has no note")
    rnnctl("note", "tiny", "once", cwd=folder, check=0)
    one_line(rnnctl("note", "tiny", "--remove", cwd=folder, check=0), "tiny: note removed")
    one_line(rnnctl("note", "tiny", "text", "--remove", cwd=folder, check=2), "--remove takes no text")
    one_line(rnnctl("studies", "--copy", "nope", cwd=folder, check=3), "rnnctl studies lists all")
    one_line(rnnctl("delete", "nope", "--yes", cwd=folder, check=3), "`rnnctl runs` shows what there is")
    one_line(rnnctl("archive", "nope", cwd=folder, check=3), "`rnnctl studies --here` shows what there is")
    one_line(rnnctl("examine", "--where", "note=x", cwd=folder, check=3), "note is (none)")
    tag = rnnctl("tag", "tiny", "a b " * 120, cwd=folder, check=2)
    one_line(tag, "cannot be a tag")
    assert len(tag.stderr) < 200


def test_a_run_that_is_not_trained_is_told_why(tmp_path):
    folder = workspace(tmp_path / "w")
    edit(folder, "seeds: [1, 2]", "seeds: [1]")
    rnnctl("init", "study.yaml", cwd=folder, check=0)
    left = rnnctl("train", "omega=0.0 seed=2", cwd=folder, check=3)
    one_line(left, "omega=0.0 seed=2 is not trained: the file of tiny no longer names it")
    rnnctl("archive", "tiny", cwd=folder, check=0)
    archived = rnnctl("train", "omega=0.0 seed=1", cwd=folder, check=3)
    one_line(
        archived, "omega=0.0 seed=1 is not trained: the study is archived; rnnctl archive tiny --undo takes it out"
    )


def test_an_answer_that_is_neither_yes_nor_no_is_asked_for_again(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("maybe\nYES\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert confirmed("delete this for good?")
    said = capsys.readouterr().err
    assert "please answer y or n" in said
    assert "Error" not in said
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert not confirmed("delete this for good?")


def test_a_key_is_set_once(tmp_path):
    folder = workspace(tmp_path / "w")
    twice = rnnctl("plan", "study.yaml", "--set", "train.lr=0.1", "--set", "train.lr=0.2", cwd=folder, check=2)
    one_line(twice, "--set train.lr=0.2: train.lr is set twice, also by --set train.lr=0.1")


def text_and_labels(folder):
    with Store.open(folder, readonly=True) as store:
        return queries.studies(store)[0].source, [
            (run.label, run.named, run.status) for run in queries.runs_of(store, hidden=True)
        ]


def test_a_refused_replacement_changes_nothing(tmp_path, monkeypatch):
    folder = workspace(tmp_path / "w")
    edit(folder, "omega: [0, 1.0]", "omega: [1.0, 2.0]")
    before = text_and_labels(folder)
    refused = rnnctl("init", "study.yaml", "--replace", cwd=folder, check=2)
    assert "Say --yes where nobody can answer" in refused.stderr
    assert text_and_labels(folder) == before
    monkeypatch.setattr(manage, "confirmed", lambda question: False)
    refused = rnnctl("init", "study.yaml", "--replace", cwd=folder, check=3)
    assert refused.stderr.endswith("rnnctl: nothing registered and nothing deleted\n")
    assert text_and_labels(folder) == before
    with Store.open(folder) as store:
        workers.start(store, workers.WorkerRecord("w", "host", "boot", 1, 0.5, "cpu"), {"bits": {}}, 1.0)
        queue.claim(store, "w", time.time(), 600.0, lambda shape: 1, 1, 1)
    before = text_and_labels(folder)
    one_line(rnnctl("init", "study.yaml", "--replace", "--yes", cwd=folder, check=1), "1 run being trained")
    assert text_and_labels(folder) == before


def test_a_replacement_says_of_each_run_one_thing(tmp_path, monkeypatch):
    folder = workspace(tmp_path / "w")
    edit(folder, "omega: [0, 1.0]", "omega: [1.0, 2.0]")
    monkeypatch.setattr(manage, "confirmed", lambda question: True)
    said = rnnctl("init", "study.yaml", "--replace", cwd=folder, check=0).stderr
    assert "2 runs to be deleted" in said
    assert "2 runs deleted" in said
    assert "no longer names" not in said
    assert len(labels(folder, hidden=True)) == 4


def test_archived_studies_are_not_taken_for_none(tmp_path):
    folder = workspace(tmp_path / "w")
    rnnctl("archive", "tiny", cwd=folder, check=0)
    why = "1 study is archived; --all shows it, rnnctl archive tiny --undo takes it out"
    assert rnnctl("status", cwd=folder, check=0).stdout == f"{why}\n"
    one_line(rnnctl("examine", cwd=folder, check=3), why)
    assert why in rnnctl("studies", "--here", cwd=folder, check=0).stderr
    one_line(rnnctl("train", cwd=folder, check=3), f"nothing to do: {why.replace('--all', 'rnnctl status --all')}")
    edit(folder, "seeds: [1, 2]", "seeds: [1, 2, 3]")
    said = rnnctl("init", "study.yaml", cwd=folder, check=0).stderr
    assert "tiny is in the archive and not trained" in said
    assert "next: rnnctl train" not in said
