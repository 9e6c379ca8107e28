"""The reward model's network: a teacher that notices what it would not have said.

A causal model knows the next token only in its last layer; to notice that the token which follows
is another one, it needs layers after that. Two are written here rather than learned (learning them
from judged pairs was tried in a few short runs and stayed behind).

The teacher's layers are embedded unchanged in a slightly wider stream. Extra dimensions carry a
code of the token that stands at a position, too faint to disturb those layers. The first new layer
looks back one position, takes the code of the token that the teacher expected there, and subtracts;
the squared rest is how surprised the teacher is. The codes are fitted so that it is about minus the
log-probability. The second new layer averages the surprise over the answer, which it finds by the
word "assistant" in the header; the score is minus that average, on a scale that is learned
(`reward`).
"""

from typing import TYPE_CHECKING, Any, Final

from synthetic_instruction_tuner.sandbox.workshop.surprise import CODE, Codes

if TYPE_CHECKING:
    import torch
    from transformers import (
        LlamaForCausalLM,
        LlamaForSequenceClassification,
    )

NEW_LAYERS: Final = 2
# After the codes come three more dimensions: ballast, so heavy that the norms of the new layers
# divide by nearly the same everywhere; one that is set on the token "assistant"; and one that holds
# the same value everywhere, since what finds positions must not depend on words.
EXTRA: Final = CODE + 3
BALLAST: Final = -3
MARK: Final = -2
SAME: Final = -1
# Scale of the codes beside the teacher's stream (whose entries are of order one), and of what the
# first new layer writes where a token was not expected.
FAINT: Final = 0.1
_FAINTER: Final = 0.005
LOUD: Final = 20.0
_MARKED: Final = 5.0
# Weight of the average surprise beside the teacher's stream.
GATHERED: Final = 20.0
# Weights of the rotary frequencies, fast to slow, with which a query meets the key one position
# back at 1 and every other key, up to 400 back, below -0.37 (found by linear programming): the sign
# does not depend on how long the key is.
_LOOK_BACK: Final = (2.0,) * 7 + (1.123, -0.123) + (-2.0,) * 7
_SHARPNESS: Final = 100.0
_FIRM: Final = 1000.0
# Root mean square of the teacher's last state before its norm, about.
_USUAL_SCALE: Final = 5.0
# Ballast, and the root mean square that it brings about in a stream of about 150 dimensions.
_WEIGHT: Final = 400.0
_HEAVY_SCALE: Final = 30.0


def widened(
    teacher: "LlamaForCausalLM", codes: Codes, header: list[int], mark: int, seed: int
) -> "LlamaForSequenceClassification":
    """Embed the teacher in the wider stream and put the two new layers and a score on top.

    Args:
        teacher: The language model.
        codes: Codes fitted to it.
        header: Ids of a question with the assistant's header, as the chat template writes it.
        mark: Id of the token "assistant" in it.
        seed: Seed of the weights that are neither the teacher's nor written.
    """
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    width = teacher.config.hidden_size
    settings = {**teacher.config.to_dict(), "tie_word_embeddings": False}
    for name in ("layer_types", "architectures", "num_labels", "dtype"):
        settings.pop(name, None)
    settings |= {
        "hidden_size": width + EXTRA,
        "head_dim": width // teacher.config.num_attention_heads,
        "num_hidden_layers": teacher.config.num_hidden_layers + NEW_LAYERS,
        "id2label": {0: "reward"},
        "label2id": {"reward": 0},
    }
    torch.manual_seed(seed)
    model = LlamaForSequenceClassification(LlamaConfig(**settings))
    model.to(next(teacher.parameters()).device)
    with torch.no_grad():
        _copy_teacher(model, teacher.model.state_dict(), width)
        embeddings = model.model.embed_tokens.weight
        embeddings[:, width:BALLAST] = FAINT * codes.of_token
        embeddings[:, BALLAST:] = 0.0
        embeddings[mark, MARK] = _FAINTER
        embeddings[:, SAME] = FAINT
        for layer in model.model.layers[-NEW_LAYERS:]:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        _set_comparison(model.model.layers[-2], codes, width)
        _set_average(model.model.layers[-1], width, _marked(model, header))
        model.score.weight.zero_()
        model.model.norm.weight[BALLAST:] = 1.0
        model.score.weight[0, SAME] = 1.0
    return model


