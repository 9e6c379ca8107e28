"""Everything a study can be told: one frozen model a stage, composed in `StudyConfig`.

Each field carries its unit and where its default comes from. `StudyConfig` is the only parameter
of the study flow, so these texts are also the help of the form in the Prefect UI.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union
from urllib.parse import urlsplit

from pydantic import Field, create_model, field_validator, model_validator

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.filtering import rules as filter_rules
from synthetic_instruction_tuner.settings import Settings
from synthetic_instruction_tuner.training import methods as training_methods
from synthetic_instruction_tuner.training.method import MethodConfig

NAME = r"^[a-z][a-z0-9_-]*$"


class ModelConfig(Settings):
    """Which model, and how it is loaded."""

    name: str = Field(min_length=1)
    """Hugging Face id, a local folder, or "sandbox:teacher" (responder, student, reward)."""
    revision: str = "main"
    """Git revision on the Hub; pin a commit for a study that others should repeat exactly."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Compute type; auto: bfloat16 from compute capability 8.0, float16 below, float32 on CPU."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    """Weights in memory: as they are, 4-bit NF4 with double quantisation, or 8-bit."""
    family: str | None = None
    """Chat-template family (see `tuner doctor`); recognised from the tokenizer if not given."""
    trust_remote_code: bool = False
    """Run Python code that the model repository ships; needs a pinned revision."""

    @model_validator(mode="after")
    def _pin_foreign_code(self) -> ModelConfig:
        if self.trust_remote_code and not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ValueError(
                "trust_remote_code=true needs a pinned revision, a commit of 40 hexadecimal "
                f"digits, not {self.revision!r}: branches and tags move"
            )
        return self


class DomainConfig(Settings):
    """One steering domain: a system prompt that makes the teacher ask about this."""

    name: str = Field(pattern=NAME)
    """Name of the domain in tables and quotas."""
    system_prompt: str = ""
    """System turn of the pre-query prefix; empty: the family's default."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the draws, relative to the other domains."""


class SamplingConfig(Settings):
    """How tokens are drawn."""

    temperature: float = Field(default=1.0, ge=0, le=5)
    """Softmax temperature; 0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus: smallest set of tokens with at least this probability."""
    max_new_tokens: int = Field(default=512, ge=1, le=131072)
    """Most tokens drawn; what ends here is marked "length"."""


