"""The plan of a study, computed from shapes alone."""

from dataclasses import replace

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS
from synthetic_instruction_tuner.inspection.planning.measuring import unplanned
from synthetic_instruction_tuner.inspection.planning.plan import plan
from synthetic_instruction_tuner.inspection.planning.row import Row


def test_the_study_fits_the_t4_it_was_made_for() -> None:
    rows = plan(presets.load("colab-t4"), GPUS["T4"])
    assert {row.stage for row in rows} == {"generation", "preference", "training", "evaluation"}
    assert all(row.fits and row.gpu_bytes < 15e9 and row.host_bytes < 12.7e9 for row in rows)
    assert all(sum(row.parts.values()) == row.gpu_bytes for row in rows)
    billions = 8.03 + 1.24 + 7.25 + 3.09 + 0.44 + 3.21  # teacher, responders, reward, student
    assert sum(row.disk_bytes for row in rows) == pytest.approx(2e9 * billions, rel=0.05)  # 16 bits
    sft = next(row for row in rows if row.subject == "sft")
    assert (sft.parameters, sft.trained) == (3_224_906_752, 12_156_928)


def test_the_a100_study_fits_an_a100() -> None:
    assert all(row.fits for row in plan(presets.load("a100"), GPUS["A100"]))


def test_the_small_real_study_is_planned_without_the_hub():
    rows = plan(presets.load("smollm2"), GPUS["T4"])
    assert all(row.fits for row in rows)
    trained = {row.subject: row.trained for row in rows}
    # by hand: queries and output 576 x 576, keys and values 576 x 192, three of 576 x 1536
    layer = 2 * (576 + 576) + 2 * (576 + 192) + 3 * (576 + 1536)
    assert trained["sft"] == 30 * 8 * layer
    assert trained["prompt_tuning"] == 20 * 576


def test_what_does_not_fit_says_what_would() -> None:
    config = presets.load("a100", ["training.student.name=meta-llama/Llama-3.1-8B"])
    training = config.training.model_copy(update={"arms": config.training.arms[:1]})
    rows = plan(config.model_copy(update={"training": training}), GPUS["T4"])
    advice = {row.stage: row.advice for row in rows if not row.fits}
    assert advice == {
        "generation": "set quantization=nf4 and generation.batch_size=1",
        "training": "set training.student.quantization=nf4",
        "evaluation": "no setting makes it fit; take a smaller model or a larger GPU",
    }


def test_advice_that_is_followed_makes_it_fit() -> None:
    settings = ["training.gradient_checkpointing=false", "training.max_length=8192"]
    config = presets.load("colab-t4", settings)
    training = config.training.model_copy(update={"arms": config.training.arms[:1]})
    config = config.model_copy(update={"training": training})
    row = next(one for one in plan(config, GPUS["T4"]) if one.stage == "training")
    assert not row.fits
    assert row.advice == "set training.gradient_checkpointing=null"
    followed = training.model_copy(update={"gradient_checkpointing": None})
    rows = plan(config.model_copy(update={"training": followed}), GPUS["T4"])
    assert next(one for one in rows if one.stage == "training").fits


def test_a_machine_with_too_little_main_memory_is_said() -> None:
    small = replace(GPUS["T4"], host=4.5e9)
    rows = plan(presets.load("colab-t4"), small)
    assert {row.advice for row in rows} == {"needs a machine with more memory than T4's"}


def test_gpus_are_in_order_of_memory_so_that_the_smallest_that_fits_comes_first() -> None:
    memory = [gpu.memory for gpu in GPUS.values()]
    assert memory == sorted(memory)


def test_hours_are_a_range_from_the_best_to_a_slow_run() -> None:
    """8,030 M weights in 4 bits: written out and read again a step, 0.13 s a step at least."""
    rows = plan(presets.load("colab-t4"), GPUS["T4"])
    assert all(0 < row.seconds <= row.slow_seconds for row in rows)
    teacher, sft = (next(one for one in rows if one.subject == name) for name in ("teacher", "sft"))
    longest = 512 + 1024
    steps = 0.4 * longest * 15  # 1,500 draws, 100 or 32 side by side
    assert teacher.slow_seconds > steps * 4 * 8.03e9 / (320e9 * 0.5)
    assert sft.slow_seconds == pytest.approx(sft.seconds * 0.34 / 0.09)


