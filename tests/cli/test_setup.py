"""`init`, `studies` and `plan`, used rightly and wrongly."""

import json

from tests.cli.command_line import (
    TINY,
    counts,
    one_line,
    rnnctl,
    workspace,
)


def test_init_registers_once(tmp_path):
    folder = workspace(tmp_path / "w")
    again = rnnctl("init", "study.yaml", cwd=folder, check=0)
    assert "tiny: 0 new runs, 4 known" in again.stderr
    (folder / "study.yaml").write_text(TINY.replace("seeds: [1, 2]", "seeds: [1, 2, 3]"))
    more = rnnctl("init", "study.yaml", cwd=folder, check=0)
    assert "tiny: 2 new runs, 4 known" in more.stderr
    assert counts(folder)["queued"] == 6


def test_two_studies_share_a_run(tmp_path):
    folder = workspace(tmp_path / "w")
    (folder / "other.yaml").write_text(
        TINY.replace("study: tiny", "study: other").replace("seeds: [1, 2]", "seeds: [2, 3]")
    )
    done = rnnctl("init", "other.yaml", cwd=folder, check=0)
    assert "other: 2 new runs, 0 known, 2 shared with other studies" in done.stderr
    assert counts(folder)["queued"] == 6


def test_a_wrong_file_among_several_registers_nothing(tmp_path):
    (tmp_path / "good.yaml").write_text(TINY)
    (tmp_path / "bad.yaml").write_text(TINY.replace("hidden: 12", "hiden: 12"))
    done = rnnctl("init", "good.yaml", "bad.yaml", cwd=tmp_path, check=2)
    one_line(done, "bad.yaml:5", "hiden", "did you mean hidden?")
    assert not (tmp_path / "rnnctl.db").exists()


def test_init_without_a_study_registers_the_quickstart(tmp_path):
    done = rnnctl("init", cwd=tmp_path, check=0)
    assert "quickstart: 6 new runs" in done.stderr


def test_other_seeds_add_replicates_and_stay_with_the_study(tmp_path):
    folder = workspace(tmp_path / "w")
    assert counts(folder)["queued"] == 4
    planned = json.loads(rnnctl("plan", "study.yaml", "--seeds", "2,3,5", "--json", cwd=folder, check=0).stdout)
    assert len(planned[0]["runs"]) == 6
    done = rnnctl("init", "study.yaml", "--seeds", "2,3,5", cwd=folder, check=0)
    assert "tiny: 4 new runs, 2 known" in done.stderr
    assert counts(folder)["queued"] == 8
    script = rnnctl("export", "--commands", "tiny", cwd=folder, check=0).stdout
    assert "seeds: [1, 2, 3, 5]" in script + "".join(path.read_text() for path in folder.glob("exports/**/*.yaml"))
    for wrong in ("2,x", "-1", "", "1.5"):
        done = rnnctl("init", "study.yaml", f"--seeds={wrong}", cwd=folder, check=2)
        one_line(done, f"--seeds {wrong}: whole numbers from 0")
    assert counts(folder)["queued"] == 8


def test_packaged_studies_are_listed_and_can_be_planned(tmp_path, few_studies):
    listed = json.loads(rnnctl("studies", "--json", cwd=tmp_path, check=0).stdout)
    assert [study["study"] for study in listed] == few_studies
    planned = json.loads(rnnctl("plan", *few_studies, "--json", cwd=tmp_path, check=0).stdout)
    assert [(plan["study"], len(plan["runs"])) for plan in planned] == [(s["study"], s["runs"]) for s in listed]
    text = rnnctl("plan", *few_studies, cwd=tmp_path, check=0).stdout
    assert all(f"{name}: " in text for name in few_studies)
    assert not (tmp_path / "rnnctl.db").exists(), "plan registers nothing"


def test_plan_shows_how_many_runs_and_what_differs(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY)
    shown = rnnctl("plan", "study.yaml", "--rows", 3, cwd=tmp_path, check=0).stdout
    assert "4 runs of 2 configurations, 1 pack key, 480 updates" in shown
    assert "train.omega" in shown
    assert "1 more run" in shown


def test_plan_of_a_study_that_says_nothing_of_itself_starts_with_its_name(tmp_path):
    (tmp_path / "study.yaml").write_text(TINY)
    about = "about: Four runs that a test can wait for.\n"
    assert about in TINY
    (tmp_path / "silent.yaml").write_text(TINY.replace(about, ""))
    first_lines = [
        rnnctl("plan", name, cwd=tmp_path, check=0).stdout.splitlines()[0] for name in ("study.yaml", "silent.yaml")
    ]
    assert first_lines == ["tiny: Four runs that a test can wait for.", "tiny"]


def test_an_unknown_study_name_is_told_with_the_nearest(tmp_path):
    one_line(rnnctl("init", "quickstrt", cwd=tmp_path, check=2), "quickstrt", "did you mean quickstart?")


def test_a_plan_for_a_card_says_which_card_it_assumes(tmp_path):
    done = rnnctl("plan", "quickstart", "--device", "cuda", cwd=tmp_path, check=0, CUDA_VISIBLE_DEVICES="")
    assert "on RTX 3090: roughly " in done.stdout
    assert "an estimate that tells minutes from hours" in done.stdout
    assert "launches an update: " in done.stdout
    assert "on RTX 3090" not in rnnctl("plan", "quickstart", "--device", "cpu", cwd=tmp_path, check=0).stdout
    one_line(rnnctl("plan", "quickstart", "--device", "cuda:0,cuda:1", cwd=tmp_path, check=2), "--device", "2 cards")
