"""Tags, notes and the archive, by the names that people give."""

import pytest

from rnnctl.lab.annotate import LONGEST_NOTE, archive, note, tag
from rnnctl.lab.errors import Code, LabError
from rnnctl.lab.examine import examine
from rnnctl.lab.records import plain
from rnnctl.lab.register import register
from rnnctl.lab.show import show
from rnnctl.lab.status import status
from rnnctl.lab.studies import registered
from rnnctl.lab.workspaces import selected
from tests.lab.trained import finish


def test_tags_select_runs(store):
    assert tag(store, "omega=0.0 seed=1", "7").changed == 1
    assert tag(store, "tiny", "good").changed == 4
    assert tag(store, "tiny", "good").changed == 0
    assert [row.label for row in selected(store, where=["tag=7"])] == ["omega=0.0 seed=1"]
    assert len(selected(store, where=["tag=good", "seed=2"])) == 2
    assert show(store, "omega=0.0 seed=1").tags == ("7", "good")
    assert tag(store, "omega=0.0 seed=1", "7", remove=True).changed == 1
    with pytest.raises(LabError, match="no run matches"):
        selected(store, where=["tag=7"])
    with pytest.raises(LabError, match="has no tag 'god'; did you mean good?") as error:
        tag(store, "tiny", "god", remove=True)
    assert error.value.code is Code.NOTHING
    with pytest.raises(LabError, match="'two words' cannot be a tag; allowed: letters, digits"):
        tag(store, "tiny", "two words")


def test_notes_are_shown_with_their_runs_and_studies(store):
    assert note(store, "tiny", " why it was made\n") == "tiny"
    assert note(store, "omega=0.0 seed=1", "odd") == "tiny/omega=0.0 seed=1"
    tag(store, "omega=0.0 seed=1", "good")
    assert registered(store)[0].note == "why it was made"
    assert show(store, "omega=0.0 seed=1").note == "odd"
    finish(store, {row.label: 0.5 for row in selected(store)})
    record = plain(examine(store, "tiny"))
    assert record["notes"] == {"tiny": "why it was made"}
    assert {(run["label"], run["note"], run["tags"]) for run in record["runs"] if run["note"]} == {
        ("omega=0.0 seed=1", "odd", "good")
    }
    note(store, "tiny", "")
    assert plain(examine(store, "tiny"))["notes"] == {}
    with pytest.raises(LabError, match="a note has at most 10,000 characters, not 10,001"):
        note(store, "tiny", "x" * (LONGEST_NOTE + 1))


def test_an_archived_study_is_listed_where_it_is_named(store):
    assert archive(store, ["tiny"]) == ["tiny"]
    assert registered(store) == []
    assert [study.study for study in registered(store, hidden=True)] == ["tiny"]
    assert status(store, 0.0).studies == {}
    assert len(selected(store, "tiny")) == len(selected(store, hidden=True)) == 4
    with pytest.raises(LabError, match="1 study is archived; --all shows it, rnnctl archive tiny --undo"):
        selected(store)
    with pytest.raises(LabError, match="tiny: archived already") as error:
        archive(store, ["tiny"])
    assert error.value.code is Code.NOTHING
    with pytest.raises(LabError, match="there is no study 'tinny'; did you mean tiny?"):
        archive(store, ["tinny"])
    (warning,) = register(store.workspace.root, [store.workspace.root / "tiny.yaml"]).warnings
    assert warning == "tiny is in the archive and not trained; rnnctl archive tiny --undo takes it out"
    assert archive(store, ["tiny"], undo=True) == ["tiny"]
    with pytest.raises(LabError, match="tiny: not archived"):
        archive(store, ["tiny"], undo=True)
