"""Reading YAML that people typed: safe, and no key twice."""

from __future__ import annotations

from collections.abc import Iterator

import yaml


def parse(text: str) -> object:
    """Read one YAML document; what it may build are plain values.

    Raises:
        ValueError: If it is not YAML, or a key stands twice in one section (YAML's own readers keep
            the last and say nothing).
    """
    try:
        return _read(text)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(" ".join(str(error).split())) from error


def _read(text: str) -> object:
    loader = yaml.SafeLoader(text)  # refuses control characters here already
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        for key, mark in _repeated(node):
            raise ValueError(f"{key!r} is given twice, again in line {mark.line + 1}")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _repeated(root: yaml.Node) -> Iterator[tuple[str, yaml.Mark]]:
    seen, waiting = {id(root)}, [root]
    while waiting:
        node = waiting.pop()
        below = node.value if isinstance(node.value, list) else []
        if isinstance(node, yaml.MappingNode):
            keys: set[str] = set()
            for key, _ in below:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in keys:
                        yield key.value, key.start_mark
                    keys.add(key.value)
            below = [value for _, value in below]
        fresh = [one for one in below if id(one) not in seen]  # aliases are one node
        seen.update(map(id, fresh))
        waiting += fresh
