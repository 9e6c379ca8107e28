"""The model card beside an adapter, filled from the run's own results; it holds no clock times."""

from __future__ import annotations

from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.training.job import Job

LOADING = {
    False: "from peft import AutoPeftModelForCausalLM\n\n"
    'model = AutoPeftModelForCausalLM.from_pretrained("{folder}")',
    True: "from transformers import AutoModelForCausalLM\n\n"
    'model = AutoModelForCausalLM.from_pretrained("{folder}")',
}


def render(job: Job, run: TrainingRun) -> str:
    """Return the card as Markdown with the metadata block that the Hub reads."""
    student, conditions = job.training.student, run.conditions
    settings = job.arm.model_dump(mode="json", exclude={"name"})
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
        LOADING[job.arm.trains_base].format(folder="."),
        "```",
        "",
        "## Training",
        "",
        f"- {run.examples} rows, {run.epochs:g} epochs, {run.steps} weight updates, "
        f"seed {run.seed}",
        f"- data: `{conditions['data']}`; {conditions['truncated_rows']} rows cut at "
        f"{conditions['max_length']} tokens, {conditions['dropped_rows']} dropped",
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
    plain, own = (LOADING[trains_base].format(folder=".") for trains_base in (False, True))
    return text.replace(plain, own).replace("library_name: peft", "library_name: transformers", 1)


def _table(evaluations: list[dict[str, float]]) -> list[str]:
    names = list(dict.fromkeys(name for one in evaluations for name in one))
    rows = [
        "| " + " | ".join(f"{one[name]:.6g}" if name in one else "-" for name in names) + " |"
        for one in evaluations
    ]
    return ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names), *rows]
