"""Near-duplicate removal: this project, brute force, datasketch and distilabel on the same rows.

    python benchmarks/deduplication.py --rows 5000 20000 100000 --peers /path/to/python
    python benchmarks/deduplication.py --rows 100000 1000000 --corpus words --only "this project"

Every method runs in a process of its own on the same file of texts, already reduced to words, and
says which rows it keeps. What is printed beside time and peak memory:

- left: pairs of kept rows that are still at least as similar as the threshold (missed);
- wrong: dropped rows that are like no kept row (dropped for nothing).

"this project, 1,000 more" has seen all rows but the last 1,000 before; only those are timed.

Both are counted exactly. Brute force is quadratic and only runs up to --brute-force rows. The peers
(pip install datasketch distilabel) may live in another environment, named by --peers; methods that
cannot run are named with the reason. distilabel's word tokenizer needs a download, so the step gets
the words as they are, like all others.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

THRESHOLD = 0.8
PERMUTATIONS = 128


def keep_ours(texts: list[str]) -> list[bool]:
    """Keep what `filtering.duplicates` keeps, the first row being the best."""
    from synthetic_instruction_tuner.filtering.duplicates import near_duplicates

    found = near_duplicates(texts, range(len(texts)), THRESHOLD, THRESHOLD)
    return [at not in found.duplicates for at in range(len(texts))]


MEMORY = Path(tempfile.gettempdir()) / f"pairs-of-{os.getpid()}"
MORE = 1000


def remember_most(texts: list[str]) -> None:
    """Compare all rows but the last ones, as an earlier run would have."""
    _keep_remembering(texts[:-MORE])


def _keep_remembering(texts: list[str]) -> list[bool]:
    """Keep as `keep_ours` does, with the pairs of earlier runs at hand."""
    from synthetic_instruction_tuner.filtering.duplicates import near_duplicates
    from synthetic_instruction_tuner.filtering.pair_memory import PairMemory

    memory = PairMemory(MEMORY)
    found = near_duplicates(texts, range(len(texts)), THRESHOLD, THRESHOLD, memory)
    return [at not in found.duplicates for at in range(len(texts))]


def keep_by_brute_force(texts: list[str]) -> list[bool]:
    """Keep a row if no kept row before it is similar."""
    kept: list[set[str]] = []
    flags = []
    for text in texts:
        words = set(text.split())
        near = (len(words & one) >= THRESHOLD * len(words | one) for one in kept)
        flags.append(not any(near))
        if flags[-1]:
            kept.append(words)
    return flags


def keep_by_datasketch(texts: list[str]) -> list[bool]:
    """Keep a row if the LSH index of the kept rows has no candidate for it."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    sets = ([word.encode() for word in text.split()] for text in texts)
    flags = []
    for at, sketch in enumerate(MinHash.generator(sets, num_perm=PERMUTATIONS)):
        flags.append(not index.query(sketch))
        if flags[-1]:
            index.insert(at, sketch)
    return flags


def keep_by_distilabel(texts: list[str]) -> list[bool]:
    """Keep what distilabel's MinHashDedup step keeps, in batches of 500 as its manual advises."""
    from distilabel.steps import MinHashDedup

    step = MinHashDedup(name="dedup", threshold=THRESHOLD, num_perm=PERMUTATIONS)
    step.load()
    step._tokenizer = lambda batch: [{word.encode() for word in one.split()} for one in batch]
    flags = []
    for start in range(0, len(texts), 500):
        batch = [{"text": text} for text in texts[start : start + 500]]
        for rows in step.process(batch):
            flags += [row["keep_row_after_minhash_filtering"] for row in rows]
    return flags


METHODS: dict[str, Callable[[list[str]], list[bool]]] = {
    "this project": keep_ours,
    "this project, 1,000 more": _keep_remembering,
    "brute force": keep_by_brute_force,
    "datasketch": keep_by_datasketch,
    "distilabel": keep_by_distilabel,
}
PEERS = ("datasketch", "distilabel")
EARLIER = {"this project, 1,000 more": remember_most}
"""What has happened before the measured time."""


