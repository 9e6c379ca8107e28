"""Build the embedded model family from nothing.

Run ``python -m synthetic_instruction_tuner.sandbox.workshop.build --output DIR``.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from synthetic_instruction_tuner.sandbox.workshop import (
    answer_pool,
    batches,
    cards,
    measure,
    networks,
    reward,
    tokenizer,
    training,
)

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SEED: Final = 20_261_122
BATCH_TOKENS: Final = 2048
REWARD_INSTRUCTIONS: Final = 1_500
ROLES: Final = ("teacher", "responder", "student", "reward")


@dataclass(frozen=True)
class LanguageModel:
    """How one language model is trained.

    Attributes:
        shape: Size of the network.
        text: Trained on conversations or on plain documents.
        tokens: Real tokens at scale 1.
        longest: Longest row in tokens.
        offset: Added to the seed, so that no two models read the same corpus.
        snapshots: Shares of the tokens at which a snapshot is written beside the model.
    """

    shape: networks.Shape
    text: Literal["chat", "plain"]
    tokens: int
    longest: int
    offset: int
    snapshots: tuple[float, ...] = ()


LANGUAGE_MODELS: Final = {
    "teacher": LanguageModel(networks.FULL, "chat", 16_000_000, 256, 1, (0.25, 0.5, 0.7)),
    "student": LanguageModel(networks.FULL, "plain", 5_000_000, 512, 2, (0.25, 0.5, 0.75)),
    "responder": LanguageModel(networks.SMALL, "chat", 5_000_000, 256, 3, (0.5,)),
}


@dataclass(frozen=True)
class Plan:
    """Where, how large and on what the family is built."""

    output: Path
    scale: float
    device: str
    seed: int

    def folder(self, role: str) -> Path:
        """Folder of a model."""
        return self.output / role

    def finished(self, role: str) -> bool:
        """A model is finished when its training record stands; the record is written last."""
        return (self.folder(role) / "training.json").exists()

    def record(self, role: str, facts: dict[str, Any]) -> None:
        """Write a model's training record."""
        facts = {**facts, "seed": self.seed, "scale": self.scale, "hardware": hardware(self.device)}
        text = json.dumps(facts, indent=2) + "\n"
        (self.folder(role) / "training.json").write_text(text, encoding="utf-8")


def hardware(device: str) -> str:
    """Name the processor that computes."""
    import torch

    if device == "cuda":
        return str(torch.cuda.get_device_name())
    for line in (
        Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    ):
        if line.startswith("model name"):
            return f"{line.split(':', 1)[1].strip()}, {torch.get_num_threads()} thread(s)"
    return f"CPU, {torch.get_num_threads()} thread(s)"


def shared_tokenizer(plan: Plan) -> "PreTrainedTokenizerFast":
    """Return the family's tokenizer; train it the first time."""
    folder = plan.output / "tokenizer"
    if not (folder / "tokenizer.json").exists():
        tokenizer.train_tokenizer(
            plan.seed, rows=max(500, int(15_000 * min(1.0, plan.scale)))
        ).save_pretrained(folder)
    return networks.load_tokenizer(folder)


def _rows(
    recipe: LanguageModel, plan: Plan, tok: "PreTrainedTokenizerFast"
) -> Iterator[batches.Batch]:
    seed = plan.seed + recipe.offset
    rows = (batches.chat_rows if recipe.text == "chat" else batches.plain_rows)(seed, tok)
    return batches.batches(rows, tok.pad_token_id, BATCH_TOKENS, seed, recipe.longest)


def build_language_model(role: str, plan: Plan) -> None:
    """Train one language model and write its folder."""
    recipe, tok = LANGUAGE_MODELS[role], shared_tokenizer(plan)
    eos = tokenizer.EOT if recipe.text == "chat" else tokenizer.EOS
    seed = plan.seed + recipe.offset
    model = networks.new_model(tok, eos, shape=recipe.shape, seed=seed, device=plan.device)
    tokens = int(recipe.tokens * plan.scale)

    def keep(index: int, weights: dict[str, Any]) -> None:
        copy = networks.new_model(tok, eos, shape=recipe.shape, seed=seed, device=plan.device)
        copy.load_state_dict(weights)
        networks.save_model(copy, tok, plan.output / "snapshots" / f"{role}-{index}", eos)

    marks = tuple(int(tokens * share) for share in recipe.snapshots)
    done = training.train(
        role,
        model,
        _rows(recipe, plan, tok),
        tokens,
        snapshots=marks,
        on_snapshot=keep,
    )
    if recipe.text == "plain":
        networks.settle_unseen_tokens(model, tok, seed)
    networks.save_model(model, tok, plan.folder(role), eos)
    facts = {
        "tokens": done.tokens,
        "minutes": round(done.seconds / 60, 1),
        "loss": round(done.loss, 4),
    }
    plan.record(role, facts)


