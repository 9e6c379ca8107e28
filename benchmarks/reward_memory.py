"""Memory of a reward model while it reads: what `tuner plan` predicts against what is handed out.

    python benchmarks/reward_memory.py

The real shape of DeBERTa-v3-large with random weights, in float32, on a CPU; nothing is downloaded.
Predicted and measured are bytes beside the weights.
"""

from __future__ import annotations

import argparse

from memory_allocator import handed_out

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.inspection.planning.data import pairs
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS
from synthetic_instruction_tuner.models.memory import shapes

MIB = 1 << 20


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tokens", type=int, default=2048, help="tokens of a batch")
    tokens = parser.parse_args().tokens
    print("| rows x tokens | predicted | measured | error |")
    print("| --- | ---: | ---: | ---: |")
    for length in (512, 256):
        rows, predicted = tokens // length, _predicted(tokens)
        measured = _measured(rows, length)
        print(
            f"| {rows} x {length} | {predicted / MIB:,.0f} MiB | {measured / MIB:,.0f} MiB "
            f"| {predicted / measured - 1:+.1%} |"
        )


def _predicted(tokens: int) -> int:
    """Ask the plan of a study with one arm that learns from pairs."""
    config = StudyConfig.model_validate(
        {
            "preference": {"reward_batch_tokens": tokens},
            "training": {"arms": [{"method": "dpo", "name": "dpo"}]},
        }
    )
    return pairs(config, GPUS["T4"])[-1].parts["activations"]


def _measured(rows: int, length: int) -> int:
    import torch
    from transformers import AutoModelForSequenceClassification

    shape = shapes.shape_of(StudyConfig().preference.reward)
    shape.num_labels = 1
    model = AutoModelForSequenceClassification.from_config(shape).eval()
    ids = torch.randint(0, shape.vocab_size, (rows, length))

    def read() -> None:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))

    return handed_out(read)


if __name__ == "__main__":
    main()
