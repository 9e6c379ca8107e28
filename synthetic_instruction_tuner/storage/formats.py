"""Data sets as files: JSON for people, parquet for tools, a card that says where they come from.

Both kinds are written from the same rows. A folder with a card is what `datasets.load_dataset`
takes as it is: the card names the parquet file of every split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.storage.files import write_bytes, write_json

CARD = "README.md"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
"""Size classes of the Hub's data set cards."""


class Licence(NamedTuple):
    """Terms that a model puts on the text it writes.

    Attributes:
        id: Licence id of the Hub; "other" where it has none or none is known.
        note: What a user of the text has to know.
    """

    id: str
    note: str


_LLAMA_3 = Licence("llama3", "Llama 3 licence: its output may not improve models other than Llama")
_LLAMA_3_1 = Licence("llama3.1", "Llama 3.1 Community License: keep its notice")

LICENCES: Mapping[str, Licence] = {
    "sandbox:*": Licence("apache-2.0", "written by the embedded models of this project"),
    "meta-llama/Llama-3.1-*": _LLAMA_3_1,
    "meta-llama/Meta-Llama-3.1-*": _LLAMA_3_1,
    "meta-llama/Llama-3.2-*": Licence("llama3.2", "Llama 3.2 Community License: keep its notice"),
    "meta-llama/Llama-3.3-*": Licence("llama3.3", "Llama 3.3 Community License: keep its notice"),
    "meta-llama/Meta-Llama-3-*": _LLAMA_3,
    "google/gemma-*": Licence("gemma", "Gemma Terms of Use apply to models trained on it"),
    "Qwen/Qwen2.5-3B*": Licence("other", "Qwen Research License: no commercial use"),
    "Qwen/Qwen2.5-72B*": Licence("other", "Qwen License: terms for large services"),
    "Qwen/Qwen2-72B*": Licence("other", "Qwen License: terms for large services"),
    "Qwen/Qwen2*": Licence("apache-2.0", "licence of the generator"),
    "Qwen/Qwen3*": Licence("apache-2.0", "licence of the generator"),
    "microsoft/Phi-*": Licence("mit", "licence of the generator"),
    "microsoft/phi-4*": Licence("mit", "licence of the generator"),
    "mistralai/Mistral-7B-*": Licence("apache-2.0", "licence of the generator"),
    "HuggingFaceTB/SmolLM*": Licence("apache-2.0", "licence of the generator"),
}  # fmt: skip
"""Licence by pattern of the model id, the first match counts. Source: the models' cards."""


def licence_of(model: str | None) -> Licence:
    """Return the licence of what a model writes; "other" and a reason where it is not known."""
    if model is None:
        return Licence("other", "imported rows: the licence of their source applies")
    for pattern, licence in LICENCES.items():
        if fnmatchcase(model, pattern):
            return licence
    return Licence("other", f"no licence is known for texts of {model!r}; see its model card")


def write_json_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as one JSON list, indented for people."""
    write_json(path, list(rows))


def write_parquet(
    path: Path, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> None:
    """Write rows as parquet.

    Args:
        path: File to write.
        rows: The rows; each has every column.
        columns: Kind by column: "text", "number", "integer", or "messages" (a list of turns with
            role and content). Given, not guessed, so that no row changes what a column is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    turn = pa.struct([("role", pa.string()), ("content", pa.string())])
    kinds = {
        "text": pa.string(),
        "number": pa.float64(),
        "integer": pa.int64(),
        "messages": pa.list_(turn),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.items()])
    values = [{name: _plain(row[name]) for name in columns} for row in rows]
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(values, schema=schema), buffer, compression="zstd")
    write_bytes(path, buffer.getvalue().to_pybytes())