class CompletionsConfig(Settings):
    """An OpenAI-compatible server that the `completions` engine talks to."""

    url: str = "http://127.0.0.1:8000/v1"
    """Base address of the server, without a password: settings are kept and shown."""
    timeout_seconds: float = Field(default=120, gt=0)
    """Time-out of one request."""
    retries: int = Field(default=5, ge=0)
    """How often a failed request is tried again, with growing waits."""
    requests_per_minute: float = Field(default=600, gt=0)
    """Rate limit."""
    parallel: int = Field(default=8, ge=1)
    """Requests under way at once."""
    api_key_variable: str = Field(default="OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Environment variable that holds the key; the key itself is never written anywhere."""

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password or parts.query:
            raise ValueError(
                "must hold no user, password or query; put the key into the environment variable "
                "that api_key_variable names"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must start with http:// or https:// and name a server")
        return value


class GenerationConfig(Settings):
    """Magpie: the teacher writes instructions and answers them (arXiv 2406.08464)."""

    source: str | None = None
    """File or folder with raw rows to use instead of drawing (JSON, JSONL, parquet, datasets)."""
    teacher: ModelConfig = ModelConfig(name="meta-llama/Llama-3.1-8B-Instruct", quantization="nf4")
    """The instruct model that writes the data."""
    engine: Literal["transformers", "vllm", "completions"] = "transformers"
    """What runs the teacher."""
    completions: CompletionsConfig = CompletionsConfig()
    """The server, for engine "completions"."""
    instruction: SamplingConfig = SamplingConfig(temperature=1.0, max_new_tokens=512)
    """How instructions are drawn."""
    response: SamplingConfig = SamplingConfig(temperature=0.7, max_new_tokens=1024)
    """How responses are drawn."""
    domains: tuple[DomainConfig, ...] = (DomainConfig(name="general"),)
    """Steering domains with their share of the draws."""
    turns: int = Field(default=1, ge=1, le=8)
    """User turns a conversation."""
    draws: int = Field(default=1500, ge=1)
    """Samples drawn at first (the study's 1,500 raw rows)."""
    max_draws: int = Field(default=6000, ge=1)
    """Most samples drawn while `filtering.target` is not reached."""
    chunk_size: int = Field(default=100, ge=1)
    """Samples a chunk: one task, one file. A killed session draws its unfinished samples again."""
    batch_size: int = Field(default=32, ge=1)
    """Samples drawn side by side; halved when memory runs out. Does not change the data."""

    @model_validator(mode="after")
    def _check(self) -> GenerationConfig:
        if self.max_draws < self.draws:
            raise ValueError(f"max_draws={self.max_draws} must be at least draws={self.draws}")
        names = [one.name for one in self.domains]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"domains must have distinct names, got {names}")
        return self


def _rule_settings() -> type[Settings]:
    """Compose the settings of all rules found in `filtering/rules/`."""
    fields: dict[str, Any] = {
        name: (module.Config, Field(default_factory=module.Config, description=module.__doc__))
        for name, module in discover(filter_rules).items()
    }
    return create_model("RuleSettings", __base__=Settings, **fields)


if TYPE_CHECKING:
    RuleSettings = Settings
    ArmConfig = MethodConfig
else:
    RuleSettings = _rule_settings()
    ArmConfig = Annotated[
        Union[tuple(module.Config for module in discover(training_methods).values())],  # noqa: UP007
        Field(discriminator="method"),
    ]


class DuplicatesConfig(Settings):
    """When two instructions count as the same, and when as related."""

    similarity: float = Field(default=0.8, gt=0, le=1)
    """Word-set Jaccard similarity from which the worse of two rows is rejected."""
    link_similarity: float = Field(default=0.6, gt=0, le=1)
    """Similarity from which kept rows are linked: a chain of links never spans both splits."""
    embedding: ModelConfig | None = None
    """Sentence encoder for near-duplicates in other words among the rows that pass everything else
    ("sentence-transformers/all-MiniLM-L6-v2"); None: words alone."""
    embedding_similarity: float = Field(default=0.95, gt=0, le=1)
    """Cosine similarity of embeddings from which the worse of two rows is rejected."""

    @model_validator(mode="after")
    def _links_are_looser(self) -> DuplicatesConfig:
        if self.link_similarity > self.similarity:
            raise ValueError(
                f"link_similarity={self.link_similarity} must be at most "
                f"similarity={self.similarity}"
            )
        return self


class ContaminationConfig(Settings):
    """When a row contains a benchmark item (see `filtering.contamination`)."""

    window: int = Field(default=40, ge=8)
    """Letters and digits a matching stretch must have (GPT-4's report, arXiv 2303.08774,
    appendix C, matches 50; 40 are about eight words)."""
    coverage: float = Field(default=0.8, gt=0, le=1)
    """Share of an item that must lie in matching stretches."""


class FilteringConfig(Settings):
    """Which rows are kept, and how they are split."""

    target: int = Field(default=1000, ge=1)
    """Rows wanted after filtering; generation goes on until they are there."""
    quotas: bool = True
    """Keep of each steering domain its share of the target (`generation.domains.weight`), whatever
    its yield; when no more can be drawn, rows of other domains fill up."""
    rules: RuleSettings = Field(default_factory=RuleSettings)
    """The filter rules with their thresholds."""
    validation_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of the kept rows held out for validation (the study's 160 of 800)."""
    duplicates: DuplicatesConfig = DuplicatesConfig()
    """Near-duplicates and the clusters that splits respect."""
    decontaminate: bool = True
    """Reject rows that contain items of the benchmarks of this study."""
    contamination: ContaminationConfig = ContaminationConfig()
    """What counts as containing an item."""


class ResponderConfig(Settings):
    """Who answers the kept instructions, and how: a model, or an arm of the study itself."""

    name: str = Field(pattern=NAME)
    """Name in tables."""
    model: ModelConfig | None = None
    """The responder, if it is a model of its own. One model may answer under several names, for
    example at several temperatures."""
    arm: str | None = None
    """The responder, if it is an arm that learns from the kept instructions: pairs then have a side
    that the student itself wrote (on-policy, as in Tulu 3, arXiv 2411.15124)."""
    sampling: SamplingConfig = SamplingConfig(temperature=0.7, max_new_tokens=512)
    """How its responses are drawn."""

    @model_validator(mode="after")
    def _one_of_both(self) -> ResponderConfig:
        if (self.model is None) == (self.arm is None):
            raise ValueError(f"responder {self.name!r} needs either a model or an arm")
        return self


class PreferenceConfig(Settings):
    """Several models answer, a reward model ranks, best and worst become a pair."""

    responders: tuple[ResponderConfig, ...] = (
        ResponderConfig(
            name="llama-1b", model=ModelConfig(name="meta-llama/Llama-3.2-1B-Instruct")
        ),
        ResponderConfig(
            name="mistral-7b",
            model=ModelConfig(name="mistralai/Mistral-7B-Instruct-v0.3", quantization="nf4"),
        ),
        ResponderConfig(name="qwen-3b", model=ModelConfig(name="Qwen/Qwen2.5-3B-Instruct")),
    )
    """Who answers; one model in memory at a time."""
    reward: ModelConfig = ModelConfig(
        name="OpenAssistant/reward-model-deberta-v3-large-v2", dtype="float32"
    )
    """Sequence-classification reward model. Not in half precision: bfloat16 rounds a reward near 5
    to steps of 0.03, a fifth of the least margin."""
    reward_format: Literal["auto", "pair", "chat", "likelihood"] = "auto"
    """What the reward model reads: "pair" (question and answer as two texts, DeBERTa-like), "chat"
    (its own chat template); auto: by its architecture, see `preference.reward_formats`.
    "likelihood": `reward` is an instruct model; its mean log-probability a token counts."""
    one_side: str | None = None
    """Responder whose answer must be one side of every pair; None: any two."""
    pairs: int = Field(default=600, ge=1)
    """Pairs wanted; the best-separated ones are not preferred, rows are taken in order."""
    min_margin: float = Field(default=0.15, ge=0)
    """Least reward difference between chosen and rejected: raw output of the reward model, or
    nats a token for "likelihood"."""
    max_similarity: float = Field(default=0.95, gt=0, le=1)
    """Pairs whose texts are more alike than this are rejected (Jaccard of the sets of adjacent word
    pairs: near 1 for a changed word in a long text, low for the same words in another order)."""
    chunk_size: int = Field(default=100, ge=1)
    """Instructions a task."""
    batch_size: int = Field(default=32, ge=1)
    """Responses drawn side by side; halved when memory runs out."""
    reward_batch_tokens: int = Field(default=8192, ge=64)
    """Tokens a reward-model batch, padding included."""

    @field_validator("responders")
    @classmethod
    def _two_at_least(cls, value: tuple[ResponderConfig, ...]) -> tuple[ResponderConfig, ...]:
        names = [one.name for one in value]
        if len(value) < 2 or len(set(names)) < len(names):
            raise ValueError(f"needs two or more responders with distinct names, got {names}")
        return value

    @model_validator(mode="after")
    def _one_side_answers(self) -> PreferenceConfig:
        names = [one.name for one in self.responders]
        if self.one_side not in (None, *names):
            raise ValueError(f"one_side={self.one_side!r} is no responder; allowed: {names}")
        return self


class TrainingConfig(Settings):
    """One student, several ways to adapt it."""

    student: ModelConfig = ModelConfig(name="meta-llama/Llama-3.2-3B", quantization="nf4")
    """The base model every arm starts from."""
    arms: tuple[ArmConfig, ...] = Field(default=(), min_length=0)
    """The adaptation methods to compare, in order; an arm may start from an earlier one."""
    max_length: int = Field(default=1024, ge=8)
    """Longest prompt + response in tokens; longer rows are cut and counted."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples a forward pass; None: as many of the arm's batch as the memory plan allows."""
    gradient_checkpointing: bool | None = None
    """Recompute activations to save memory; None: decided by the memory plan."""
    checkpoint_steps: int = Field(default=50, ge=1)
    """Optimizer steps between checkpoints."""
    checkpoint_minutes: float = Field(default=5, gt=0)
    """Minutes between checkpoints at most: what a killed session repeats at most."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of a training process; None: what OMP_NUM_THREADS says, else all cores."""
    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share an arm's batches, one a GPU; the rows of an update stay the same."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """With several processes: a whole model in each, or (fsdp) the weights spread over all."""

    @model_validator(mode="after")
    def _arms(self) -> TrainingConfig:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or "base" in names:
            raise ValueError(f"arms need distinct names other than 'base', got {names}")
        for position, arm in enumerate(self.arms):
            start = getattr(arm, "start_from", None)
            if start is not None and start not in names[:position]:
                raise ValueError(
                    f"arm {arm.name!r} has start_from={start!r}; allowed: {names[:position]}"
                )
        return self


class BenchmarkConfig(Settings):
    """One benchmark and how much of it."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=100)
    """"mmlu", "hellaswag", "arc_easy", "truthfulqa_mc1", "truthfulqa_mc2", "ifeval", "verifiable",
    "instructions", "retention", "agent", "dbbench", "speed", or any other lm-eval task."""
    num_fewshot: int | None = Field(default=None, ge=0)
    """Solved examples before each item; None: the task's own default."""
    items: int | None = Field(default=None, ge=1)
    """Size of the seeded, stratified subset; None: all items."""

    @property
    def key(self) -> str:
        """Folder and column name: "mmlu", or "mmlu-5shot" with examples."""
        return self.name if self.num_fewshot is None else f"{self.name}-{self.num_fewshot}shot"


class EvaluationConfig(Settings):
    """Every arm and the base on identical items, prompts, precision and batch size."""

    benchmarks: tuple[BenchmarkConfig, ...] = (
        BenchmarkConfig(name="mmlu", num_fewshot=5),
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
    batch_size: int = Field(default=16, ge=1)
    """Requests scored side by side: fixed, because on a GPU it moves scores a little."""
    max_length: int = Field(default=2048, ge=16)
    """Longest request in tokens, virtual tokens included; the same for every arm."""
    max_new_tokens: int = Field(default=256, ge=1)
    """Most tokens a generated answer may have."""
    primary: tuple[str, ...] = ()
    """Benchmarks of the primary family, declared before running (Holm-corrected); ()= all."""
    equivalence_margin: float = Field(default=0.02, gt=0, lt=1)
    """Difference (share of items) below which two models count as equivalent (TOST)."""
    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Family-wise error rate."""
    transcripts: int = Field(default=8, ge=0)
    """Prompts whose answers by every model are shown side by side in the report."""

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


class CostConfig(Settings):
    """Prices for cost estimates; read them as of the date they carry."""

    compute_units_per_hour: dict[str, float] = Field(
        default_factory=lambda: {"T4": 1.19, "L4": 2.09, "A100": 7.62, "H100": 14.0}
    )
    """Colab compute units an hour by GPU."""
    money_per_unit: float = Field(default=0.1, ge=0)
    """US dollars a compute unit (Colab sells 100 for 9.99)."""
    source: str = (
        "Colab's own display of units per hour; pay-as-you-go price 9.99 USD per 100 units"
    )
    """Where the prices come from."""


class SessionConfig(Settings):
    """How much one session may do before it leaves at a chunk boundary."""

    minutes: float | None = Field(default=None, gt=0)
    """Minutes of work; None: no limit."""
    samples: int | None = Field(default=None, ge=1)
    """Samples drawn; None: no limit."""
    compute_units: float | None = Field(default=None, gt=0)
    """Colab compute units by `costs.compute_units_per_hour` for this GPU; None: no limit."""


class RunnerConfig(Settings):
    """Where the pieces of a study that do not need each other are made; never changes the data."""

    kind: Literal["local", "workers", "ray"] = "local"
    """local: the run itself, one after the other; workers: the run and every free worker of the
    pool (needs `tuner deploy`); ray: a Ray cluster (needs prefect-ray)."""
    parallel: int = Field(default=2, ge=1, le=1000)
    """Pieces under way at once, at most."""
    stages: tuple[Literal["generation", "preference", "training", "evaluation"], ...] = (
        "generation",
        "preference",
    )
    """Whose pieces: chunks of samples and responses, arms, results. Arms and results are compared
    with each other, so leave them out unless the machines are alike."""
    address: str | None = None
    """Ray cluster, for example ray://host:10001; None: a small one on this machine."""
    gpus: float = Field(default=0, ge=0)
    """GPUs that Ray reserves for a piece; with 0 a piece sees none."""


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


class StudyConfig(Settings):
    """A whole study: generation, filtering, preference, training, evaluation, report."""

    name: str = Field(default="study", pattern=NAME, max_length=60)
    """Name of the study; a workspace holds one study."""
    title: str = "Which adaptation method, when, and at what cost?"
    """Title of report and slides."""
    seed: int = Field(default=42, ge=0, lt=2**31)
    """The run seed: every random choice of the study follows from it."""
    seeds: tuple[int, ...] = (42,)
    """Training seeds; the first is the headline run, more give a spread between runs."""
    generation: GenerationConfig = GenerationConfig()
    filtering: FilteringConfig = Field(default_factory=FilteringConfig)
    preference: PreferenceConfig = PreferenceConfig()
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = EvaluationConfig()
    gates: tuple[GateConfig, ...] = ()
    """Acceptance criteria."""
    costs: CostConfig = CostConfig()
    session: SessionConfig = SessionConfig()
    runner: RunnerConfig = RunnerConfig()

    @model_validator(mode="after")
    def _cross_checks(self) -> StudyConfig:
        limit = self.generation.max_draws
        if self.generation.source is None and self.filtering.target > limit:
            raise ValueError(
                f"filtering.target={self.filtering.target} is more than "
                f"generation.max_draws={limit}"
            )
        self._check_answering_arms()
        return self

    def _check_answering_arms(self) -> None:
        """Refuse responders that are no arm, or an arm that needs the very pairs it answers for."""
        arms = {arm.name: arm for arm in self.training.arms}
        for one in self.preference.responders:
            name = one.arm
            while name is not None:
                arm = arms.get(name)
                if arm is None or arm.data != "sft":
                    allowed = [arm.name for arm in arms.values() if arm.data == "sft"]
                    raise ValueError(
                        f"responder {one.name!r} is arm {name!r}; it must be one that learns from "
                        f"the kept instructions, not from pairs: {allowed}"
                    )
                name = arm.start_from
