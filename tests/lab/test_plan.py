"""Plans, packaged studies and descriptions of texts."""

import pytest

from rnnctl.devices import gpu_kernel_compiler
from rnnctl.lab.corpus import describe
from rnnctl.lab.errors import LabError
from rnnctl.lab.plan import plan
from rnnctl.lab.records import plain
from rnnctl.lab.studies import packaged
from rnnctl.report.cost import kept_bytes
from rnnctl.study.errors import SpecError
from rnnctl.study.packaged import packaged_studies
from tests.cards import RTX, pretend
from tests.lab.studies import STUDY


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "tiny.yaml"
    file.write_text(STUDY + "refine: {best: 50%, variants: {longer: {train.updates: 500}}}\n")
    return file


def test_a_plan_tells_runs_and_costs(file):
    (tiny,) = plan([file], seeds=[1, 2, 3])
    assert (len(tiny.runs), tiny.configurations, tiny.pack_keys, tiny.updates) == (6, 2, 1, 720)
    assert tiny.core_seconds_at_most > 0
    assert tiny.bytes_at_most == sum(kept_bytes(run.spec) for run in tiny.runs) > 6 * 20_000
    assert tiny.varied == ["train.omega", "seed"]
    assert (tiny.refine.cut, tiny.refine.by) == ("best 50%", "loss")
    record = plain(tiny)
    assert record["runs"][0]["spec"]["train"]["updates"] == 120
    assert record["refine"]["variants"] == {"longer": "train.updates=500"}
    assert "pack_keys" not in record


def test_a_plan_for_a_card_tells_time_memory_and_packs(file, monkeypatch):
    pretend(monkeypatch)
    (tiny,) = plan([file], seeds=[1, 2, 3], device="cuda")
    on_card = tiny.on_card
    (packs,) = on_card.by_pack_key
    assert (packs.runs, packs.packs, packs.runs_in_a_pack) == (6, 1, 6)
    assert packs.runs_that_fit * packs.run_bytes < on_card.card.free_bytes
    assert on_card.seconds_at_most == packs.seconds_at_most > 0
    if gpu_kernel_compiler() is None:
        assert (packs.launches_of_update, packs.why) == (None, "Triton is not installed")
    record = plain(tiny)["on_card"]
    assert record["card"]["name"] == "RTX 3090"
    assert record["by_pack_key"][0]["run_bytes"] == packs.run_bytes


FLAGS = """\
study: flags
base: {task: temporal_order, model: {name: gated, hidden: 8}}
grid: {model.input_gate: [false, true], model.residual: [false, true], model.layers: [1, 2]}
"""


@pytest.mark.skipif(gpu_kernel_compiler() is None, reason="Triton is not installed")
def test_gated_runs_whose_flags_differ_are_planned_in_one_pack(tmp_path, monkeypatch):
    pretend(monkeypatch)
    (tmp_path / "flags.yaml").write_text(FLAGS)
    (flags,) = plan([tmp_path / "flags.yaml"], device="cuda")
    assert flags.pack_keys == 8
    packs = flags.on_card.by_pack_key
    assert [(each.runs, each.packs, each.runs_in_a_pack) for each in packs] == [(4, 1, 4)] * 2
    by_torch = plan([tmp_path / "flags.yaml"], device="cuda", settings=["train.accumulate=2"])[0].on_card
    assert [each.runs for each in by_torch.by_pack_key] == [1] * 8
    assert {each.why for each in by_torch.by_pack_key} == {
        "there are no GPU kernels for them, and torch trains them several times slower"
    }


def test_a_run_that_does_not_fit_has_no_time(file, monkeypatch):
    pretend(monkeypatch, RTX, free=100)
    (tiny,) = plan([file], device="cuda")
    (packs,) = tiny.on_card.by_pack_key
    assert (packs.runs_that_fit, packs.seconds_at_most, tiny.on_card.seconds_at_most) == (0, None, None)
    assert "does not fit" in packs.why


@pytest.mark.parametrize(("device", "room"), [(None, "this machine has 1 GiB"), ("cuda", "RTX 3090 has 24 GiB")])
def test_a_study_that_no_memory_can_hold_is_refused_at_its_place(file, monkeypatch, device, room):
    monkeypatch.setattr("rnnctl.host.total_bytes", lambda: 2**30)
    file.write_text(STUDY + "cases: {small: {}, large: {check.samples: 1000000000000}}\n")
    pretend(monkeypatch)
    line = r"tiny.yaml:[0-9]+: cases.large.check.samples: check.samples 1,000,000,000,000 makes a run take about .* TiB"
    with pytest.raises(SpecError, match=rf"{line} of memory, and {room}$"):
        plan([file], device=device)
    file.write_text(file.read_text() + "exclude: [{check.samples: 1000000000000}]\n")
    assert len(plan([file], device=device)[0].runs) > 0


def test_a_plan_for_the_cpu_has_no_card_and_an_absent_card_is_an_error(file, monkeypatch):
    assert plan([file], device="cpu")[0].on_card is None
    pretend(monkeypatch, RTX)
    with pytest.raises(LabError, match="there is no cuda:7"):
        plan([file], device="cuda:7")


def test_a_wrong_study_has_no_plan(file):
    file.write_text(STUDY.replace("lr: 0.05", "lr: fast"))
    with pytest.raises(SpecError, match="train.lr"):
        plan([file])


def test_packaged_studies_have_runs():
    studies = {study.study: study for study in packaged()}
    assert studies["quickstart"].runs == 6
    assert list(studies) == list(packaged_studies())
    assert all(study.about and study.runs for study in studies.values())


def test_a_text_is_described(tmp_path):
    (tmp_path / "text").write_text("abracadabra " * 100)
    facts = describe(str(tmp_path / "text"), "chars", fractions=(0.5, 0.25, 0.25))
    assert (facts.corpus, facts.bytes, facts.symbols) == ("text", 1200, 6)
    assert [split.length for split in facts.splits.values()] == [600, 300, 300]
    assert facts.splits["test"].bigram.nats < facts.splits["test"].unigram.nats
    assert set(plain(facts)["splits"]["test"]["bigram"]) == {"nats", "nats_se", "bits_per_byte", "error"}


def test_a_text_that_cannot_be_read_is_an_error(tmp_path):
    with pytest.raises(LabError, match=r"nothing\\nhere: no such file or folder"):
        describe(str(tmp_path / "nothing\nhere"))
    (tmp_path / "text").write_text("abracadabra " * 100)
    with pytest.raises(LabError, match="did you mean chars"):
        describe(str(tmp_path / "text"), "char")
