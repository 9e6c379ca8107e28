"""TRL's own trainers take the parquet of a study as it is."""

import datasets
import pytest
from support.training_models import save_student

from synthetic_instruction_tuner.filtering.dataset import FILTERED_COLUMNS, for_tools
from synthetic_instruction_tuner.preference.dataset import COLUMNS, chat_row
from synthetic_instruction_tuner.records import Example, PreferencePair
from synthetic_instruction_tuner.storage import formats

pytestmark = pytest.mark.slow
TALK = (
    {"role": "user", "content": "Name a river."},
    {"role": "assistant", "content": "The Inn."},
    {"role": "user", "content": "Where does it end?"},
    {"role": "assistant", "content": "In Passau."},
)
EXAMPLES = [
    Example("e0", "Name a river.", "The Inn.", "general", 1.0, "e0", "train"),
    Example("e1", "Name a river.", "The Inn.", "general", 1.0, "e1", "train", "", TALK),
]
PAIRS = [
    PreferencePair(f"e{n}", "Where does it end?", "In Passau.", "No.", 1.0, 0.0, 1.0, "a", "b",
                   "general", "train", TALK[: 3 * n])
    for n in (0, 1)
]  # fmt: skip


def loaded(path, tmp_path):
    return datasets.load_dataset("parquet", data_files=str(path), cache_dir=str(tmp_path / "cache"))


def arguments(kind, tmp_path):
    return kind(
        output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=2,
        report_to=[], use_cpu=True, save_strategy="no", bf16=False, max_length=128,
    )  # fmt: skip


def test_sft_and_dpo_trainers_make_a_step(tmp_path, monkeypatch):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    student = save_student(tmp_path / "student")
    tokenizer = AutoTokenizer.from_pretrained(student)
    formats.write_parquet(
        tmp_path / "sft.parquet", [for_tools(one) for one in EXAMPLES], FILTERED_COLUMNS
    )
    formats.write_parquet(tmp_path / "dpo.parquet", [chat_row(one) for one in PAIRS], COLUMNS)
    for trainer, config, name in (
        (SFTTrainer, SFTConfig, "sft"),
        (DPOTrainer, DPOConfig, "dpo"),
    ):
        rows = loaded(tmp_path / f"{name}.parquet", tmp_path)["train"]
        assert len(rows) == 2
        model = AutoModelForCausalLM.from_pretrained(student)
        made = trainer(
            model=model,
            args=arguments(config, tmp_path),
            train_dataset=rows,
            processing_class=tokenizer,
        )
        assert made.train().global_step == 1
