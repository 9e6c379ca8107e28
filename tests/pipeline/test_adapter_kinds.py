"""Every kind of adapter that the installed PEFT registers: counted, trained, shipped, merged."""

import json
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.config import ModelConfig, TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.adapters.building import registered
from synthetic_instruction_tuner.methods.adapters.kinds import KINDS
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.memory import footprint
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import compatibility, students
from synthetic_instruction_tuner.training.export import export
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

SMALL = {
    "BEFT": {"target_modules": ["v_proj"]},
    "C3A": {"block_size": 32},
    "FOURIERFT": {"n_frequency": 100},
    "OFT": {"oft_block_size": 16},
    "ROAD": {"group_size": 16},
    "SHIRA": {"r": 4},
    "TRAINABLE_TOKENS": {"token_indices": [5, 6]},
    "VBLORA": {"vector_length": 32},
    "WAVEFT": {"n_frequency": 64},
}
"""Options where PEFT's defaults do not fit layers of 64 by 64."""
FAST = {"batch_size": 8, "epochs": 1, "learning_rate": 1e-2}
TRAINED = [one for one in registered() if not (one in KINDS and KINDS[one].refused)]
UNTIED = [one for one in TRAINED if one != "TRAINABLE_TOKENS"]
"""Those that go with a base whose embeddings are its output layer."""


def arm_of(kind: str, **settings: object) -> MethodConfig:
    given = {"name": "arm", "method": "peft", "peft_type": kind, "options": SMALL.get(kind, {})}
    (arm,) = TrainingConfig.model_validate({"arms": [given | settings]}).arms
    return arm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("student")
    return training_models.save_student(place, hidden_size=64, intermediate_size=64)


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("untied")
    shape = {"hidden_size": 64, "intermediate_size": 64, "tie_word_embeddings": False}
    return training_models.save_student(place, **shape)


