"""One side of the pairs by an arm of the study, and pairs at the end of conversations."""

import json

import pytest
from support.evaluation_bench import commit_adapter
from support.preference_models import save_llama_reward, save_responder
from support.training_models import save_student

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.rows import read_pairs
from synthetic_instruction_tuner.models.engines import close_engine
from synthetic_instruction_tuner.preference import pairing, voices
from synthetic_instruction_tuner.preference.run import (
    build_pairs,
    draw_responses,
    finish_responses,
    missing_spans,
    score_rewards,
)
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Example, PreferencePair, read_lines, write_lines
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import students
from synthetic_instruction_tuner.training.early import require_rows

TURNS = (
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Inn."},
    {"role": "user", "content": "And where does it end?"},
    {"role": "assistant", "content": "In Passau."},
)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    yield {
        "student": save_student(root / "student"),
        "responder": save_responder(root / "responder"),
        "reward": save_llama_reward(root / "reward"),
    }
    students.release()
    close_engine()


@pytest.fixture
def study(models, tmp_path):
    tiny = {"name": str(models["responder"]), "dtype": "float32", "family": "sandbox"}
    sampling = {"temperature": 1.0, "max_new_tokens": 400}  # random weights end by chance
    values = {
        "generation": {"teacher": tiny, "draws": 6, "max_draws": 6},
        "filtering": {"target": 1, "decontaminate": False},
        "preference": {
            "responders": [
                {"name": "own", "arm": "sft", "sampling": sampling},
                {"name": "cool", "model": tiny, "sampling": sampling | {"temperature": 0.7}},
                {"name": "warm", "model": tiny, "sampling": sampling},
            ],
            "one_side": "own",
            "reward": {"name": str(models["reward"]), "dtype": "float32"},
            "min_margin": 0.0,
            "chunk_size": 4,
        },
        "training": {
            "student": {"name": str(models["student"]), "dtype": "float32"},
            "arms": [
                {"name": "sft", "method": "lora", "rank": 2, "alpha": 4},
                {"name": "dpo", "method": "dpo", "start_from": "sft"},
            ],
        },
    }
    made = Study(StudyConfig.model_validate(values), tmp_path / "workspace")
    examples = [
        Example(f"e{n}", f"How much is {n} plus 1?", "2", "sums", 1.0, f"c{n}", split)
        for n, split in enumerate(["train", "train", "validation", "train", "train"])
    ]
    talk = Example("e5", "Name a river.", "The Inn.", "talk", 1.0, "c5", "validation", "", TURNS)
    with made.store.writing(made.filtered) as folder:
        write_lines(folder / "examples.jsonl", [*examples, talk])
        made.store.commit(made.filtered, {}, 0.0)
    return made


def drawn(study, name):
    for span in missing_spans(study, name):
        draw_responses(study, name, *span, Silent())
    return finish_responses(study, name)


def test_an_arm_that_is_not_trained_cannot_answer(study):
    with pytest.raises(StageError, match="run the training stage first"):
        draw_responses(study, "own", 0, 3, Silent())


def test_the_arm_reads_the_prompts_that_it_was_trained_on(study):
    commit_adapter(study, "sft", seed=3)
    with voices.speaking(study, study.config.preference.responders[0]) as voice:
        wanted = voice.engine.tokenizer.apply_chat_template(
            list(TURNS[:3]), add_generation_prompt=True, return_dict=False
        )
        assert voice.chat.response_prompt(TURNS[:3]) == wanted
        trained = voice.fingerprint
    other = Study(study.config.model_copy(update={"seeds": (7,)}), study.root)
    commit_adapter(other, "sft", seed=4)
    with voices.speaking(other, study.config.preference.responders[0]) as voice:
        assert voice.fingerprint != trained


def test_every_pair_has_a_side_of_the_arm_and_a_conversation_keeps_its_turns(study, monkeypatch):
    # random weights write control tokens, which trained ones do not
    monkeypatch.setattr(pairing.role_leak, "spelled", lambda text, tokens: None)
    commit_adapter(study, "sft", seed=3)
    rows = {name: drawn(study, name) for name in ("own", "cool", "warm")}
    last = [
        json.loads(one.path("responses.jsonl").read_text().splitlines()[5]) for one in rows.values()
    ]
    assert [one["instruction"] for one in last] == ["And where does it end?"] * 3
    assert [one["messages"] for one in last] == [list(TURNS[:3])] * 3
    score_rewards(study, Silent())
    assert students._Loaded.student is None  # one model in memory at a time
    made = build_pairs(study)
    pairs = list(read_lines(made.path("pairs.jsonl"), PreferencePair))
    rejected = made.path("rejected.jsonl").read_text().splitlines()
    assert len(pairs) + len(rejected) == 6
    assert pairs
    assert all("own" in (one.chosen_responder, one.rejected_responder) for one in pairs)
    assert "adapted by arm sft" in made.path("README.md").read_text()
    for pair, read in zip(pairs, read_pairs(made.path("pairs.jsonl")), strict=True):
        assert read.prompt == (pair.messages or ({"role": "user", "content": pair.prompt},))


@pytest.mark.parametrize("length", [8, 512])
def test_rows_that_no_arm_could_learn_from_are_told_before_answers_are_drawn(study, length):
    short = study.config.training.model_copy(update={"max_length": length})
    changed = Study(study.config.model_copy(update={"training": short}), study.root)
    path = changed.store.require(changed.filtered).path("examples.jsonl")
    if length == 512:
        require_rows(changed, "sft", path)
        return
    with pytest.raises(
        StageError, match=r"no row left in the .* longer than training.max_length=8"
    ):
        require_rows(changed, "sft", path)
