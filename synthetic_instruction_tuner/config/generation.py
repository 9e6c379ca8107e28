"""The settings of generation."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from synthetic_instruction_tuner.config.models import NAME, ModelConfig, SamplingConfig
from synthetic_instruction_tuner.config.sources import ColumnsConfig, hub_source
from synthetic_instruction_tuner.settings import Settings


class DomainConfig(Settings):
    """One steering domain: a system prompt that makes the teacher ask about this."""

    name: str = Field(pattern=NAME)
    """Name of the domain in tables and quotas."""
    system_prompt: str = ""
    """System turn of the pre-query prefix; empty: the family's default."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the draws, relative to the other domains."""


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

    source: str | None = Field(default=None, examples=["rows.csv"])
    """Raw rows to use instead of drawing: a file (JSON, JSONL, CSV, TSV, parquet, each also .gz), a
    folder of them or of `datasets`, or "hf:owner/name@revision#split" on the Hub."""
    columns: ColumnsConfig = ColumnsConfig()
    """Which field of those rows is what; the usual names are recognised."""
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

    @field_validator("source")
    @classmethod
    def _is_readable(cls, value: str | None) -> str | None:
        if value is not None:
            hub_source(value)
        return value

    @model_validator(mode="after")
    def _check(self) -> GenerationConfig:
        if self.max_draws < self.draws:
            raise ValueError(f"max_draws={self.max_draws} must be at least draws={self.draws}")
        names = [one.name for one in self.domains]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"domains must have distinct names, got {names}")
        return self