def build(
    output: Path,
    scale: float = 1.0,
    device: str = "auto",
    seed: int = SEED,
    only: str | None = None,
) -> None:
    """Build every model that `output` does not hold yet, then measure and write the model cards.

    Args:
        output: Folder that receives one folder for each model.
        scale: Factor of all token and sample counts; 1 gives the embedded models.
        device: "cuda", "cpu", or "auto" for whichever is there.
        seed: Seed of weights, corpora and draws.
        only: Build this model alone (its needs must be there) and measure nothing;
            several such processes may share one folder.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    plan = Plan(output, scale, device, seed)
    output.mkdir(parents=True, exist_ok=True)
    for role in (only,) if only else (*LANGUAGE_MODELS, "reward"):
        if plan.finished(role):
            print(f"{role}: finished before, kept", flush=True)
        elif role in LANGUAGE_MODELS:
            build_language_model(role, plan)
        else:
            build_reward(plan)
    if not only:
        finish(plan)


def build_reward(plan: Plan) -> None:
    """Sample and judge answers, then build the reward model and fit its score to them."""
    teacher = networks.load_model(plan.folder("teacher"), plan.device)
    tok = networks.load_tokenizer(plan.folder("teacher"))
    start = time.monotonic()
    pool = _answer_pool(plan, teacher, tok)
    rows, steps, pairs = (
        max(128, int(n * plan.scale)) for n in (reward.CODE_ROWS, reward.CODE_STEPS, reward.PAIRS)
    )
    model = reward.new_reward_model(teacher, tok, rows, steps, plan.seed)
    ranked = reward.fit_score(model, tok, pool, pairs, plan.seed)
    networks.save_model(model, tok, plan.folder("reward"), tokenizer.EOT)
    facts = {
        "minutes": round((time.monotonic() - start) / 60, 1),
        "corpus_rows": rows,
        "code_steps": steps,
        "pairs": pairs,
        "pairs_ranked_rightly": round(ranked, 4),
        "judged_instructions": len(pool),
        "sampled_wrong_answers": sum(len(judged.wrong) for judged in pool),
    }
    plan.record("reward", facts)


def _answer_pool(
    plan: Plan, teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast"
) -> list[answer_pool.Judged]:
    path = plan.output / "snapshots" / "pool.jsonl"
    if path.exists():
        return answer_pool.load_pool(path)
    responder = networks.load_model(plan.folder("responder"), plan.device)
    sources = [
        answer_pool.Source(teacher, 0.7),
        answer_pool.Source(teacher, 1.1),
        answer_pool.Source(responder, 0.9),
    ]
    count = max(64, int(REWARD_INSTRUCTIONS * plan.scale))
    prompts = answer_pool.pool_instructions(teacher, tok, count, plan.seed)
    pool = answer_pool.sample_pool(prompts, sources, tok, plan.seed)
    answer_pool.save_pool(pool, path)
    wrong = sum(len(judged.wrong) for judged in pool)
    print(f"reward: {len(pool)} instructions, {wrong} wrong answers sampled", flush=True)
    return pool


def finish(plan: Plan) -> None:
    """Measure the family and write its cards; what is as it was is not measured again."""
    path = plan.output / "measurements.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rewritten = False
    for role in ROLES:
        folder = plan.folder(role)
        digest = cards.sha256(folder / "model.safetensors")
        training_record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        entry = {"sha256": digest, "training": training_record, "measured_seed": measure.SEED}
        changed = known.get(role, {}).get("sha256") != digest
        # The reward model is measured on answers of teacher and responder.
        rewritten |= changed and role != "student"
        if changed or (role == "reward" and rewritten):
            print(f"{role}: measuring", flush=True)
            entry["measured"] = measure.measure_role(role, plan.output, plan.scale, plan.device)
        else:
            entry["measured"] = known[role]["measured"]
        known[role] = entry
        card = cards.card(role, training_record, entry["measured"], digest)
        (folder / "README.md").write_text(card, encoding="utf-8")
        path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", choices=(*LANGUAGE_MODELS, "reward"))
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="two processes with one thread each beat one with two",
    )
    arguments = parser.parse_args()
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    start = time.monotonic()
    build(arguments.output, arguments.scale, arguments.device, arguments.seed, arguments.only)
    print(f"built in {(time.monotonic() - start) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
