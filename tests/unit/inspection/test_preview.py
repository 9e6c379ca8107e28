"""What a run would do, before it does: what stays, what is made again, and what that costs."""

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.inspection import preview as previews
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS
from synthetic_instruction_tuner.inspection.planning.row import Row
from synthetic_instruction_tuner.inspection.preview import cost, preview
from synthetic_instruction_tuner.study.graph import Study
from tuner.previewed import lines


def study_in(root, *changes):
    return Study(presets.load("sandbox-smoke", list(changes)), root)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A workspace with an empty folder for every artifact, committed under its identity."""
    root = tmp_path_factory.mktemp("finished")
    study = study_in(root)
    for artifact in study.artifacts():
        with study.store.writing(artifact) as staging:
            (staging / "content.txt").write_text(artifact.name)
        study.store.commit(artifact, {}, 0.0)
    return root


def made(root, *changes):
    found = preview(study_in(root, *changes))
    assert not any(one.new for one in found)
    return {one.stage: set(one.again) for one in found if one.again}


def test_nothing_is_there_at_first(tmp_path):
    stages = {one.stage: one for one in preview(study_in(tmp_path))}
    assert stages["generation"].samples == 60
    assert stages["training"].new == ("sft", "prompt_tuning", "dpo")
    assert all(not one.stays and not one.again for one in stages.values())


def test_a_finished_study_stays_as_it_is(finished):
    assert made(finished) == {}
    assert sum(one.samples for one in preview(study_in(finished))) == 0


@pytest.mark.parametrize("change", ["virtual_tokens=8", "learning_rate=0.01", "epochs=2"])
def test_a_setting_of_one_arm_makes_the_results_of_that_arm_alone(finished, change):
    again = made(finished, f"training.arms.prompt_tuning.{change}")
    assert again["training"] == {"prompt_tuning"}
    assert {name.split("/")[0] for name in again["evaluation"]} == {"prompt_tuning"}
    assert set(again) == {"training", "evaluation", "report"}


def test_a_soft_prompt_that_takes_room_of_all_changes_what_all_read(finished):
    again = made(finished, "training.arms.prompt_tuning.virtual_tokens=33")
    assert again["training"] == {"prompt_tuning"}
    assert {name.split("/")[0] for name in again["evaluation"]} >= {"base", "sft", "dpo"}


def test_what_starts_from_an_arm_is_made_again_with_it(finished):
    again = made(finished, "training.arms.sft.rank=4")
    assert again["training"] == {"sft", "dpo"}
    assert "base/mmlu-0shot" not in again["evaluation"]


def test_the_cost_is_that_of_what_is_made(finished, monkeypatch):
    def rows(config, gpu):
        parts = [("generation", "teacher"), ("training", "sft"), ("training", "dpo")]
        return [Row(*part, 1, 1, 3600.0, 0, True, "", 1, 0, {}, 7200.0) for part in parts]

    monkeypatch.setattr(previews, "plan", rows)
    study = study_in(finished, "training.arms.dpo.beta=0.5")
    assert cost(study, preview(study)) == (GPUS[next(iter(GPUS))], 1.0, 2.0)


def test_a_stage_is_told_in_a_line_each_for_what_is_made_and_kept(finished):
    found = preview(study_in(finished, "training.arms.dpo.beta=0.5"))
    training = next(one for one in found if one.stage == "training")
    assert lines(training) == [
        "  training    makes again 1: dpo",
        "              keeps 2: sft, prompt_tuning",
    ]
