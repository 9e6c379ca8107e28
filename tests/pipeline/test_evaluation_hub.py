"""Rows from the Hub, and lm-eval tasks by any name; a stand-in plays the Hub."""

import functools
import json
from pathlib import Path
from typing import Any

import lm_eval
import lm_eval.tasks
import pytest
from lm_eval.api.group import Group
from support import evaluation_bench as bench
from support import plain_lm_eval as plain

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import items, run
from synthetic_instruction_tuner.evaluation.harness import harness, hub
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import ItemScore, read_lines
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import students

WORDS = bench.NUMBERS


def winogrande(n: int) -> dict:
    one, other = WORDS[n % 10], WORDS[(n + 1) % 10]
    sentence = f"{one} gave {other} the book because _ was kind"
    return {"sentence": sentence, "option1": one, "option2": other, "answer": str(n % 2 + 1)}


def openbookqa(n: int) -> dict:
    texts = [WORDS[(n + place) % 10] for place in range(4)]
    choices = {"text": texts, "label": list("ABCD")}
    return {"question_stem": f"What is {texts[0]}?", "choices": choices, "answerKey": "ABCD"[n % 4]}


def swag(n: int) -> dict:
    ends = {f"ending{place}": f"goes {WORDS[(n + place) % 10]} home" for place in range(4)}
    return {"startphrase": f"She counts {WORDS[n % 10]} and", "label": n % 4, **ends}


def triviaqa(n: int) -> dict:
    return {"question": f"What is {WORDS[n % 10]}", "answer": {"aliases": [WORDS[n % 10]]}}


def lambada(n: int) -> dict:
    return {"text": f"I can count {WORDS[n % 10]} and then {WORDS[(n + 1) % 10]}"}


def cola(n: int) -> dict:
    return {"sentence": f"He {WORDS[n % 10]} goes", "label": n % 2}


ROWS = {
    "allenai/winogrande": winogrande,
    "allenai/openbookqa": openbookqa,
    "allenai/swag": swag,
    "mandarjoshi/trivia_qa": triviaqa,
    "EleutherAI/lambada_openai": lambada,
    "nyu-mll/glue": cola,
    "cais/mmlu": lambda n: bench.mmlu(("anatomy", "astronomy")[n % 2], n),
    "Rowan/hellaswag": bench.hellaswag,
}
"""Data set on the Hub, and a row of it."""


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hub with different rows in every split."""
    import datasets

    def load(path: str, name: str | None = None, split: str | None = None, **_: Any) -> Any:
        places = {"train": range(100, 108), "validation": range(20, 27), "test": range(6)}
        places["dev"] = range(200, 210)
        found = {
            part: datasets.Dataset.from_list([ROWS[path](n) for n in numbers])
            for part, numbers in places.items()
        }
        return found[split] if split else datasets.DatasetDict(found)

    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.setattr(hub, "require_online", lambda what: None)


def index(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Let lm-eval know the stock tasks of one folder: reading all of them takes long."""
    own = functools.partial(
        lm_eval.tasks.TaskManager, include_path=str(plain.STOCK / folder), include_defaults=False
    )
    monkeypatch.setattr(lm_eval.tasks, "TaskManager", own)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bench.make_student(tmp_path_factory.mktemp("student") / "m")


def make(root: Path, student: Path, **benchmark: object) -> Study:
    return bench.make_study(
        root / "ws", student, root, bench.ARMS[:2], benchmarks=[benchmark], chat_template="never"
    )


