"""Near-duplicate removal: this project, brute force, datasketch and distilabel on the same rows.

    python benchmarks/deduplication.py --rows 5000 20000 100000 --peers /path/to/python

Every method runs in a process of its own on the same file of texts, already reduced to words, and
says which rows it keeps. What is printed beside time and peak memory:

- left: pairs of kept rows that are still at least as similar as the threshold (missed);
- wrong: dropped rows that are like no kept row (dropped for nothing).

Both are counted exactly. Brute force is quadratic and only runs up to --brute-force rows. The peers
(pip install datasketch distilabel) may live in another environment, named by --peers; methods that
cannot run are named with the reason. distilabel's word tokenizer needs a download, so the step gets
the words as they are, like all others.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
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
    "brute force": keep_by_brute_force,
    "datasketch": keep_by_datasketch,
    "distilabel": keep_by_distilabel,
}
PEERS = ("datasketch", "distilabel")


def work(method: str, source: Path, target: Path) -> None:
    """Run one method in this process and write its flags and measurements."""
    texts = json.loads(source.read_text())
    METHODS[method](texts[:50])  # imports and other first-time costs
    started = time.perf_counter(), time.process_time()
    flags = METHODS[method](texts)
    result = {
        "kept": flags,
        "seconds": time.perf_counter() - started[0],
        "cpu_seconds": time.process_time() - started[1],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    target.write_text(json.dumps(result))


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
    from synthetic_instruction_tuner.filtering.text import comparison_words

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
            return f"{method:>14} {len(texts):>8}   did not run: {reason[0]}"
        result = json.loads(target.read_text())
    left, wrong = judged(texts, result["kept"])
    return (
        f"{method:>14} {len(texts):>8} {result['seconds']:>9.2f} {result['cpu_seconds']:>9.2f}"
        f" {result['peak_mb']:>8.0f} {sum(result['kept']):>8} {left:>7} {wrong:>7}"
    )


def main() -> None:
    """Print one table for all sizes and methods."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[5000, 20000, 100000])
    parser.add_argument("--brute-force", type=int, default=5000, help="most rows for brute force")
    parser.add_argument("--source", type=Path, help="JSON list of rows with an 'instruction'")
    parser.add_argument("--peers", default=sys.executable, help="Python that has the peers")
    parser.add_argument("--work", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        method, source, target = options.work
        return work(method, Path(source), Path(target))
    header = ("method", "rows", "seconds", "cpu s", "peak MB", "kept", "left", "wrong")
    print(f"near-duplicates by word-set Jaccard >= {THRESHOLD}, one process each")
    print("{:>14} {:>8} {:>9} {:>9} {:>8} {:>8} {:>7} {:>7}".format(*header))
    for count in options.rows:
        if options.source:
            rows = json.loads(options.source.read_text())
            texts = prepared(row["instruction"] for row in rows[:count])
        else:
            texts = prepared(closed_world(count))
        for method in METHODS:
            if method == "brute force" and len(texts) > options.brute_force:
                continue
            python = options.peers if method in PEERS else sys.executable
            print(measured(method, texts, python), flush=True)


if __name__ == "__main__":
    main()
