"""Gated runs of different flags in one pack with GPU kernels, interpreted: each run is as if it were alone, and as the
CPU has it.
"""

from __future__ import annotations

from rnnctl.study.pack_key import PackKey
from rnnctl.study.run import RunSpec
from rnnctl.training.loop import make_pack
from tests.pretended.combinations import a_text
from tests.pretended.device import pretended_device
from tests.training.close import assert_close
from tests.training.memory import Memory, train
from tests.training.same_bits import assert_same

# What a layer has: little, all, and other gates than by default. There are few, as a program of a kernel takes
# milliseconds here.
FLAGS = {
    "least": {"state_gate": False, "forget_gate": False, "residual": False},
    "all": dict.fromkeys(("input_gate", "state_gate", "forget_gate", "output_gate", "old_state"), True),
    "old": {"old_state": True, "new_state": False, "forget_gate": False, "output_gate": True},
}


def runs(place: str) -> dict[str, RunSpec]:
    """Runs on a text, a byte an update, of two updates."""
    train = {"updates": 2, "batch": 2, "bptt": 1, "optimizer": "adam", "lr": 0.01, "dtype": "float64"}
    plain = {
        "task": {"name": "text", "corpus": place, "window": 2},
        "check": {"every": 2, "samples": 2, "chunk": 2, "diagnostic_batch": 2},
        "stop": {"solved": "never"},
    }
    frozen = {"old": "W_C1"}
    return {
        name: RunSpec.model_validate(
            {
                **plain,
                "model": {"name": "gated", "hidden": 3, "layers": 2, **flags},
                "train": {**train, "freeze": frozen.get(name, "none")},
                "seed": seed,
            }
        ).identified()
        for seed, (name, flags) in enumerate(FLAGS.items())
    }


def test_runs_of_a_mixed_pack_go_on_in_another_one_and_on_the_cpu_as_if_they_were_alone(tmp_path, monkeypatch):
    place, *_ = a_text(tmp_path, monkeypatch)
    specs, mixed, packs = runs(place), Memory(), []
    assert len({PackKey.of(spec) for spec in specs.values()}) == len(specs)

    def factory(members, weights, device):
        packs.append([member.run_id for member in members])
        return make_pack(members, weights, device)

    with pretended_device() as device:
        mixed.drain_after = len(specs)  # an update of each
        train(specs, mixed, device.name, factory)
        assert {mixed.state(name)["step"] for name in specs} == {1}
        mixed.drain_after = None
        train({name: specs[name] for name in ("old", "all")}, mixed, device.name, factory)
        assert packs == [["least", "all", "old"], ["old", "all"]]
        launches = device.take().launches
        assert launches["layers_backward"] == 4  # of two updates and two diagnoses: all runs share each
        assert_same(train({"old": specs["old"]}, device=device.name), mixed, "old")
    train({"least": specs["least"]}, mixed)
    on_cpu = Memory()
    for name, spec in specs.items():
        train({name: spec}, on_cpu)
    for name, spec in specs.items():
        assert_close(mixed, on_cpu, name, spec)
