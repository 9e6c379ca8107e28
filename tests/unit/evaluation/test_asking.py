"""Plain prompts of the base: how a conversation reads, where an answer ends, what comes first."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.evaluation_bench import truthfulqa, write

from synthetic_instruction_tuner.config import EvaluationConfig, StudyConfig
from synthetic_instruction_tuner.config.base_prompts import LAYOUTS, base_prompt
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import asking, examples, items, subsets
from synthetic_instruction_tuner.evaluation.benchmarks import TaskItems
from synthetic_instruction_tuner.evaluation.examples import examples_for
from synthetic_instruction_tuner.records import Example
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore, Manifest
from synthetic_instruction_tuner.study.design import Design

QA = LAYOUTS["qa"]


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_a_question_after_examples_and_a_conversation() -> None:
    shown = [turn("user", "What is 1 plus 1?"), turn("assistant", "2.")]
    asked = [turn("user", "What is the capital of France? ")]
    assert asking.render(QA, shown, asked) == (
        "Q: What is 1 plus 1?\nA: 2.\n\nQ: What is the capital of France?\nA:"
    )
    talk = [turn("system", "Use tools."), *shown, turn("user", "And 2?")]
    assert asking.render(QA, [], talk) == (
        "Use tools.\n\nQ: What is 1 plus 1?\nA: 2.\n\nQ: And 2?\nA:"
    )
    begun = [turn("user", "Continue."), turn("assistant", "The sum is")]
    assert asking.render(QA, [], begun) == "Q: Continue.\nA: The sum is"


@pytest.mark.parametrize(
    ("text", "paragraphs", "answer"),
    [
        (" Paris.\n\nQ: And of Spain?\nA: Madrid", False, "Paris."),
        (" Paris.\nQ: And of Spain?", False, "Paris."),
        ("\n\nParis.\n\nIt lies on the Seine.", False, "Paris."),
        (" One.\n\nTwo.\nQ: What?", True, "One.\n\nTwo."),
        (" Q: is a letter", False, "Q: is a letter"),
        ("", False, ""),
    ],
)
def test_an_answer_ends_before_the_next_question(text: str, paragraphs: bool, answer: str) -> None:
    assert asking.cut(text, base_prompt("qa").stops(paragraphs)) == answer


def test_an_answer_in_the_template_is_not_cut() -> None:
    assert base_prompt("template").stops(False) == ()
    assert asking.cut("\nOne.\n\nTwo.", ()) == "\nOne.\n\nTwo."


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        (["qa"], "must name 'template'"),
        (["template", "qa", "qa"], "no form twice"),
        (["template", "cot"], "no prompt is called 'cot'; allowed: 'template', 'qa' and 'qa_k'"),
        (["template", "qa_0"], "no prompt is called 'qa_0'"),
    ],
)
def test_settings_name_forms_that_exist(prompts: list[str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        EvaluationConfig(base_prompts=tuple(prompts))


def test_only_what_models_write_is_read_in_several_forms() -> None:
    names = ("mmlu", "verifiable", "agent", "ifeval", "retention", "speed", "gsm8k")
    settings = {"benchmarks": [{"name": name} for name in names]}
    found: dict[str, list[str]] = {}
    for one in Design(StudyConfig.model_validate({"evaluation": settings})).readings:
        name = f"{one.prompt}{' chooses' if one.selecting else ''}"
        found.setdefault(one.benchmark.name, []).append(name)
    whole = ["template chooses", "qa chooses", "qa", "qa_4 chooses", "qa_4"]
    assert found == {
        "verifiable": whole, "agent": whole[:3], "ifeval": whole, "gsm8k": whole,
    }  # fmt: skip
    alone = StudyConfig.model_validate({"evaluation": settings | {"base_prompts": ["template"]}})
    assert Design(alone).readings == ()


def written(folder: Path, names: tuple[str, ...], **settings: object) -> dict[str, int]:
    benchmarks = [{"name": name, "items": 30} for name in names]
    evaluation = {"data_dir": "sandbox", "benchmarks": benchmarks, **settings}
    study = StudyConfig.model_validate({"evaluation": evaluation})
    return dict(items.write_items(study, folder)["items"])


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_prompts_that_choose_are_none_that_are_measured(tmp_path: Path) -> None:
    names = ("verifiable", "instructions", "agent")
    written(tmp_path / "a", names, prompt_items=20)
    for name in names:
        measured = {one["text"] for one in rows_of(tmp_path / f"a/prompts/{name}.jsonl")}
        chooses = {one["text"] for one in rows_of(tmp_path / f"a/selection/{name}.jsonl")}
        assert len(measured) == 30
        assert 10 <= len(chooses) <= 20
        assert not measured & chooses
    written(tmp_path / "b", names, base_prompts=["template"])
    assert not (tmp_path / "b/selection").exists()
    for name in names:
        path = f"prompts/{name}.jsonl"
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()


def test_rows_that_choose_are_left_over_of_a_subset(tmp_path: Path) -> None:
    write(tmp_path / "rows.jsonl", [truthfulqa(n) for n in range(50)])
    task = TaskItems("ifeval", "ifeval/ifeval.yaml", {"train": "rows.jsonl"})
    some = TaskItems("ifeval", task.definition, task.splits, chosen=list(range(0, 50, 2)))
    (rest,) = items._rest([task], [some], tmp_path, 10, seed=1)
    assert rest.chosen is not None
    assert len(rest.chosen) == 10
    assert all(place % 2 for place in rest.chosen)
    assert items._rest([task], [task], tmp_path, 10, seed=1) == []


def committed(root: Path, name: str, write_files: dict[str, list]) -> Manifest:
    store, artifact = ArtifactStore(root), Artifact("items", name, name, 1, {})
    with store.writing(artifact) as folder:
        for path, content in write_files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            rows = [asdict(one) if isinstance(one, Example) else one for one in content]
            write(folder / path, rows)
    return store.commit(artifact, {}, 0.0)


def kept(number: int, domain: str, **changes: object) -> Example:
    values = {
        "id": f"row-{number}", "instruction": f"What is {number} plus 1?",
        "response": f"{number + 1}.", "domain": domain, "quality": 0.8, "cluster": str(number),
        "split": "train",
    }  # fmt: skip
    return Example(**(values | changes))  # type: ignore[arg-type]


def test_examples_are_short_training_rows_that_are_no_items(tmp_path: Path) -> None:
    filtered = committed(
        tmp_path,
        "filtered",
        {
            "examples.jsonl": [
                kept(1, "sums"), kept(2, "sums"), kept(3, "names"),
                kept(4, "facts", split="validation"),
                kept(5, "facts", response="One.\n\nTwo."),
                kept(6, "facts", response="word " * 200),
                kept(7, "facts", messages=({"role": "user", "content": "x"},)),
                kept(8, "facts", instruction="What  is measured?"),
                kept(9, "facts", instruction="What chooses?"),
            ]
        },
    )  # fmt: skip
    asked = committed(
        tmp_path,
        "items",
        {"texts.jsonl": [{"text": "what is measured?"}],
         "selection/verifiable.jsonl": [{"text": "What chooses?"}]},
    )  # fmt: skip
    shown = examples_for(base_prompt("qa_2"), filtered, asked)
    assert [one["role"] for one in shown] == ["user", "assistant"] * 2
    assert {one["content"] for one in shown} & {"What is 3 plus 1?"}, "one a domain comes first"
    three = examples_for(base_prompt("qa_3"), filtered, asked)
    assert {one["content"] for one in three[::2]} == {f"What is {n} plus 1?" for n in (1, 2, 3)}
    assert examples_for(base_prompt("qa"), filtered, asked) == ()
    with pytest.raises(StageError, match=r"'qa_4' needs 4 kept training rows .* has 3"):
        examples_for(base_prompt("qa_4"), filtered, asked)


def test_the_order_of_examples_does_not_depend_on_that_of_the_rows() -> None:
    found = [kept(n, "ab"[n % 2]) for n in range(8)]
    order = examples._spread(found)
    assert order == examples._spread(found[::-1])
    assert {one.domain for one in order[:2]} == {"a", "b"}
    assert order[0].id == min(
        (one.id for one in found), key=lambda i: subsets.rank(0, "example", i)
    )
