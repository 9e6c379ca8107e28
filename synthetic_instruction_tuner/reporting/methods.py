"""Methods and related work: what was done, on what, with which settings, and whose ideas it uses.

Sentences are templates (see `reporting.store`); figures come from settings and conditions.
"""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables.tables import Cell, Table

RELATED = (
    "Magpie (Xu et al., arXiv:2406.08464) draws instructions from an aligned model that is shown "
    "only the start of a conversation; the data here are made that way. LoRA (Hu et al., "
    "arXiv:2106.09685) trains low-rank updates of frozen weights, prompt tuning (Lester et al., "
    "arXiv:2104.08691) virtual tokens before the input, DPO (Rafailov et al., arXiv:2305.18290) "
    "learns from preference pairs without a reward model in the loop.",
    "Surveys of parameter-efficient fine-tuning (Lialin et al., arXiv:2303.15647; Han et al., "
    "arXiv:2403.14608) compare methods by published numbers; LoRA was found to learn less and "
    "forget less than full fine-tuning (Biderman et al., arXiv:2405.09673), and tuned learning "
    "rates to leave little between its variants (arXiv:2602.04998). This study compares the "
    "methods on one student, the same items and the same machine.",
    "Scores follow lm-evaluation-harness (Biderman et al., arXiv:2405.14782) and OLMES (Gu et "
    "al., arXiv:2406.08446); differences are paired and bounded as Miller proposes "
    "(arXiv:2411.00640).",
)
"""Related work, with citations."""

SHARED = (
    ("schedule", "schedule"),
    ("warmup_share", "warm-up share"),
    ("weight_decay", "weight decay"),
    ("max_grad_norm", "gradient norm clipped at"),
    ("dropout", "dropout"),
)
"""Settings of an arm that the table of arms does not show."""


def paragraphs(results: Results) -> list[str]:
    """Tell models, training, hardware and software of the study."""
    return [one for one in (_models(results), _training(results), _machine(results)) if one]


def setting(results: Results, name: str) -> str:
    """Return a reference to a setting's value; "" if the study has no such setting."""
    for place, one in enumerate(results.data["settings"]):
        if one["setting"] == name:
            return f"[[settings/{place}/value|plain]]"
    return ""


def _models(results: Results) -> str:
    study = results.data["study"]
    weights = setting(results, "training.student.quantization")
    text = f"Student: {study['student']}, a base model; its weights are held as {weights}"
    text += f" in {setting(results, 'training.student.dtype')}. "
    if study["source"]:
        return f"{text}Rows: imported from {study['source']}."
    return (
        f"{text}Teacher: {study['teacher']}, an instruction-tuned model. It writes instructions at "
        f"temperature {setting(results, 'generation.instruction.temperature')} (at most "
        f"{setting(results, 'generation.instruction.max_new_tokens')} tokens) and responses at "
        f"{setting(results, 'generation.response.temperature')} (at most "
        f"{setting(results, 'generation.response.max_new_tokens')} tokens)."
    )


def _training(results: Results) -> str:
    first = next(iter(results.trained), None)
    if first is None:
        return ""
    path, own = f"subjects/{first}/settings", results.data["subjects"][first]["settings"]
    shared = [f"{label} [[{path}/{name}|plain]]" for name, label in SHARED if name in own]
    conditions = results.data["training"][first]["conditions"]
    text = f"All arms are trained with AdamW ({results.label(first)}: {', '.join(shared)}) on rows "
    text += f"of at most {setting(results, 'training.max_length')} tokens; the loss of responses "
    text += "counts the tokens of the response alone."
    for name, words in (("precision", "Precision"), ("attention", "attention")):
        if name in conditions:
            text += f" {words}: [[training/{first}/conditions/{name}|plain]]."
    return text.replace("Precision: ", "Computed in ").replace(" attention: ", " Attention: ")


def _machine(results: Results) -> str:
    first = next(iter(results.trained), None)
    told = []
    if first and "device" in results.data["training"][first]["conditions"]:
        told.append(f"Device: [[training/{first}/conditions/device|plain]].")
    for place, _ in enumerate(results.data["machines"]):
        path = f"machines/{place}"
        told.append(
            f"Machine: [[{path}/processor|plain]], [[{path}/cores|count]] cores, "
            f"[[{path}/memory_bytes|bytes]] of memory, [[{path}/system|plain]]."
        )
    if not results.data["machines"]:
        told.append("The machine was not recorded.")
    versions = results.get(f"training/{first}/conditions/versions") or {}
    if versions:
        at = f"training/{first}/conditions/versions"
        names = ("python", "torch", "transformers", "peft", "trl")
        known = [f"{name} [[{at}/{name}|plain]]" for name in names if name in versions]
        told.append(f"Software: {', '.join(known)}; this tool [[software/version|plain]].")
    return " ".join(told)


def targets(results: Results) -> Table | None:
    """Which layers each adapter is attached to, as PEFT wrote it; None without adapters."""
    rows = []
    for arm in results.arms:
        adapter = results.get(f"training/{arm}/adapter") or {}
        if not adapter:
            continue
        modules = adapter.get("target_modules")
        shown = ", ".join(modules) if isinstance(modules, list) else modules or "the input alone"
        rows.append((Cell(results.label(arm)), Cell(str(adapter["peft_type"])), Cell(shown)))
    if not rows:
        return None
    return Table(
        "targets", ("Arm", "PEFT type", "Attached to"), tuple(rows), words=frozenset({0, 1, 2})
    )


def departures(results: Results) -> Table | None:
    """Settings of training that depart from their defaults, and why; None where none does."""
    rows = []
    for place, one in enumerate(results.data["settings"]):
        name = str(one["setting"])
        if not one["departs"] or not name.startswith("training.") or name.endswith(".start_from"):
            continue
        path, why = f"settings/{place}", one["reason"] or "no reason is given in the settings"
        default = Cell("–") if one["default"] is None else Cell(f"[[{path}/default|plain]]")
        label = name.removeprefix("training.").removeprefix("arms.")
        rows.append((Cell(label), Cell(f"[[{path}/value|plain]]"), default, Cell(why)))
    if not rows:
        return None
    return Table(
        "departures",
        ("Setting of training", "Here", "Default", "Why"),
        tuple(rows),
        "All other settings, of every stage, stand beside their defaults in tables/settings.csv.",
        frozenset({0, 3}),
    )