def test_what_nearly_fills_the_memory_is_recomputed() -> None:
    """14.0 of 15 GiB would fit by the plan's own word, and not by a percent more."""
    row = row_of("colab-t4", "T4", "prompt_tuning")
    assert row.advice == "micro-batch 4, activations recomputed"
    assert row.gpu_bytes < 0.85 * GPUS["T4"].usable


def row_of(preset: str, gpu: str, subject: str, *assignments: str) -> Row:
    rows = plan(presets.load(preset, list(assignments)), GPUS[gpu])
    return next(one for one in rows if one.subject == subject)


def test_the_reward_model_reads_every_response_once() -> None:
    """1,000 instructions of 60 tokens, three responses of 0.4 x 512, 304 M weights that work."""
    specified = "preference.reward.name=OpenAssistant/reward-model-deberta-v3-large-v2"
    row = row_of("colab-t4", "T4", "reward model", specified)
    assert row.parameters == 435_062_785  # of them 128,100 x 1,024 the table of tokens
    tokens = 1000 * 3 * (60 + 0.4 * 512)
    working = 435_062_785 - 128_100 * 1024
    assert row.seconds == pytest.approx(tokens * 2 * working / (8.1e12 * 0.34))
    assert row.parts["weights"] == 4 * 435_062_785


def test_a_reward_model_that_writes_is_planned_with_its_logits() -> None:
    model = "preference.reward.name=meta-llama/Llama-3.2-1B-Instruct"
    way = "preference.reward_format=likelihood"
    size = "preference.reward_batch_tokens=16384"
    row = row_of("colab-t4", "T4", "reward model", model, way, size)
    assert row.parameters == 1_235_814_400
    assert row.parts["activations"] > 16384 * 128_256 * 8
    assert row.advice == "set preference.reward_batch_tokens=8192"


def test_written_answers_take_a_step_a_token_of_a_batch() -> None:
    """240 instructions and twice 250 tasks, 0.4 x 512 tokens each, 32 at once, 30 ms a step."""
    row = row_of("colab-t4", "T4", "5 models: answers")
    timing = (2 + 7) * 2 * 32  # warm-ups and repeats, for one answer and for eight
    steps = (240 + 2 * 250) * 0.4 * 512 / 32 + timing
    assert row.seconds == pytest.approx(5 * steps * 0.03)


def test_the_base_in_its_prompts_is_planned_too() -> None:
    """Instructions in two further prompts, tasks in one; 100 items of each in every prompt."""
    row = row_of("colab-t4", "T4", "base in 3 prompts")
    answers = 2 * 240 + 3 * 100 + 2 * (250 + 2 * 100)
    assert row.seconds == pytest.approx(answers * 0.4 * 512 / 32 * 0.03)


def test_what_is_left_out_of_the_hours_is_named() -> None:
    benchmark = "evaluation.benchmarks=[{name: mmlu}, {name: agent}, {name: gsm8k}]"
    config = presets.load("colab-t4", [benchmark])
    assert unplanned(config) == ["gsm8k", "loading and downloads"]


@pytest.mark.parametrize(
    ("start", "trained"),
    [
        ({"method": "prompt_tuning"}, 61_440),
        ({"method": "full"}, 12_156_928),
    ],
)
def test_an_arm_that_goes_on_trains_the_adapter_it_goes_on_with(start: dict, trained: int) -> None:
    arms = [start | {"name": "a"}, {"method": "dpo", "name": "b", "start_from": "a"}]
    config = presets.load("a100")
    training = config.training.model_validate({"arms": arms})
    rows = plan(config.model_copy(update={"training": training}), GPUS["H200"])
    assert next(row for row in rows if row.subject == "b").trained == trained