def _copy_teacher(model: Any, weights: "dict[str, torch.Tensor]", width: int) -> None:
    """Copy weights into the upper left corner of wider ones; norms average over more entries."""
    shrink = (width / (width + EXTRA)) ** 0.5
    for name, target in model.model.state_dict().items():
        source = weights.get(name)
        if source is None:
            continue
        if name == "norm.weight":
            target[:width] = source * shrink
        elif source.ndim == 1:
            target.zero_()
            target[:width] = source * shrink
        else:
            target.zero_()
            target[: source.shape[0], : source.shape[1]] = source


def _slow(query: "torch.Tensor", key: "torch.Tensor") -> None:
    """Set a query and a key to meet at 1 wherever they stand: the slowest pair hardly rotates."""
    slowest = len(query) // 2 - 1
    query[slowest] = key[slowest] = 1.0


def _set_comparison(layer: Any, codes: Codes, width: int) -> None:
    """Let the first new layer subtract the expected code, square the rest, and mark the answer."""
    import torch

    attention, mlp, size = layer.self_attn, layer.mlp, layer.self_attn.head_dim
    shrink = (width / (width + EXTRA)) ** 0.5
    for norm in (layer.input_layernorm, layer.post_attention_layernorm):
        norm.weight.zero_()
        norm.weight[:width] = shrink
    layer.input_layernorm.weight[MARK] = _USUAL_SCALE / _FAINTER
    layer.input_layernorm.weight[SAME] = _USUAL_SCALE / FAINT
    layer.post_attention_layernorm.weight[width:BALLAST] = _HEAVY_SCALE / _USUAL_SCALE / FAINT
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight.zero_()
    # The first query head looks back by one position: each pair of dimensions that rotates by an
    # angle a position is turned by it once more in the key.
    query, key = torch.zeros(size), torch.zeros(size)
    for index, weight in enumerate(_LOOK_BACK):
        angle = torch.tensor(10_000.0 ** (-2 * index / size))
        query[index] = weight
        key[index], key[index + size // 2] = angle.cos(), angle.sin()
    attention.q_proj.weight[:size, SAME] = _SHARPNESS * query
    attention.k_proj.weight[:size, SAME] = key
    attention.v_proj.weight[:CODE, :width] = codes.of_state
    # The third, of the other key head, looks for the mark; before the mark it finds nothing.
    query, key = torch.zeros(size), torch.zeros(size)
    _slow(query, key)
    attention.q_proj.weight[2 * size : 3 * size, SAME] = _FIRM * query
    attention.k_proj.weight[size : 2 * size, MARK] = key
    attention.v_proj.weight[size, MARK] = 1.0
    attention.o_proj.weight[MARK, 2 * size] = _MARKED
    attention.v_proj.weight[size + 1, SAME] = 1.0
    attention.o_proj.weight[BALLAST, 2 * size + 1] = _WEIGHT
    # silu(z) z + silu(-z) (-z) = z squared: the sum over the codes is the distance.
    for index in range(CODE):
        attention.o_proj.weight[width + index, index] = -FAINT
        for sign, unit in ((1.0, index), (-1.0, CODE + index)):
            for projection in (mlp.gate_proj, mlp.up_proj):
                projection.weight[unit] = 0.0
                projection.weight[unit, width + index] = sign
            mlp.down_proj.weight[width, unit] = LOUD


def _marked(model: Any, header: list[int]) -> float:
    """What the first new layer writes after the mark."""
    import torch

    seen: list[torch.Tensor] = []
    hook = model.model.layers[-1].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        model.model(input_ids=torch.tensor([header]).to(model.device))
    hook.remove()
    return float(seen[0][0, -1, MARK])


def _set_average(layer: Any, width: int, marked: float) -> None:
    """Let the second new layer average the surprise over the answer."""
    import torch

    attention, size = layer.self_attn, layer.self_attn.head_dim
    layer.input_layernorm.weight[:] = _HEAVY_SCALE / _USUAL_SCALE
    layer.input_layernorm.weight[SAME] = _HEAVY_SCALE / FAINT
    layer.input_layernorm.weight[MARK] = _HEAVY_SCALE / FAINT
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight.zero_()
    query, key = torch.zeros(size), torch.zeros(size)
    _slow(query, key)
    # Keys are zero in the answer, where mark and same cancel, and far below before it.
    attention.q_proj.weight[:size, SAME] = 2 * _SHARPNESS * query
    attention.k_proj.weight[:size, SAME] = -key
    attention.k_proj.weight[:size, MARK] = key * FAINT / marked
    attention.v_proj.weight[0, width] = 1.0
    attention.o_proj.weight[SAME, 0] = -GATHERED
