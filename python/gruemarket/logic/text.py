"""Features as Python writes them."""

from collections.abc import Iterable, Mapping

from gruemarket.checks import shown
from gruemarket.logic.nodes import Leaf, Node

LONGEST = 2000
"""Characters of a feature's text; of longer ones the middle is left out."""


def written(node: Node) -> str:
    """The text, with signs and brackets as one would write them."""
    texts: dict[Node, str] = {}
    for part in _in_order(node):
        text = _part(part, texts)
        if len(text) > LONGEST:
            text = f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"
        texts[part] = text
    return texts[node]


def _in_order(node: Node) -> Iterable[Node]:
    """The parts of a node, each after what it is made of. Without recursion: chains are long."""
    waiting, seen = [(node, False)], set()
    while waiting:
        part, entered = waiting.pop()
        if entered:
            yield part
        elif part not in seen:
            seen.add(part)
            waiting.append((part, True))
            waiting.extend((inner, False) for inner in reversed(part.inner))


def _part(part: Node, texts: Mapping[Node, str]) -> str:
    if part.kind == "number":
        return shown(part.number)
    if part.kind == "price":
        return _price(part.parts[0])
    if part.kind == "sum":
        first, second = (texts[inner] for inner in part.inner)
        return f"{first} - {second[1:]}" if second.startswith("-") else f"{first} + {second}"
    if part.kind == "product":
        first, second = (_factor(inner, texts) for inner in part.inner)
        return f"-{second}" if part.inner[0].number == -1 else f"{first} * {second}"
    return f"{part.kind}({', '.join(texts[inner] for inner in part.inner)})"


def _price(leaf: Leaf) -> str:
    if leaf.day is not None:
        return f"price({leaf.sentence}, day {leaf.day})"
    days = f", {leaf.offset} day{'s' if leaf.offset < -1 else ''}" if leaf.offset else ""
    return f"price({leaf.sentence}{days})"


def _factor(part: Node, texts: Mapping[Node, str]) -> str:
    fraction = part.number is not None and part.number.denominator > 1
    loose = part.kind == "sum" or texts[part].startswith("-") or fraction
    return f"({texts[part]})" if loose else texts[part]
