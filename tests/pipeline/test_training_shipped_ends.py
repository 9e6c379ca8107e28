"""What is shipped stops by itself: plain `generate` on a base that names only the end of text.

The base is laid out as Llama-3.2-3B is: turn tokens in the vocabulary, no chat template, and
configurations that name <|end_of_text|> alone.
"""

import json
import os
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training.export import export
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

END_OF_TEXT, END_OF_TURN = 1, 4
PROMPT = (
    "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nAdd 3 and 1.<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"
)


def name_end_of_text_only(folder: Path) -> Path:
    """Rewrite a model's files as those of a base."""
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    ends = {"tokenizer_config": "<|end_of_text|>", "config": END_OF_TEXT}
    for name, end in (ends | {"generation_config": END_OF_TEXT}).items():
        path = folder / f"{name}.json"
        kept = json.loads(path.read_text()) | {"use_cache": True}
        key = "eos_token" if name == "tokenizer_config" else "eos_token_id"
        path.write_text(
            json.dumps({k: v for k, v in kept.items() if k != "chat_template"} | {key: end})
        )
    return folder


def trained(root: Path, student: Path, *arms: dict) -> Study:
    made = training_models.study(root, student, [{"batch_size": 4, **one} for one in arms], rows=18)
    for subject in made.subjects[1:]:
        train(make_job(made, subject), lambda event, **fields: None, lambda: False)
        made.store.commit(made.trained(subject), {}, 0.0)
    return made


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A fully trained arm that answers and ends its turn."""
    root = tmp_path_factory.mktemp("taught")
    base = name_end_of_text_only(training_models.save_student(root / "base", None))
    arm = {"name": "full", "method": "full", "epochs": 30, "learning_rate": 3e-3}
    return trained(root / "ws", base, arm)


@pytest.fixture(scope="module")
def adapted(taught: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Adapters on such a base that can answer already, so that few steps are enough."""
    root = tmp_path_factory.mktemp("adapted")
    base = name_end_of_text_only(export(taught, taught.subject("full"), root / "base"))
    arms = [
        {"name": "lora", "method": "lora", "epochs": 1},
        {"name": "soft", "method": "prompt_tuning", "epochs": 1, "virtual_tokens": 2},
    ]
    return trained(root / "ws", base, *arms)


def written(folder: Path, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


def answer(folder: Path) -> str:
    """Generate as anyone would who has the folder and nothing else."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, model = (
        one.from_pretrained(folder) for one in (AutoTokenizer, AutoModelForCausalLM)
    )
    turns = [{"role": "user", "content": "Add 3 and 1."}]
    prompt = tokenizer.apply_chat_template(
        turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    assert tokenizer.decode(prompt["input_ids"][0]) == PROMPT
    drawn = model.generate(**prompt, max_new_tokens=60, do_sample=False)
    return tokenizer.decode(drawn[0, prompt["input_ids"].shape[1] :])


def test_full_and_merged_weights_end_their_turn(
    taught: Study, adapted: Study, tmp_path: Path
) -> None:
    merged = export(adapted, adapted.subject("lora"), tmp_path / "merged")
    for folder in (taught.root / "models/full/final", merged):
        said = answer(folder)
        assert said.count("<|eot_id|>") == 1
        assert said.endswith("<|eot_id|>")
        assert said.startswith("It is ")
        assert written(folder, "generation_config")["eos_token_id"] == [END_OF_TURN, END_OF_TEXT]
        assert written(folder, "config")["eos_token_id"] == END_OF_TURN
        assert written(folder, "config")["use_cache"] is True
        assert written(folder, "tokenizer_config")["eos_token"] == "<|eot_id|>"


@pytest.mark.parametrize("arm", ["lora", "soft"])
def test_the_snippet_on_an_adapters_card_ends_its_turn(
    adapted: Study,
    arm: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = adapted.root / f"models/{arm}/final"
    card = (folder / "README.md").read_text()
    snippet = card.split("```python\n")[1].split("```")[0]
    said = snippet.replace("skip_special_tokens=True", "skip_special_tokens=False")
    assert said != snippet
    monkeypatch.chdir(folder)
    exec(compile(said, "card", "exec"), {})
    answered = capsys.readouterr().out
    assert answered.count("<|eot_id|>") == 1
    assert answered.strip().endswith("<|eot_id|>")


def test_gguf_is_converted_from_files_that_name_the_end_of_a_turn(
    adapted: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp's converter takes the end token of the tokenizer's settings."""
    script = tmp_path / "bin" / "convert_hf_to_gguf.py"
    script.parent.mkdir()
    script.write_text(
        "import json, pathlib, sys\n"
        "told = json.loads((pathlib.Path(sys.argv[1]) / 'tokenizer_config.json').read_text())\n"
        "pathlib.Path(sys.argv[3]).write_text(told['eos_token'])\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    made = export(adapted, adapted.subject("lora"), tmp_path / "x.gguf", "gguf")
    assert made.read_text() == "<|eot_id|>"
