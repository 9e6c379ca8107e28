"""The reward model's network before training: a teacher that notices what it would not have said.

The teacher's layers are embedded unchanged in a slightly wider stream. The extra dimensions carry a
code of the token that stands at a position, too faint to disturb those layers. A first new layer
looks back one position, takes the code of the token that the teacher expected there, and subtracts:
what remains is near zero where an answer goes as the teacher would go on. The codes come from a
linear discriminant analysis of the teacher's last state by the token it expects. A second new layer
averages what was found over all tokens. From there on, training refines both.
"""

from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from synthetic_instruction_tuner.sandbox.batches import chat_rows, pad

if TYPE_CHECKING:
    import torch
    from transformers import (
        LlamaForCausalLM,
        LlamaForSequenceClassification,
        PreTrainedTokenizerFast,
    )

NEW_LAYERS: Final = 2
CODE: Final = 19
# One more dimension holds the same value everywhere: what finds positions must not depend on words.
EXTRA: Final = CODE + 1
# Scale of the codes beside the teacher's stream (whose entries are of order one), and of what the
# first new layer writes where a token was not expected.
FAINT: Final = 0.1
LOUD: Final = 4.0
# Weight of the average that the second new layer writes, and of that in the first score.
_GATHERED: Final = 20.0
_SCORED: Final = 3.0
# Weights of the rotary frequencies, fast to slow, with which a query meets the key one position
# back at 1 and every other key, up to 400 back, below -0.37 (found by linear programming): the sign
# does not depend on how long the key is.
_LOOK_BACK: Final = (2.0,) * 7 + (1.123, -0.123) + (-2.0,) * 7
_SHARPNESS: Final = 100.0
# Root mean square of the teacher's last state before its norm, about.
_USUAL_SCALE: Final = 5.0


class Codes(NamedTuple):
    """How tokens and expectations are compared.

    Attributes:
        of_state: Maps the teacher's normalised last state to the code it expects, (CODE, width).
        of_token: Code of each token, (vocabulary, CODE).
    """

    of_state: "torch.Tensor"
    of_token: "torch.Tensor"


class States(NamedTuple):
    """What the teacher thinks at each position of corpus rows.

    Attributes:
        state: Its normalised last state, (positions, width).
        expected: The token that it expects next, (positions).
        answer: Whether that next token belongs to an answer, (positions).
    """

    state: "torch.Tensor"
    expected: "torch.Tensor"
    answer: "torch.Tensor"


def states(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", rows: int, seed: int
) -> States:
    """Run the teacher over corpus rows."""
    import torch

    found: list[States] = []
    last: list[torch.Tensor] = []
    device = next(teacher.parameters()).device
    source = chat_rows(seed, tok)
    hook = teacher.model.norm.register_forward_pre_hook(lambda _, args: last.append(args[0]))
    for _ in range(0, rows, 64):
        batch = pad(list(islice(source, 64)), int(tok.pad_token_id or 0)).to(device)
        with torch.no_grad():
            logits = teacher(input_ids=batch.ids, use_cache=False).logits
        state = last.pop()
        state = state * state.pow(2).mean(-1, keepdim=True).rsqrt()
        real = batch.ids != tok.pad_token_id
        answer = torch.nn.functional.pad(batch.weights == 1.0, (0, 1))
        found.append(States(state[real], logits.argmax(-1)[real], answer[real]))
    hook.remove()
    return States(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def fit_codes(found: States, vocabulary: int) -> Codes:
    """Find the directions that best tell expected tokens apart, scaled to unit noise within one."""
    import torch

    x, expected = found.state[found.answer], found.expected[found.answer]
    count = torch.bincount(expected, minlength=vocabulary).to(x.dtype)
    means = torch.zeros(vocabulary, x.shape[1], device=x.device).index_add_(0, expected, x)
    means /= count.clamp(min=1)[:, None]
    inside = x - means[expected]
    noise = inside.T @ inside / len(x) + 1e-3 * torch.eye(x.shape[1], device=x.device)
    values, vectors = torch.linalg.eigh(noise)
    whiten = vectors * values.rsqrt()
    centred = (means - x.mean(0)) * count.clamp(max=50).sqrt()[:, None]
    spread = (centred @ whiten).T @ (centred @ whiten)
    of_state = (whiten @ torch.linalg.eigh(spread).eigenvectors[:, -CODE:]).T
    of_token = means @ of_state.T
    of_token[count == 0] = of_token[count > 0].mean(0)
    scale = of_token[count > 0].std()
    return Codes(of_state / scale, of_token / scale)


def widened(
    teacher: "LlamaForCausalLM", codes: Codes, seed: int
) -> "LlamaForSequenceClassification":
    """Embed the teacher in the wider stream and put the two new layers and a score on top."""
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
        model.model.embed_tokens.weight[:, width:-1] = FAINT * codes.of_token
        model.model.embed_tokens.weight[:, -1] = FAINT
        for layer in model.model.layers[-NEW_LAYERS:]:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        _set_comparison(model.model.layers[-2], codes, width)
        _set_average(model, width)
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


def _set_comparison(layer: Any, codes: Codes, width: int) -> None:
    """Write the subtraction of the expected from the actual code into the first new layer."""
    import torch

    shrink = (width / (width + EXTRA)) ** 0.5
    attention, mlp = layer.self_attn, layer.mlp
    size = attention.head_dim
    layer.input_layernorm.weight[:width] = shrink
    layer.input_layernorm.weight[width:] = 0.0
    layer.input_layernorm.weight[-1] = _USUAL_SCALE / FAINT
    # Two query heads share the first key head; both look back by one position: each pair of
    # dimensions that rotates by an angle a position is turned by it once more in the key.
    query, key = torch.zeros(size), torch.zeros(size)
    for index, weight in enumerate(_LOOK_BACK):
        angle = torch.tensor(10_000.0 ** (-2 * index / size))
        query[index] = weight
        key[index], key[index + size // 2] = angle.cos(), angle.sin()
    for head in (0, 1):
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = 0.0
        attention.q_proj.weight[rows, -1] = _SHARPNESS * query.to(codes.of_state)
    attention.k_proj.weight[:size] = 0.0
    attention.k_proj.weight[:size, -1] = key.to(codes.of_state)
    attention.v_proj.weight[:CODE] = 0.0
    attention.v_proj.weight[:CODE, :width] = codes.of_state
    for index in range(CODE):
        for head in (0, 1):
            attention.o_proj.weight[width + index, head * size + index] = -FAINT / 2
    # silu(z) z + silu(-z) (-z) = z squared: the sum over the codes is the distance.
    layer.post_attention_layernorm.weight[:width] = shrink
    layer.post_attention_layernorm.weight[width:] = shrink / FAINT
    layer.post_attention_layernorm.weight[-1] = 0.0
    for index in range(CODE):
        for sign, unit in ((1.0, index), (-1.0, CODE + index)):
            for projection in (mlp.gate_proj, mlp.up_proj):
                projection.weight[unit] = 0.0
                projection.weight[unit, width + index] = sign
            mlp.down_proj.weight[width, unit] = LOUD


def _set_average(model: Any, width: int) -> None:
    """Let the second new layer average the distances over all tokens, and score by it."""
    attention = model.model.layers[-1].self_attn
    size = attention.head_dim
    attention.q_proj.weight[: 2 * size] = 0.0
    attention.v_proj.weight[0] = 0.0
    attention.v_proj.weight[0, width] = 1.0
    for head in (0, 1):
        attention.o_proj.weight[width + 1, head * size] = -_GATHERED / 2
    model.score.weight.zero_()
    model.score.weight[0, width + 1] = _SCORED
