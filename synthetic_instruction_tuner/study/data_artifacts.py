"""The artifacts of a study's data: items, draws, what models measure on them, filtered rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.config.sources import ColumnsConfig
from synthetic_instruction_tuner.models import families, reference
from synthetic_instruction_tuner.models.engines.protocol import engine_identity
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore
from synthetic_instruction_tuner.study import inputs
from synthetic_instruction_tuner.study.design import Design
from synthetic_instruction_tuner.study.stages import VERSIONS


@dataclass(frozen=True)
class DataArtifacts(Design):
    """Settings plus workspace, as far as data go.

    Attributes:
        root: The workspace folder.
    """

    root: Path

    @cached_property
    def store(self) -> ArtifactStore:
        """The artifacts of the workspace."""
        return ArtifactStore(self.root)

    @cached_property
    def items(self) -> Artifact:
        """The benchmark rows this study evaluates on (also what data is decontaminated from)."""
        settings = self.config.evaluation
        config: dict[str, object] = {
            "benchmarks": [one.model_dump(mode="json") for one in settings.benchmarks],
            "data": inputs.benchmark_content(settings.data_dir),
            "seed": self.config.seed,
        }
        names = [one.name for one in settings.benchmarks]
        drawn = {n: v for n in names if (v := benchmark_named(n).version) > 1}
        config |= {"versions": drawn} if drawn else {}
        if self.readings:
            config["prompt_items"] = settings.prompt_items
        return Artifact("items", "items", "evaluation/items", VERSIONS.items, config)

    @cached_property
    def draws(self) -> Artifact:
        """The endless sequence of draws: what determines sample 0, 1, 2, ... (never how many)."""
        settings = self.config.generation
        if settings.source is not None:
            return self._imported(settings.source, settings.columns)
        config = settings.content("instruction", "response", "domains", "turns") | {
            "engine": engine_identity(settings.engine),
            "teacher": reference.content(settings.teacher),
            "families": families.version(settings.teacher.family),
            "seed": self.config.seed,
        }
        return Artifact("generation", "draws", "data/raw/chunks", VERSIONS.generation, config)

    @staticmethod
    def _imported(source: str, columns: ColumnsConfig) -> Artifact:
        config: dict[str, object] = {"files": inputs.source_content(source)}
        if named := columns.model_dump(mode="json", exclude_none=True):
            config["columns"] = named
        version = VERSIONS.imports
        return Artifact("generation", "imported", "data/raw/imported", version, config)

    def chunk(self, first: int, last: int) -> Artifact:
        """The samples first..last (both included) of the sequence of draws."""
        folder = f"{self.draws.folder}/{first:07d}-{last:07d}"
        name = f"draws/{first:07d}-{last:07d}"
        config = {"first": first, "last": last}
        return Artifact("generation", name, folder, VERSIONS.generation, config, (self.draws,))

    def signals(self, kind: str, first: int, last: int) -> Artifact:
        """What one model of `filtering.quality` measures on samples first..last, or all imported.

        Args:
            kind: One of `filtering.quality.measured`.
            first: First sample of a chunk; 0 for imported rows.
            last: Last sample, included.
        """
        settings = self.config.filtering.quality
        model: ModelConfig = getattr(settings, kind)
        config: dict[str, object] = {"model": reference.content(model)}
        config |= {"format": settings.reward_format} if kind == "reward" else {}
        imported = self.config.generation.source is not None
        made_from = self.draws if imported else self.chunk(first, last)
        path = f"{kind}/{first:07d}-{last:07d}"
        version = VERSIONS.signals
        return Artifact(
            "filtering",
            f"signals/{path}",
            f"data/raw/signals/{path}",
            version,
            config,
            (made_from,),
        )

    @cached_property
    def filtered(self) -> Artifact:
        """Kept rows with splits, rejected rows with reasons: what later stages are made from."""
        return self._filtered(self.config.filtering.decontaminate)

    @cached_property
    def provisional(self) -> Artifact:
        """The rows filtered without the benchmark items: what is made where these are out of reach.

        It lies where `filtered` would and has the identity of a study that does not decontaminate.
        So no later stage of a study that does can take it for its data: to them it is missing.
        """
        return self._filtered(False)

    def _filtered(self, decontaminate: bool) -> Artifact:
        settings = self.config.filtering
        config = settings.model_dump(mode="json") | {"decontaminate": decontaminate}
        encoder = settings.duplicates.embedding
        config["duplicates"]["embedding"] = reference.content(encoder) if encoder else None
        config |= self._quality(config.pop("quality"))
        config["contamination"] = self._contamination()
        config |= {"seed": self.config.seed}
        if self.config.generation.source is None:
            config |= self.config.generation.content("draws", "max_draws")
        sources = (self.draws, self.items) if decontaminate else (self.draws,)
        version = VERSIONS.filtering
        return Artifact("filtering", "filtered", "data/filtered", version, config, sources)

    def _quality(self, settings: dict[str, object]) -> dict[str, object]:
        """Return what quality adds to the identity of filtered rows: nothing without models."""
        quality = self.config.filtering.quality
        settings = {
            name: value
            for name, value in settings.items()
            if name != "batch_tokens" and value is not None
        }
        models = {name: reference.content(getattr(quality, name)) for name in quality.measured}
        return {"quality": settings | models} if models else {}

    def _contamination(self) -> dict[str, object]:
        """Return what counts as containing an item; an encoder only where there is one."""
        settings = self.config.filtering.contamination
        found = settings.content("window", "coverage")
        if settings.embedding is not None:
            found |= settings.content("embedding_similarity")
            found["embedding"] = reference.content(settings.embedding)
        return found

    def raw(self, filtered: Artifact) -> Artifact:
        """The raw rows behind filtered ones, as files for people and tools."""
        folder, version = "data/raw/dataset", VERSIONS.filtering
        return Artifact("filtering", "raw", folder, version, {}, (filtered,))
