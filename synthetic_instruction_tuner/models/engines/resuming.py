"""Drawing that a kill interrupts without loss: what has finished is kept and not drawn again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from synthetic_instruction_tuner.models.engines.protocol import Completion, Engine, Request
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.storage.journal import Journal


def generate_kept(
    engine: Engine,
    requests: Sequence[Request],
    names: Sequence[str],
    batch_size: int,
    progress: Progress,
    journal: Journal,
) -> list[Completion]:
    """Continue every prompt that the journal does not hold yet, writing each as it ends.

    A request's stream belongs to it alone, so what is drawn after a kill is what would have been
    drawn without one.

    Args:
        engine: What draws.
        requests: The prompts.
        names: A name for each request, the same in every session.
        batch_size: Requests under way side by side at most.
        progress: Told of the requests that are drawn now.
        journal: Where completions are kept, as [finish, token, token, ...].

    Returns:
        One completion a request, in the order of the requests.
    """
    open_places = [place for place, name in enumerate(names) if journal.get(name) is None]
    last = time.perf_counter()

    def keep(place: int, completion: Completion) -> None:
        nonlocal last
        now = time.perf_counter()
        value = [completion.finish, *completion.tokens]
        journal.put(names[open_places[place]], value, now - last)
        last = now

    wanted = [requests[one] for one in open_places]
    for place, completion in enumerate(engine.generate(wanted, batch_size, progress, keep)):
        if journal.get(names[open_places[place]]) is None:  # an engine that ends all at once
            keep(place, completion)
    kept = (journal.get(name) for name in names)
    return [Completion(tuple(tokens), finish) for finish, *tokens in kept]
