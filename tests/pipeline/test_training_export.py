"""An arm leaves the workspace: copied, merged, or converted; and it can be talked to."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.errors import ConfigurationError, StageError, StorageError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import chat
from synthetic_instruction_tuner.training.export import export
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train
from synthetic_instruction_tuner.training.students import under_test


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


def test_a_merged_arm_is_held_as_the_base_is_and_its_card_loads_it(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    student = training_models.save_student(tmp_path / "student")
    AutoModelForCausalLM.from_pretrained(student, dtype=torch.bfloat16).save_pretrained(student)
    arms = [{"name": "lora", "method": "lora", "batch_size": 8, "epochs": 1}]
    made = training_models.study(tmp_path / "ws", student, arms, rows=18)
    subject = made.subject("lora")
    train(make_job(made, subject), lambda event, **fields: None, lambda: False)
    made.store.commit(made.trained(subject), {}, 0.0)
    folder = export(made, subject, tmp_path / "merged", "merged")
    weights = load_file(folder / "model.safetensors")
    assert {one.dtype for one in weights.values()} == {torch.bfloat16}
    card = (folder / "README.md").read_text()
    assert 'AutoModelForCausalLM.from_pretrained(".")' in card
    assert "library_name: transformers" in card
    assert "peft" not in card.lower()


def test_an_export_that_fails_leaves_nothing_behind(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "bin" / "convert_hf_to_gguf.py"
    script.parent.mkdir()
    script.write_text("raise SystemExit('this architecture is not known')\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(StageError, match="this architecture is not known"):
        export(study, study.subject("lora"), tmp_path / "out" / "x.gguf", "gguf")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("transformers.PreTrainedModel.save_pretrained", full)
    with pytest.raises(StorageError, match=r"No space left on device; free some space"):
        export(study, study.subject("lora"), tmp_path / "out" / "merged", "merged")
    assert not list((tmp_path / "out").iterdir())


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


def test_a_conversation_is_put_as_in_training(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads what training read before the answer, and stops where that ended."""
    asked = []

    class Watched:
        def __init__(self, plain) -> None:
            self.chat, self.tokenizer, self.model, self.wrapped = (
                plain.chat, plain.tokenizer, plain.model, self,
            )  # fmt: skip
            self._generate = plain.wrapped.generate

        def generate(self, **options):
            asked.append((options["input_ids"][0].tolist(), options["eos_token_id"]))
            return self._generate(**options)

    @contextmanager
    def watched(*arguments):
        with under_test(*arguments) as plain:
            yield Watched(plain)

    under_test = chat.under_test
    monkeypatch.setattr(chat, "under_test", watched)
    turns = [{"role": "user", "content": "Add 1 and 1."}]
    chat.answer(study, study.subject("lora"), turns, 2)
    with under_test(study, study.subject("lora")) as student:
        prompt, answer = student.chat.learned(turns, "2")
    assert asked == [(prompt, [answer[-1]])]


def test_arms_and_base_can_be_talked_to_in_turn(study: Study) -> None:
    turns = [{"role": "user", "content": "Add 1 and 1."}]
    first = {one.name: chat.answer(study, one, turns, 4) for one in study.subjects}
    assert set(first) == {"base", "lora", "prompt_tuning"}
    again = {one.name: chat.answer(study, one, turns, 4) for one in reversed(study.subjects)}
    assert first == again


@pytest.mark.parametrize("kind", ["adapter", "merged"])
def test_a_path_that_cannot_be_written_is_one_line(study: Study, tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file" / "below", Path("/proc/nowhere"), tmp_path / ("x" * 300)):
        with pytest.raises(ConfigurationError, match=r"cannot write .*; name a path in a folder"):
            export(study, study.subject("lora"), target, kind)  # type: ignore[arg-type]


def test_for_ollama_a_modelfile_lies_beside_the_merged_weights(
    study: Study, tmp_path: Path
) -> None:
    folder = export(study, study.subject("lora"), tmp_path / "ollama", "ollama")
    lines = (folder / "Modelfile").read_text().splitlines()
    assert lines[0] == "FROM ."
    assert (folder / "model.safetensors").is_file()
    with under_test(study, study.subject("lora")) as student:
        ends = [student.chat.raw([one]) for one in student.chat.stop_ids]
    assert [f'PARAMETER stop "{one}"' for one in ends] == lines[-len(ends) :]