def work(method: str, source: Path, target: Path) -> None:
    """Run one method in this process and write its flags and measurements."""
    texts = json.loads(source.read_text())
    METHODS[method](texts[:50])  # imports and other first-time costs
    EARLIER.get(method, len)(texts)
    started = time.perf_counter(), time.process_time()
    flags = METHODS[method](texts)
    result = {
        "kept": flags,
        "seconds": time.perf_counter() - started[0],
        "cpu_seconds": time.process_time() - started[1],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    shutil.rmtree(MEMORY, ignore_errors=True)
    target.write_text(json.dumps(result))


def words(count: int) -> Iterator[str]:
    """Draw 8 to 60 words by Zipf's law; every fifth text is an earlier one with a word changed."""
    import numpy as np

    chance, vocabulary = np.random.default_rng(42), 200_000
    sums = np.cumsum(1 / np.arange(1, vocabulary + 1) ** 1.05)
    recent: list[str] = []
    for number in range(count):
        if number % 5 == 4:
            text = recent[int(chance.integers(len(recent)))].split()
            text[int(chance.integers(len(text)))] = f"w{chance.integers(vocabulary)}"
        else:
            draws = chance.random(int(chance.integers(8, 61))) * sums[-1]
            text = [f"w{word}" for word in np.searchsorted(sums, draws)]
        recent = [*recent[-999:], " ".join(text)]
        yield recent[-1]


def closed_world(count: int) -> Iterator[str]:
    """Draw instructions of the embedded closed world; some near-duplicates come by themselves."""
    from synthetic_instruction_tuner.sandbox.families import all_families
    from synthetic_instruction_tuner.sandbox.prompts import draw_prompt

    rng = random.Random(42)
    families = list(all_families())
    for _ in range(count):
        yield draw_prompt(rng.choice(families), rng).instruction


def prepared(texts: Iterator[str]) -> list[str]:
    """Reduce texts to their sorted words, equal word sets to one: the same work for everyone."""
    from synthetic_instruction_tuner.text import comparison_words

    return list(dict.fromkeys(" ".join(sorted(comparison_words(text))) for text in texts))


def judged(texts: list[str], flags: list[bool]) -> tuple[int, int]:
    """Count kept similar pairs, and dropped rows without a similar kept row."""
    from synthetic_instruction_tuner.filtering.similarity import similar_pairs

    pairs = similar_pairs(texts, THRESHOLD)
    left, near_kept = 0, set()
    for one, two in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        left += flags[one] and flags[two]
        near_kept |= {one} if flags[two] else set()
        near_kept |= {two} if flags[one] else set()
    wrong = sum(not kept and at not in near_kept for at, kept in enumerate(flags))
    return left, wrong


def measured(method: str, texts: list[str], python: str) -> str:
    """Run a method in a process of its own; return its line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "texts.json", Path(folder) / "result.json"
        source.write_text(json.dumps(texts))
        command = [python, __file__, "--work", method, str(source), str(target)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not target.exists():
            reason = done.stderr.strip().splitlines()[-1:] or ["no output"]
            return f"{method:>25} {len(texts):>8}   did not run: {reason[0]}"
        result = json.loads(target.read_text())
    left, wrong = judged(texts, result["kept"])
    return (
        f"{method:>25} {len(texts):>8} {result['seconds']:>9.2f} {result['cpu_seconds']:>9.2f}"
        f" {result['peak_mb']:>8.0f} {sum(result['kept']):>8} {left:>7} {wrong:>7}"
    )


def main() -> None:
    """Print one table for all sizes and methods."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[5000, 20000, 100000])
    parser.add_argument("--brute-force", type=int, default=5000, help="most rows for brute force")
    parser.add_argument("--source", type=Path, help="JSON list of rows with an 'instruction'")
    parser.add_argument("--corpus", choices=["closed world", "words"], default="closed world")
    parser.add_argument("--only", help="one method")
    parser.add_argument("--peers", default=sys.executable, help="Python that has the peers")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        method, source, target = options.work
        return work(method, Path(source), Path(target))
    header = ("method", "rows", "seconds", "cpu s", "peak MB", "kept", "left", "wrong")
    print(f"near-duplicates by word-set Jaccard >= {THRESHOLD}, one process each")
    print("{:>25} {:>8} {:>9} {:>9} {:>8} {:>8} {:>7} {:>7}".format(*header))
    for count in options.rows:
        if options.source:
            rows = json.loads(options.source.read_text())
            texts = prepared(row["instruction"] for row in rows[:count])
        else:
            corpus = words if options.corpus == "words" else closed_world
            texts = prepared(corpus(count))
        for method in METHODS:
            if options.only not in (None, method):
                continue
            if method == "brute force" and len(texts) > options.brute_force:
                continue
            python = options.peers if method in PEERS else sys.executable
            print(measured(method, texts, python), flush=True)


if __name__ == "__main__":
    main()
