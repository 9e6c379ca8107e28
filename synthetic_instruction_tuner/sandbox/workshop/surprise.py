"""How surprised the teacher is at a token, as a distance between codes of a few numbers.

The codes come from a linear discriminant analysis of the teacher's last state by the token that it
expects, and are then fitted so that their squared distance is about minus the log-probability.
"""

from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

from synthetic_instruction_tuner.sandbox.workshop.batches import chat_rows, pad

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CODE: Final = 17
# Tokens of the assistant's header from the mark on: assistant, end of header, line feeds.
_HEADER_TOKENS: Final = 3
# Tokens tried at each position when the codes are fitted, drawn at this temperature.
TRIED: Final = 4
_BOLDNESS: Final = 2.0
SURPRISED: Final = 8.0
_CODE_RATE: Final = 0.01


class Codes(NamedTuple):
    """How tokens and expectations are compared.

    Attributes:
        of_state: Maps the teacher's normalised last state to the code it expects, (CODE, width).
        of_token: Code of each token, (vocabulary, CODE).
    """

    of_state: "torch.Tensor"
    of_token: "torch.Tensor"


class States(NamedTuple):
    """What the teacher thinks where corpus rows answer.

    Attributes:
        state: Its normalised last state, (positions, width).
        expected: The token that it expects next, (positions).
        tokens: That token and others that it might say, (positions, TRIED).
        surprise: Minus the log-probability of each, at most `SURPRISED`, (positions, TRIED).
    """

    state: "torch.Tensor"
    expected: "torch.Tensor"
    tokens: "torch.Tensor"
    surprise: "torch.Tensor"


def states(
    teacher: "LlamaForCausalLM", tok: "PreTrainedTokenizerFast", rows: int, seed: int
) -> States:
    """Run the teacher over corpus rows."""
    import torch

    found: list[States] = []
    last: list[torch.Tensor] = []
    device = next(teacher.parameters()).device
    draws = torch.Generator(device).manual_seed(seed)
    source = chat_rows(seed, tok)
    hook = teacher.model.norm.register_forward_pre_hook(lambda _, args: last.append(args[0]))
    for _ in range(0, rows, 64):
        batch = pad(list(islice(source, 64)), int(tok.pad_token_id or 0)).to(device)
        with torch.no_grad():
            logits = teacher(input_ids=batch.ids, use_cache=False).logits
        answer = batch.weights == 1.0
        for _ in range(_HEADER_TOKENS):
            answer = answer | torch.nn.functional.pad(answer[:, 1:], (0, 1))
        state, logits = last.pop()[:, :-1][answer], logits[:, :-1][answer]
        state = state * state.pow(2).mean(-1, keepdim=True).rsqrt()
        others = torch.multinomial((logits / _BOLDNESS).softmax(-1), TRIED - 1, generator=draws)
        tokens = torch.cat([logits.argmax(-1, keepdim=True), others], dim=1)
        surprise = -logits.log_softmax(-1).gather(1, tokens)
        found.append(States(state, tokens[:, 0], tokens, surprise.clamp(max=SURPRISED)))
    hook.remove()
    return States(*(torch.cat(parts) for parts in zip(*found, strict=True)))


def fit_codes(found: States, vocabulary: int, steps: int) -> Codes:
    """Find the directions that best tell expected tokens apart, scaled to unit noise within one."""
    import torch

    x, expected = found.state, found.expected
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
    return _refined(Codes(of_state / scale, of_token / scale), found, steps)


def _refined(codes: Codes, found: States, steps: int) -> Codes:
    """Fit the squared distance between expectation and token to the teacher's surprise at it."""
    import torch

    of_state, of_token = (part.clone().requires_grad_() for part in codes)
    optimizer = torch.optim.Adam([of_state, of_token], lr=_CODE_RATE)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = _CODE_RATE * (1 - step / steps)
        rows = torch.randint(len(found.state), (2048,), generator=generator)
        rows = rows.to(found.state.device)
        expected = found.state[rows] @ of_state.T
        distance = (expected[:, None] - of_token[found.tokens[rows]]).pow(2).sum(-1)
        error = torch.nn.functional.smooth_l1_loss(
            distance.clamp(max=2 * SURPRISED), found.surprise[rows]
        )
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return Codes(of_state.detach(), of_token.detach())