def test_every_kind_is_trained_or_refused_with_a_reason() -> None:
    assert set(KINDS) <= set(registered())
    assert sorted(set(registered()) - set(TRAINED)) == [
        "CPT", "MULTITASK_PROMPT_TUNING", "POLY", "SHADOW", "XLORA",
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")  # PEFT, of kinds that are experimental
@pytest.mark.parametrize("kind", TRAINED)
def test_counts_are_pefts_own_and_gradients_reach_all(untied: Path, kind: str) -> None:
    import torch
    from peft import get_peft_model

    student, arm = ModelConfig(name=str(untied), dtype="float32"), arm_of(kind)
    base, _ = loading.load_causal(student, "cpu")
    model = get_peft_model(base, arm.adapter(base))
    trained, total = model.get_nb_trainable_parameters()
    if arm.limits().planned:
        planned = footprint.of(arm, student, "float32")
        assert (planned.trained, planned.total) == (trained, total)
    ids = torch.arange(5, 25)[None]
    model.train()
    model(input_ids=ids, labels=ids).loss.backward()
    received = [one for one in model.parameters() if one.requires_grad and one.grad is not None]
    assert sum(one.numel() for one in received) == trained


def shipped(study: Study, name: str) -> dict:
    """Train an arm here and commit it; return its `run.json`."""
    compatibility.check_arms(study.config.training)
    job = make_job(study, study.subject(name))
    train(job, lambda event, **fields: None, lambda: False)
    result: dict = json.loads((job.folder / "run.json").read_text())
    for path in sorted(job.work.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    study.store.commit(study.trained(study.subject(name)), {}, 0.0)
    return result


def logits(study: Study, name: str) -> object:
    import torch

    with students.under_test(study, study.subject(name)) as student, torch.no_grad():
        return student.wrapped(input_ids=torch.arange(5, 29)[None]).logits[:, -24:]


def check_whole_way(root: Path, student: Path, settings: dict) -> dict:
    """Train, reload, put the base back, merge; return the run."""
    import torch
    from transformers import AutoModelForCausalLM

    study = training_models.study(root, student, [{"name": "arm", **FAST, **settings}], rows=18)
    bare = logits(study, "base")
    run = shipped(study, "arm")
    found = logits(study, "arm")
    assert run["evaluations"][-1]["loss"] < run["evaluations"][0]["loss"]
    assert torch.equal(bare, logits(study, "base")), "the base is not what it was"
    subject = study.subject("arm")
    if subject.arm is not None and subject.arm.limits().merges:
        export(study, subject, root / "whole")
        whole = AutoModelForCausalLM.from_pretrained(root / "whole")
        ids = torch.arange(5, 29)[None]
        assert torch.allclose(whole(input_ids=ids).logits, found, atol=1e-5)
    else:
        with pytest.raises(ConfigurationError, match="has no form as plain weights"):
            export(study, subject, root / "whole")
    return run


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["ADAPTION_PROMPT", "CARTRIDGE", "LN_TUNING", "OFT"])
def test_the_whole_way(folder: Path, tmp_path: Path, kind: str) -> None:
    settings = {"method": "peft", "peft_type": kind, "options": SMALL.get(kind, {})}
    check_whole_way(tmp_path, folder, settings)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", UNTIED)
def test_the_whole_way_of_every_kind(folder: Path, tmp_path: Path, kind: str) -> None:
    test_the_whole_way(folder, tmp_path, kind)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("held", ["nf4", "int8"])
@pytest.mark.parametrize("kind", UNTIED)
def test_on_a_quantised_base_as_on_its_numbers(folder: Path, kind: str, held: str) -> None:
    """The same adapter on packed and on unpacked weights; kinds that read packed ones differ."""
    import torch
    from peft import get_peft_model
    from peft.utils.integrations import dequantize_module_weight

    arm = arm_of(kind)
    if held not in arm.limits().quantizations or arm.virtual_tokens:
        pytest.skip("refused, or beside the weights")
    packed, _ = loading.load_causal(
        ModelConfig(name=str(folder), dtype="float32", quantization=held), "cpu"
    )
    plain, _ = loading.load_causal(ModelConfig(name=str(folder), dtype="float32"), "cpu")
    for name, module in packed.named_modules():
        if type(module).__name__ in ("Linear4bit", "Linear8bitLt"):
            weight = plain.get_submodule(name).weight
            weight.data = dequantize_module_weight(module).float().reshape(weight.shape).clone()
    models = []
    for base in (packed, plain):
        torch.manual_seed(0)
        models.append(get_peft_model(base, arm.adapter(base)).eval())
    places = dict(models[1].named_parameters())
    ids = torch.arange(5, 29)[None]
    with torch.no_grad():
        for name, one in models[0].named_parameters():
            if one.requires_grad:
                one.add_(torch.randn_like(one) * 0.05 * (one.abs().mean() + 0.2))
                places[name].copy_(one)
        apart = (models[0](input_ids=ids).logits - models[1](input_ids=ids).logits).abs().max()
    assert apart < (1e-5 if held == "nf4" else 0.01)  # int8 rounds what goes in, too


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_what_starts_from_the_base_is_shipped_for_the_base_as_it_is(
    folder: Path, tmp_path: Path, start: str
) -> None:
    """Hardly trained, it must hardly differ from the base, from which it took its first values."""
    import torch

    arm = {"name": "arm", "method": "lora", "init_lora_weights": start, "dropout": 0, **FAST}
    study = training_models.study(tmp_path / "still", folder, [arm | {"learning_rate": 1e-9}], 18)
    run = shipped(study, "arm")
    assert run["shipped_parameters"] == 2 * run["trained_parameters"]
    assert torch.allclose(logits(study, "arm"), logits(study, "base"), atol=1e-5)
    check_whole_way(tmp_path / "moved", folder, arm)


def test_layers_trained_whole_leave_the_base_alone(untied: Path, tmp_path: Path) -> None:
    settings = {"method": "lora", "modules_to_save": ["lm_head", "norm"], "rank": 4}
    run = check_whole_way(tmp_path, untied, settings)
    linear = 2 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 64))
    assert run["trained_parameters"] == 4 * linear + 261 * 64 + 5 * 64  # all that end in norm


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"peft_type": "lorra"}, r"arm 'arm': peft_type='LORRA' .*allowed: ADALORA, .*XLORA"),
        ({"peft_type": "loha", "options": {"rank": 4}}, r"LOHA has no option 'rank'; .*, r,"),
        ({"peft_type": "oft", "options": {"r": 3}}, "arm 'arm': .*"),
        ({"peft_type": "loha", "options": {"task_type": "X"}}, "'task_type' follows from"),
        ({"method": "lora", "target_modules": ["q_proj", "qkv"]}, "no layer 'qkv'; .*down_proj"),
        ({"method": "lora", "rank_pattern": {"nope": 2}}, "rank_pattern: the base has no layer"),
        ({"method": "lora", "modules_to_save": ["lm_head"]}, "one tensor .*embed_tokens = lm_head"),
        ({"peft_type": "lora", "options": {"target_modules": "q.*"}}, "'q.*' is no list of names"),
        ({"peft_type": "adalora", "options": {"init_r": 4, "target_r": 4}}, "init_r"),
    ],
)  # fmt: skip
def test_what_does_not_go_is_said_before_anything_runs(
    folder: Path, settings: dict, message: str
) -> None:
    given = {
        "student": {"name": str(folder), "dtype": "float32"},
        "arms": [{"name": "arm", "method": "peft", **settings}],
    }
    training = TrainingConfig.model_validate(given)
    with pytest.raises(ConfigurationError, match=message):
        compatibility.check_arms(training)


ADALORA = {
    "method": "peft",
    "peft_type": "ADALORA",
    "options": {"init_r": 4, "target_r": 1, "tinit": 2, "tfinal": 3},
    "epochs": 6,
}


def test_adalora_keeps_its_budget_however_a_batch_is_split(folder: Path, tmp_path: Path) -> None:
    """Its penalty counts once an update, and half of the ranks are given away."""
    whole = check_whole_way(tmp_path / "whole", folder, ADALORA)
    study = training_models.study(
        tmp_path / "split",
        folder,
        [{"name": "arm", **FAST, **ADALORA}],
        rows=18,
        micro_batch_size=2,
    )
    losses = [[point["loss"] for point in one["curve"]] for one in (whole, shipped(study, "arm"))]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    pattern = json.loads((study.root / "models/arm/final/adapter_config.json").read_text())
    left = [sum(one) for one in pattern["rank_pattern"].values()]
    assert sum(left) == 14  # target_r times the linear layers of two blocks
    assert 0 in left
