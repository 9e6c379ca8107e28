"""An arm leaves the workspace: copied, merged, or converted; and it can be talked to."""

import os
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study import Study
from synthetic_instruction_tuner.training import chat
from synthetic_instruction_tuner.training.export import export
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("export")
    student = training_models.save_student(root / "student")
    arms = [
        {"name": name, "method": name, "batch_size": 8, "epochs": 1, "learning_rate": 1e-2}
        for name in ("lora", "prompt_tuning")
    ]
    made = training_models.study(root / "ws", student, arms, rows=18)
    for subject in made.subjects[1:]:
        train(make_job(made, subject), lambda event, **fields: None, lambda: False)
        made.store.commit(made.trained(subject), {}, 0.0)
    return made


def test_a_merged_arm_answers_as_base_and_adapter_do(study: Study, tmp_path: Path) -> None:
    import torch
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = export(study, study.subject("lora"), tmp_path / "merged", "merged")
    merged = AutoModelForCausalLM.from_pretrained(folder)
    apart = AutoPeftModelForCausalLM.from_pretrained(study.root / "models/lora/final")
    ids = torch.arange(20)[None]
    with torch.no_grad():
        assert torch.allclose(merged(ids).logits, apart(ids).logits, atol=1e-5)
    assert AutoTokenizer.from_pretrained(folder).chat_template


def test_what_cannot_be_merged_says_so(study: Study, tmp_path: Path) -> None:
    subject = study.subject("prompt_tuning")
    with pytest.raises(ConfigurationError, match=r"'prompt_tuning' has no form as plain weights"):
        export(study, subject, tmp_path / "merged", "merged")
    copied = export(study, subject, tmp_path / "copy", "adapter")
    assert (copied / "adapter_model.safetensors").is_file()
    with pytest.raises(ConfigurationError, match="exists already"):
        export(study, subject, copied, "adapter")


def test_gguf_goes_through_the_converter_of_llama_cpp(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match=r"convert_hf_to_gguf.py on PATH: clone"):
        export(study, study.subject("lora"), tmp_path / "x.gguf", "gguf")
    script = tmp_path / "bin" / "convert_hf_to_gguf.py"
    script.parent.mkdir()
    script.write_text(
        "import sys, pathlib\n"
        "assert (pathlib.Path(sys.argv[1]) / 'model.safetensors').is_file()\n"
        "pathlib.Path(sys.argv[3]).write_bytes(b'GGUF')\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    assert export(study, study.subject("lora"), tmp_path / "x.gguf", "gguf").read_bytes() == b"GGUF"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "x.gguf"]


def test_arms_and_base_can_be_talked_to_in_turn(study: Study) -> None:
    turns = [{"role": "user", "content": "Add 1 and 1."}]
    first = {one.name: chat.answer(study, one, turns, 4) for one in study.subjects}
    assert set(first) == {"base", "lora", "prompt_tuning"}
    again = {one.name: chat.answer(study, one, turns, 4) for one in reversed(study.subjects)}
    assert first == again