@pytest.mark.parametrize(
    ("name", "folder", "shots", "metric"),
    [
        ("winogrande", "winogrande", 2, "acc"),  # examples of the training split
        ("openbookqa", "openbookqa", None, "acc"),
        ("swag", "swag", None, "acc"),
        ("lambada_openai", "lambada", None, "acc"),  # its first metric, perplexity, is no mean
        ("triviaqa", "triviaqa", None, "exact_match,remove_whitespace"),
    ],
)
def test_any_task_scores_what_plain_lm_eval_scores(
    tmp_path: Path,
    student: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    folder: str,
    shots: int | None,
    metric: str,
) -> None:
    index(monkeypatch, folder)
    study = make(tmp_path, student, name=name, num_fewshot=shots)
    run.prepare_items(study, Silent())
    subject = study.subject("sft")
    found = run.evaluate(study, subject, study.config.evaluation.benchmarks[0], Silent())
    ours = json.loads(found.path("result.json").read_text())
    assert (ours["metric"], ours["higher_is_better"]) == (metric, True)
    logged = list(read_lines(found.path("items.jsonl"), ItemScore))
    assert ours["scores"][metric] == sum(one.scores[metric] for one in logged) / len(logged)
    monkeypatch.setattr(lm_eval.evaluator, "add_env_info", lambda results: None)
    with students.under_test(study, subject) as held:
        lm = harness.wrap(held, 1, study.config.evaluation.max_length - study.virtual_tokens)
        theirs = lm_eval.simple_evaluate(
            model=lm, tasks=[name], task_manager=lm_eval.tasks.TaskManager(), num_fewshot=shots,
            bootstrap_iters=0, gen_kwargs={"max_gen_toks": 12} if name == "triviaqa" else None,
        )  # fmt: skip
    for key, value in ours["scores"].items():
        expected = theirs["results"][name][key if "," in key else f"{key},none"]
        assert value == pytest.approx(expected, rel=1e-5), key
    if name == "winogrande":  # prompts, examples included, not just the right number of right ones
        resps = [[one[0][0] for one in doc["resps"]] for doc in theirs["samples"][name]]
        mine = [one.detail["loglikelihoods"] for one in logged]
        assert mine == [pytest.approx(one, abs=1e-4) for one in resps]


def test_a_task_without_a_mean_over_items_is_refused_before_anything_is_asked(
    tmp_path: Path, student: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(monkeypatch, "glue")
    with pytest.raises(ConfigurationError, match=r"'cola' has no metric that is the mean"):
        run.prepare_items(make(tmp_path, student, name="cola"), Silent())


def test_a_group_that_weighs_small_tasks_like_large_ones_is_refused() -> None:
    def group(name: str, **metric: object) -> Group:
        metrics = [{"metric": "acc", **metric}]
        return Group.from_config(
            {"group": name, "task": ["a", "b"], "aggregate_metric_list": metrics}
        )

    hub._refuse_other_weights([group("mmlu"), group("none")])
    with pytest.raises(ConfigurationError, match=r"'blimp' weighs its tasks alike"):
        hub._refuse_other_weights([group("mmlu"), group("blimp", weight_by_size=False)])


@pytest.mark.parametrize("name", ["truthfulqa_mc1", "truthfulqa_mc2", "ifeval"])
def test_examples_that_would_not_be_shown_are_refused(
    tmp_path: Path, student: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(items.ifeval, "prepare", lambda: None)
    with pytest.raises(ConfigurationError, match=rf"{name}' fixes its prompts"):
        run.prepare_items(make(tmp_path, student, name=name, num_fewshot=5), Silent())


def test_rows_of_the_hub_and_of_a_folder_make_the_same_items(tmp_path: Path, student: Path) -> None:
    wanted = [{"name": "mmlu", "num_fewshot": 5, "items": 4}, {"name": "hellaswag", "items": 3}]
    places = {"mmlu": ("test", range(6)), "dev": ("dev", range(200, 210))}
    for split, numbers in places.values():
        for place, subject in enumerate(("anatomy", "astronomy")):
            chosen = [bench.mmlu(subject, n) for n in numbers if n % 2 == place]
            bench.write(tmp_path / f"d/mmlu/{subject}/{split}.jsonl", chosen)
    endings = [bench.hellaswag(n) for n in range(20, 27)]
    bench.write(tmp_path / "d/hellaswag/validation.jsonl", endings)
    found = []
    for number, data in enumerate((None, str(tmp_path / "d"))):
        study = bench.make_study(
            tmp_path / f"ws{number}", student, tmp_path, (), benchmarks=wanted, data_dir=data
        )
        found.append(dict(run.prepare_items(study, Silent()).files))
    assert found[0] == found[1]
