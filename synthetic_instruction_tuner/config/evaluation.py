"""The settings of evaluation, and the criteria a study is held to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from synthetic_instruction_tuner.config.base_prompts import DEFAULT, TEMPLATE, base_prompt
from synthetic_instruction_tuner.settings import Settings


class BenchmarkConfig(Settings):
    """One benchmark and how much of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """"mmlu" (letters ranked), "mmlu_cloze" (option texts ranked), "hellaswag", "arc_easy",
    "truthfulqa_mc1", "truthfulqa_mc2", "ifeval", "verifiable", "instructions", "retention",
    "retention_closed_world", "agent", "agent_closed_world", "dbbench", "speed", or any other
    lm-eval task."""
    num_fewshot: int | None = Field(default=None, ge=0)
    """Solved examples before each item; None: the task's own default."""
    items: int | None = Field(default=None, ge=1)
    """Size of the seeded, stratified subset; None: all items. Of "speed": rounds that are timed;
    None: 7."""

    @property
    def key(self) -> str:
        """Folder and column name: "mmlu", or "mmlu-5shot" with examples."""
        return self.name if self.num_fewshot is None else f"{self.name}-{self.num_fewshot}shot"


class EvaluationConfig(Settings):
    """Every arm and the base on identical items, prompts, precision and batch size."""

    benchmarks: tuple[BenchmarkConfig, ...] = (
        BenchmarkConfig(name="mmlu", num_fewshot=5),
        BenchmarkConfig(name="mmlu_cloze", num_fewshot=5),
        BenchmarkConfig(name="hellaswag"),
        BenchmarkConfig(name="arc_easy"),
        BenchmarkConfig(name="truthfulqa_mc1"),
        BenchmarkConfig(name="truthfulqa_mc2"),
    )
    """What is measured."""
    data_dir: str | None = None
    """Folder with the benchmark rows (offline); "sandbox": the closed world; None: the Hub."""
    chat_template: Literal["always", "generation", "never"] = "generation"
    """Where prompts get the chat template; the same for the base and every arm."""
    base_prompts: tuple[str, ...] | None = Field(default=None, examples=[["template", "qa"]])
    """Forms in which the base is asked what models write: "template", "qa", "qa_4" (after four
    solved examples), ...; it counts in the best one, chosen on items of their own. None: these
    three, or the template alone if the student brings one."""
    prompt_items: int = Field(default=100, ge=1)
    """Items a benchmark on which the best prompt is chosen, at most as many as are measured."""
    batch_size: int = Field(default=16, ge=1)
    """Requests scored side by side: fixed, because on a GPU it moves scores a little."""
    answer_batch_size: int = Field(default=16, ge=1)
    """Answers written side by side: fixed for the same reason. An answer needs no logits but its
    next token's, so more of them fit than of requests that are scored."""
    max_length: int = Field(default=2048, ge=16)
    """Longest request in tokens, virtual tokens included; the same for every arm."""
    max_new_tokens: int = Field(default=256, ge=1)
    """Most tokens a generated answer may have."""
    primary: tuple[str, ...] = ()
    """Benchmarks of the primary family, declared before running (Holm-corrected); (): one a skill,
    four at most (see `analysis.subjects`)."""
    equivalence_margin: float = Field(default=0.02, gt=0, lt=1)
    """Difference (share of items) below which two models count as equivalent (TOST)."""
    loss_margin: float = Field(default=0.05, gt=0, lt=1)
    """Loss against the base (share of items) that is accepted for a gain elsewhere."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Family-wise error rate."""
    transcripts: int = Field(default=8, ge=0)
    """Prompts whose answers by every model are shown side by side in the report."""

    @property
    def prompts(self) -> tuple[str, ...]:
        """The forms in which the base is asked, where it has more than one."""
        return DEFAULT if self.base_prompts is None else self.base_prompts

    @field_validator("base_prompts")
    @classmethod
    def _check_prompts(cls, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Refuse unknown and repeated forms, and to leave out what the arms are asked in."""
        for name in names or ():
            base_prompt(name)
        if names is not None and (TEMPLATE not in names or len(set(names)) < len(names)):
            raise ValueError(f"must name {TEMPLATE!r}, and no form twice")
        return names

    @model_validator(mode="after")
    def _check_names(self) -> EvaluationConfig:
        """Refuse two benchmarks of one name, and a primary family that nobody measures."""
        keys = [one.key for one in self.benchmarks]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"benchmarks are listed twice: {', '.join(twice)}")
        allowed = dict.fromkeys([*keys, *(one.name for one in self.benchmarks)])
        unknown = [name for name in self.primary if name not in allowed]
        if unknown:
            raise ValueError(f"primary names {unknown}; benchmarks of this study: {list(allowed)}")
        return self


class GateConfig(Settings):
    """An acceptance criterion: shown as pass, fail or not measured; never stops a study."""

    name: str
    """Name of a measured figure (see `analysis.gates`)."""
    comparison: Literal[">=", "<=", ">", "<"]
    """How the figure must stand to the threshold."""
    threshold: float | str
    """A number, or the name of another measured figure."""
    source: str
    """Where the criterion comes from."""
