"""Our scores are lm-evaluation-harness' own scores, for the base and every kind of adapter."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from lm_eval.api.instance import Instance
from lm_eval.tasks import TaskManager
from support import evaluation_bench as bench
from support import plain_lm_eval as plain

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.evaluation import generation, run
from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.evaluation.kinds import lm_eval as kind
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import ItemScore, read_lines
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key
from synthetic_instruction_tuner.training import students

ARMS = (*bench.ARMS, {"name": "dpo", "method": "dpo", "start_from": "sft"})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("scores")
    student, data = bench.make_student(root / "m"), bench.write_data(root / "d")
    made = bench.make_study(root / "ws", student, data, ARMS)
    run.prepare_items(made, Silent())
    return made


@pytest.fixture(scope="module")
def plain_tasks(study: Study) -> TaskManager:
    return plain.index(Path(study.config.evaluation.data_dir or ""), study.root.parent / "tasks")


@pytest.mark.parametrize("name", ["base", "sft", "prompt_tuning", "dpo"])
def test_scores_equal_plain_lm_eval(study: Study, plain_tasks: TaskManager, name: str) -> None:
    ours = plain.assert_equal_scores(study, name, plain_tasks)
    assert set(ours) == set(plain.PLAIN)
    assert all(one["measurements"]["agreement"]["used"] == "fast" for one in ours.values())


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_scores_of_every_arm_of_the_embedded_study_equal_plain_lm_eval(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    command = ("-m", "tuner.main", "run", "sandbox", "--until", "training", "--workspace", root)
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    study = Study(presets.load("sandbox"), root)
    rows = study.store.require(study.items).folder / "rows"
    tasks = plain.index(rows, tmp_path / "tasks")
    for subject in study.subjects:
        ours = plain.assert_equal_scores(study, subject.name, tasks)
        assert ours


@pytest.mark.parametrize("name", ["base", "sft", "prompt_tuning"])
def test_written_answers_equal_plain_lm_eval_to_the_last_space(study: Study, name: str) -> None:
    # White space at the ends counts: a stop string may be just that.
    texts = [f"Question: What is {n}?\nAnswer:" for n in ("one", "two", "three")] + ["x\n\n", "Hi"]
    arguments = {"until": [], "max_gen_toks": 12, "do_sample": False}
    with students.under_test(study, study.subject(name)) as student:
        ours = generation.continue_texts(student, texts, 12, 512, 4)
        lm = harness.wrap(student, 1, 512)
        wanted = [Instance("generate_until", {}, (one, arguments), 0) for one in texts]
        expected = lm.generate_until(wanted, disable_tqdm=True)
    assert [one.text for one in ours] == expected
    assert any(one != one.strip() for one in expected)


def test_a_stop_string_at_the_beginning_leaves_nothing() -> None:
    assert kind._cut("\n\nParis. Rome", {"until": ["\n\n"]}) == ""
    assert kind._cut(" Paris. Rome, Bern", {"until": [".", ","]}) == " Paris"


def test_one_base_serves_all_models_and_all_terms_are_equal(study: Study) -> None:
    before = students.loads()
    conditions, prompts = {}, {}
    for subject in study.subjects:
        for one in study.config.evaluation.benchmarks:
            found = run.evaluate(study, subject, one, Silent())
            result = json.loads(found.path("result.json").read_text())
            items = list(read_lines(found.path("items.jsonl"), ItemScore))
            conditions.setdefault(benchmark_key(one), []).append(result["conditions"])
            shown = [(item.id, item.prompt_hash, item.target_hash) for item in items]
            prompts.setdefault(benchmark_key(one), []).append(shown)
    assert students.loads() - before <= 1
    for found in (*conditions.values(), *prompts.values()):
        assert all(one == found[0] for one in found)


def test_items_carry_subject_prompt_response_and_scores(study: Study) -> None:
    one = study.config.evaluation.benchmarks[0]
    found = run.evaluate(study, study.subject("base"), one, Silent())
    items = list(read_lines(found.path("items.jsonl"), ItemScore))
    assert {item.cluster for item in items} == {"mmlu_anatomy", "mmlu_astronomy"}
    assert items[0].detail["question"].startswith("Which is number 0 of anatomy?\nA. one anatomy")
    assert items[0].detail["target"] == "A"
    best = max(range(4), key=lambda i: items[0].detail["loglikelihoods"][i])
    assert items[0].detail["response"] == "ABCD"[best]
    assert items[0].scores["acc"] == float(best == 0)


def test_chance_follows_from_the_items(study: Study) -> None:
    results = {}
    for one in study.config.evaluation.benchmarks:
        found = run.evaluate(study, study.subject("base"), one, Silent())
        results[benchmark_key(one)] = json.loads(found.path("result.json").read_text())["chance"]
    assert results["mmlu-0shot"] == 0.25
    assert results["arc_easy"] == pytest.approx((1 / 3 + 1 / 4) / 2)  # 3 and 4 choices, half each
    # Wrong choices: 2, 3, 4, 2, 3 beside one right (mc1) or two right (mc2).
    assert results["truthfulqa_mc1"] == pytest.approx((1 / 3 + 1 / 4 + 1 / 5 + 1 / 3 + 1 / 4) / 5)
    assert results["truthfulqa_mc2"] == pytest.approx((2 / 4 + 2 / 5 + 2 / 6 + 2 / 4 + 2 / 5) / 5)


def scored(study: Study, key: str, subject: str = "base") -> tuple[dict, list[ItemScore]]:
    one = next(b for b in study.config.evaluation.benchmarks if benchmark_key(b) == key)
    found = run.evaluate(study, study.subject(subject), one, Silent())
    result = json.loads(found.path("result.json").read_text())
    return result, list(read_lines(found.path("items.jsonl"), ItemScore))


@pytest.mark.parametrize(
    ("key", "metric"), [("hellaswag", "acc_norm"), ("mmlu_cloze", "acc_norm"), ("arc_easy", "acc")]
)
def test_the_logged_answer_is_the_one_that_was_scored(study: Study, key: str, metric: str) -> None:
    result, items = scored(study, key)
    assert result["metric"] == metric
    for item in items:
        right = item.detail["response"] == item.detail["target"]
        assert item.scores[metric] == float(right), item.detail


def test_constant_answers_are_scored_by_the_task_itself(study: Study) -> None:
    # Answers of both subjects: 0, 1, 2, 3, 0, 1, so A and B are right 4 times of 12.
    letters = scored(study, "mmlu-0shot")[0]["measurements"]["constants"]
    assert letters == pytest.approx(
        {"always A": 1 / 3, "always B": 1 / 3, "always C": 1 / 6, "always D": 1 / 6}
    )
    result, items = scored(study, "hellaswag")
    longest = [max(item.detail["choices"], key=len) == item.detail["target"] for item in items]
    constants = result["measurements"]["constants"]
    assert constants.pop("the longest choice") == sum(longest) / len(items)
    del constants["the shortest choice"]
    assert constants == {"always runs.": 0.3, "always flies home.": 0.2}  # labels 0 1 2 3 0 1 ...


def test_letters_and_texts_are_ranked_on_the_same_rows(study: Study) -> None:
    questions = [
        {item.detail["question"].split("\n")[0].removeprefix("Question: ") for item in items}
        for _, items in (scored(study, "mmlu-0shot"), scored(study, "mmlu_cloze"))
    ]
    assert questions[0] == questions[1]
