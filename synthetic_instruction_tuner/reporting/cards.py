"""Model and dataset cards, filled from the results."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner.reporting import page
from synthetic_instruction_tuner.reporting.markdown import cell
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables, tables_data
from synthetic_instruction_tuner.reporting.tables.tables import Table
from synthetic_instruction_tuner.study.subject import BASE


def model_card(results: Results, arm: str) -> str:
    """Write the card of one arm: what it is, how it scores against the base, what it cost."""
    subject, study = results.data["subjects"][arm], results.data["study"]
    scores = tables.scores(results, [BASE, arm])
    header: dict[str, Any] = {
        "base_model": study["student"],
        "library_name": "peft",
        "tags": ["synthetic-data", subject["method"]],
    }
    parts = [
        front_matter(header),
        f"# {results.label(arm)} of {cell(study['student'])}",
        f"Arm `{arm}` of the study `{study['name']}`, adapted from {cell(study['student'])} with "
        + (
            f"rows of {cell(study['source'])}."
            if study["source"]
            else f"synthetic data by {cell(study['teacher'])}."
        ),
        "## Results",
        as_markdown(results, scores),
        "## Training",
        as_markdown(results, only(tables_data.training(results), results.label(arm))),
        as_markdown(results, only(tables_data.methods(results), results.label(arm))),
        "## Cost",
        as_markdown(results, only(tables.efficiency(results), results.label(arm))),
        "## Limits",
        *(f"- {cell(results.text(one))}" for one in _limits(results)),
    ]
    return "\n\n".join(parts) + "\n"


def dataset_card(results: Results) -> str:
    """Write the card of the data set: figures, rules, criteria, and where it came from."""
    study = results.data["study"]
    rules = results.get("dataset/rules") or []
    lines = [
        f"- {cell(one['stage'])}, {cell(one['rule'])}: "
        f"{results.number(f'dataset/rules/{position}/count', 'count')}"
        for position, one in enumerate(rules)
    ]
    parts = [
        front_matter({"language": "en", "tags": ["synthetic", "instruction-tuning", "magpie"]}),
        f"# Data of the study `{study['name']}`",
        f"Rows imported from {cell(study['source'])}; their licence governs what may be done with "
        "them."
        if study["source"]
        else f"Instructions and responses by {cell(study['teacher'])}; the licence of that "
        "generator governs what may be done with them.",
        as_markdown(results, tables_data.data(results)),
        "## Rejected rows by rule",
        "\n".join(lines) or "Not measured.",
        "## Acceptance criteria",
        as_markdown(results, tables.gates(results)),
        f"Seed {results.number('study/seed', 'plain')}.",
    ]
    return "\n\n".join(parts) + "\n"


def front_matter(values: dict[str, Any]) -> str:
    """Write the metadata block of a card."""
    import yaml

    return f"---\n{yaml.safe_dump(values, sort_keys=True, allow_unicode=True)}---"


def only(table: Table, label: str) -> Table:
    """Keep the rows of one model."""
    rows = tuple(row for row in table.rows if row[0].text == label)
    return Table(table.name, table.header, rows, table.note, table.words)


def as_markdown(results: Results, table: Table) -> str:
    """Write one table as Markdown."""
    from jinja2 import Environment

    source = page.template("report.md.j2").split("{% endmacro %}")[0] + "{% endmacro %}"
    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters["cell"] = cell
    module = environment.from_string(source).make_module({"fill": results.text})
    return str(module.table(table)).strip()  # type: ignore[attr-defined]


def _limits(results: Results) -> list[str]:
    from synthetic_instruction_tuner.reporting.findings import limitations

    return limitations(results)
