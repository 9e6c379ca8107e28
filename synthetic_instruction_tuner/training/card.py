"""The model card beside an adapter, filled from the run's own results; it holds no clock times."""

from __future__ import annotations

from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.training.job import Job

LOADING = {
    False: """\
from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer, GenerationConfig

model = AutoPeftModelForCausalLM.from_pretrained(".")
ends = GenerationConfig.from_pretrained(".")  # the base's own names no end of an answer
""",
    True: """\
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

model = AutoModelForCausalLM.from_pretrained(".")
ends = GenerationConfig.from_pretrained(".")
""",
}
"""How an adapter (False) and a model of its own (True) are loaded."""
ASKING = """\
tokenizer = AutoTokenizer.from_pretrained(".")
turns = [{"role": "user", "content": "Name three rivers."}]
prompt = tokenizer.apply_chat_template(
    turns, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**prompt, generation_config=ends, max_new_tokens=256)
print(tokenizer.decode(answer[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True))"""


def render(job: Job, run: TrainingRun) -> str:
    """Return the card as Markdown with the metadata block that the Hub reads."""
    student, conditions = job.training.student, run.conditions
    settings = job.arm.specification()
    share = 100 * run.trained_parameters / run.total_parameters
    parts = [
        "---",
        f"base_model: {student.name}",
        f"library_name: {'transformers' if job.arm.trains_base else 'peft'}",
        "pipeline_tag: text-generation",
        f"tags: [{run.method}, synthetic-data]",
        "---",
        "",
        f"# {run.subject}",
        "",
        f"`{student.name}` adapted with `{run.method}` on synthetic data that an instruct model "
        "wrote (Magpie, arXiv 2406.08464).",
        "",
        "```python",
        LOADING[job.arm.trains_base] + ASKING,
        "```",
        "",
        "## Training",
        "",
        f"- {run.examples} rows, {run.epochs:g} epochs, {run.steps} weight updates, "
        f"seed {run.seed}",
        f"- data: `{conditions['data']}`; {conditions['too_long_rows']} rows of more than "
        f"{conditions['max_length']} tokens and {conditions['alike_rows']} pairs of equal "
        "responses left out",
        f"- {run.trained_parameters:,} parameters trained ({share:.4f} % of "
        f"{run.total_parameters:,}), {run.shipped_parameters:,} in the file",
        f"- precision {conditions['precision']} (trained weights float32), quantisation "
        f"{conditions['quantization']}, chat template `{conditions['chat_template']}`",
        *(f"- {name}: `{value}`" for name, value in settings.items()),
        "",
        "## Validation split",
        "",
        *_table(run.evaluations),
        "",
    ]
    return "\n".join(parts)


def as_merged(text: str) -> str:
    """Return an adapter's card for its weights merged into the base: a model of its own."""
    return text.replace(LOADING[False], LOADING[True]).replace(
        "library_name: peft", "library_name: transformers", 1
    )


def _table(evaluations: list[dict[str, float]]) -> list[str]:
    names = list(dict.fromkeys(name for one in evaluations for name in one))
    rows = [
        "| " + " | ".join(f"{one[name]:.6g}" if name in one else "-" for name in names) + " |"
        for one in evaluations
    ]
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names), *rows]
