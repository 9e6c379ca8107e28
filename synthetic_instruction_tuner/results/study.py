"""The results of one study as tables and figures, each with the artifacts that it was read from.

Nothing is measured or computed here that a run did not write; reading changes nothing but what a
run would: damaged files are set aside.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from synthetic_instruction_tuner.analysis.frames.catalogue import TABLES
from synthetic_instruction_tuner.analysis.run import COMPARISON
from synthetic_instruction_tuner.analysis.runs import load_runs
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.store import chunk_manifests, read_samples
from synthetic_instruction_tuner.preference.scoring import REWARDS
from synthetic_instruction_tuner.records import (
    Example,
    PreferencePair,
    Rejection,
    Response,
    read_lines,
)
from synthetic_instruction_tuner.reporting.charts import catalogue, plotted
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.results import rows
from synthetic_instruction_tuner.results.rows import Row
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.storage.manifests import Manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.version import __version__

if TYPE_CHECKING:
    import pandas
    from plotly.graph_objects import Figure

Record = TypeVar("Record")


class StudyResults:
    """What a study found; see `synthetic_instruction_tuner.open_study`.

    Every method reads the files anew and returns a table of its own, so a table may be changed.
    `table.attrs["provenance"]` and `figure.layout.meta["provenance"]` say where it comes from:
    study, workspace, version, and identity, folder and time of the artifacts.

    Every method raises StageError, with the stage to run, for what is not there yet.

    Args:
        study: The study.
    """

    def __init__(self, study: Study) -> None:
        self.study = study

    def __repr__(self) -> str:
        return f"<results of study {self.name!r} in {self.root}>"

    @property
    def name(self) -> str:
        """Name of the study."""
        return self.study.config.name

    @property
    def root(self) -> Path:
        """Its workspace."""
        return self.study.root

    @property
    def models(self) -> list[str]:
        """The base and every arm, with every training seed."""
        return [one.name for one in self.study.subjects]

    # --- data ------------------------------------------------------------------------------------

    def draws(self) -> pandas.DataFrame:
        """Every sample as the teacher drew it, or as it was imported; fields as in `Sample`."""
        imported = self.study.config.generation.source is not None
        sources = (
            [self.study.store.require(self.study.draws)]
            if imported
            else chunk_manifests(self.study)
        )
        return self._table(map(rows.record, read_samples(self.study)), sources)

    def kept(self) -> pandas.DataFrame:
        """Rows that passed all rules, with split, quality and what models measured on them."""
        return self._lines(self._filtered(), "examples.jsonl", Example, rows.kept)

    def rejected(self) -> pandas.DataFrame:
        """Rows that a rule rejected: rule, value, threshold, texts."""
        return self._lines(self._filtered(), "rejected.jsonl", Rejection, rows.rejected)

    def responses(self) -> pandas.DataFrame:
        """Every responder's answer to every kept instruction, with its reward."""
        return self._lines(self.study.rewards, REWARDS, Response, rows.record)

    def pairs(self) -> pandas.DataFrame:
        """Best against worst response to one instruction, with both rewards and their margin."""
        return self._lines(self.study.pairs, "pairs.jsonl", PreferencePair, rows.record)

    def unpaired(self) -> pandas.DataFrame:
        """Instructions that gave no pair, and why."""
        return self._lines(self.study.pairs, "rejected.jsonl", Rejection, rows.rejected)

    # --- training and evaluation -----------------------------------------------------------------

    def curves(self) -> pandas.DataFrame:
        """Loss and other figures by step, of every arm that is trained; `split` says on what."""
        runs = [one for one in load_runs(self.study).values() if one is not None]
        sources = [self.study.store.require(self._arm(one.subject)) for one in runs]
        return self._table((row for one in runs for row in rows.curve(one)), sources)

    def items(self) -> pandas.DataFrame:
        """Every benchmark item as every model answered it, one row an item, model and prompt.

        `counts` is False where the base was asked in another prompt than its best one. `detail` is
        the whole log: choices and likelihoods, or an agent's conversation (`messages`).
        """
        artifacts = [*self.study.results, *map(self.study.reading, self.study.readings)]
        sources = [one for one in map(self.study.store.find, artifacts) if one is not None]
        return self._table(rows.items(self.study), sources)

    def scores(self) -> pandas.DataFrame:
        """Score of every model on every benchmark with its interval, a mean over training seeds."""
        return self.table("scores")

    def differences(self) -> pandas.DataFrame:
        """Paired difference of every two models on every benchmark: bounded, tested, judged."""
        return self.table("comparisons")

    def costs(self) -> pandas.DataFrame:
        """Parameters, bytes, seconds, memory and money of every training (`run`)."""
        return self.table("costs")

    @property
    def tables(self) -> list[str]:
        """Names of all tables of the comparison, which lie as CSV beside the report."""
        return list(TABLES)

    def table(self, name: str) -> pandas.DataFrame:
        """Return a table of the comparison.

        Args:
            name: One of `tables`.

        Raises:
            ConfigurationError: If there is none of that name; names those that there are.
            StageError: If there is no comparison yet.
        """
        if name not in TABLES:
            raise ConfigurationError(f"no table {name!r}; there are: {', '.join(self.tables)}")
        found = (dict(row) for row in TABLES[name](self._compared.data))
        return self._table(found, [self.study.store.require(self.study.comparison)])

    # --- figures ---------------------------------------------------------------------------------

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the report shows."""
        return list(self._charts)

    def figure(self, name: str) -> Figure:
        """Draw a figure of the report with plotly.

        Args:
            name: One of `figures`.

        Raises:
            ConfigurationError: If there is none of that name; names those that there are.
            StageError: If there is no comparison yet.
        """
        if name not in self._charts:
            raise ConfigurationError(f"no figure {name!r}; there are: {', '.join(self.figures)}")
        drawn = plotted.figure(self._charts[name], self._compared)
        comparison = self.study.store.require(self.study.comparison)
        drawn.update_layout(meta={"provenance": self._provenance([comparison])})
        return drawn

    # ---------------------------------------------------------------------------------------------

    @cached_property
    def _compared(self) -> Results:
        return Results.read(self.study.store.require(self.study.comparison).path(COMPARISON))

    @cached_property
    def _charts(self) -> dict[str, Chart]:
        return catalogue.charts(self._compared)

    def _filtered(self) -> Artifact:
        """Return the kept rows, or those that wait for the benchmark items."""
        there = self.study.store.find(self.study.filtered)
        provisional = there is None and self.study.store.find(self.study.provisional) is not None
        return self.study.provisional if provisional else self.study.filtered

    def _arm(self, name: str) -> Artifact:
        return self.study.trained(self.study.subject(name))

    def _lines(
        self, artifact: Artifact, file: str, kind: type[Record], as_row: Callable[[Record], Row]
    ) -> pandas.DataFrame:
        manifest = self.study.store.require(artifact)
        records = read_lines(manifest.path(file), kind)
        return self._table(map(as_row, records), [manifest], _names(kind))

    def _table(
        self, found: Iterable[Row], sources: Sequence[Manifest], empty: Sequence[str] = ()
    ) -> pandas.DataFrame:
        """Make a table; without rows it still has the columns of `empty`."""
        import pandas

        values = list(found)
        table = pandas.DataFrame(values) if values else pandas.DataFrame(columns=list(empty))
        table.attrs["provenance"] = self._provenance(sources)
        return table

    def _provenance(self, sources: Sequence[Manifest]) -> dict[str, object]:
        return {
            "study": self.name,
            "workspace": str(self.root),
            "version": __version__,
            "artifacts": {
                one.name: {
                    "identity": one.identity,
                    "folder": one.folder.relative_to(self.root).as_posix(),
                    "created": one.created,
                }
                for one in sources
            },
        }


def _names(kind: type) -> list[str]:
    return [one.name for one in dataclasses.fields(kind)]
