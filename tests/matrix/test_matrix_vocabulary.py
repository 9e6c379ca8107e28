"""The fast scorer beside lm-eval's own with vocabularies of real models, and long continuations."""

from pathlib import Path

import pytest
from support import architectures, training_models

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.evaluation.likelihood import agreement
from synthetic_instruction_tuner.evaluation.likelihood.batching import Request
from synthetic_instruction_tuner.evaluation.likelihood.likelihoods import Group, compared
from synthetic_instruction_tuner.evaluation.likelihood.scoring import Scorer
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.binding import bind_student
from synthetic_instruction_tuner.training.students import Student

PREFIX = tuple(range(300, 320))
ITEMS = [
    [
        Request((*PREFIX, *range(400, 402 + 3 * item)), tuple(range(500, 501 + length)))
        for length in (1, 50)  # what is lost at each token adds up
    ]
    for item in range(3)
]


@pytest.mark.parametrize(
    ("vocabulary", "dtype"), [(49_152, "float32"), (49_152, "bfloat16"), (128_256, "float32")]
)
def test_a_real_vocabulary_does_not_part_the_scorers(
    tmp_path: Path, vocabulary: int, dtype: str
) -> None:
    architectures.make("llama", vocab_size=vocabulary).save_pretrained(tmp_path)
    training_models.save_tokenizer(tmp_path)
    model, tokenizer = loading.load_causal(ModelConfig(name=str(tmp_path), dtype=dtype))
    plain = harness.wrap(Student(model, bind_student(tokenizer), model), 4, 200)
    items = compared([Group("task", ITEMS)], Scorer(model), plain, 200, 4)
    found = agreement.compare(items, dtype)
    assert found.used == "fast", found
    assert found.requests == 6