def _plain(value: object) -> Any:
    return list(value) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Card:
    """What a data set card says.

    Attributes:
        title: Heading.
        summary: First paragraph.
        licence: Terms of the text.
        task: Task category of the Hub ("text-generation").
        rows: Number of rows in all.
        files: File by split, relative to the card.
        tables: Heading to table, each a list of rows with the same keys.
        facts: Settings and figures, shown as a list.
    """

    title: str
    summary: str
    licence: Licence
    task: str
    rows: int
    files: Mapping[str, str]
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_card(folder: Path, card: Card) -> None:
    """Write the card as README.md with the metadata block that the Hub and `datasets` read."""
    import yaml

    splits = [{"split": name, "path": path} for name, path in card.files.items()]
    metadata = {
        "license": card.licence.id,
        "language": ["en"],
        "task_categories": [card.task],
        "size_categories": [_size(card.rows)],
        "tags": ["synthetic", "magpie"],
        "configs": [{"config_name": "default", "data_files": splits}],
    }
    lines = [f"# {card.title}", "", card.summary, ""]
    lines += [f"Licence: {card.licence.id} ({card.licence.note}).", ""]
    for name, value in card.facts.items():
        lines.append(f"- {name}: {_shown(value)}")
    for heading, rows in card.tables.items():
        lines += ["", f"## {heading}", "", *markdown_table(rows)]
    text = f"---\n{yaml.safe_dump(metadata, sort_keys=False)}---\n" + "\n".join(lines) + "\n"
    write_bytes(folder / CARD, text.encode())


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Render rows with equal keys as the lines of a Markdown table."""
    if not rows:
        return ["(none)"]
    header = list(rows[0])
    body = [[_cell(_shown(row[name])) for name in header] for row in rows]
    cells = [header, ["---"] * len(header), *body]
    return ["| " + " | ".join(line) + " |" for line in cells]


def _cell(text: str) -> str:
    """Keep a text in its cell: one line, no border, no HTML."""
    return re.sub(r"([|<>\\])", r"\\\1", " ".join(text.split()))


def _shown(value: object) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _size(rows: int) -> str:
    return next((name for bound, name in SIZES if rows < bound), "n>1M")


class HubClient(Protocol):
    """The two calls of `huggingface_hub.HfApi` that publishing needs."""

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> object:
        """Create a repository."""

    def upload_folder(
        self, *, repo_id: str, repo_type: str, folder_path: str, commit_message: str
    ) -> object:
        """Upload a folder as one commit."""


def push_to_hub(
    folder: Path,
    name: str,
    client: HubClient | None = None,
    private: bool = True,
    kind: Literal["dataset", "model"] = "dataset",
) -> str:
    """Publish a folder with a card; nothing in a study does so by itself.

    Args:
        folder: A committed folder with a card.
        name: Repository on the Hub, "owner/name".
        client: What talks to the Hub; by default `huggingface_hub.HfApi` with the token that
            `hf auth login` or HF_TOKEN provides.
        private: Whether a new repository is private.
        kind: What the repository holds.

    Returns:
        The repository's name.

    Raises:
        ConfigurationError: If the name has no owner, or no token is there.
        StageError: If the folder has no card.
    """
    _require_owner(name)
    if not (folder / CARD).is_file():
        raise StageError(f"{folder} has no {CARD}; run the stage that writes it first")
    client = client or _hub_client()
    client.create_repo(name, repo_type=kind, private=private, exist_ok=True)
    client.upload_folder(
        repo_id=name,
        repo_type=kind,
        folder_path=str(folder),
        commit_message=f"Upload {folder.name}",
    )
    return name


def require_hub(name: str) -> None:
    """Refuse a repository that could not be written, before anything is made for it.

    Raises:
        ConfigurationError: If the name has no owner, or no token is there.
    """
    _require_owner(name)
    _hub_client()


def _require_owner(name: str) -> None:
    if name.count("/") != 1 or not all(name.split("/")):
        raise ConfigurationError(f"name of the repository {name!r}; wanted: owner/name")


def _hub_client() -> HubClient:
    from huggingface_hub import HfApi, get_token

    if get_token() is None:
        raise ConfigurationError("no Hugging Face token; run `hf auth login` or set HF_TOKEN")
    client: HubClient = HfApi()
    return client
