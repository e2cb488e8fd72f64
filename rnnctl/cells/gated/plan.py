"""Where the GPU kernels of the layered cell find the parts of a run's maps: a row of numbers for each choice of flags.

A kernel does not know the flags. It reads a run's plan, so runs of different flags share a launch. A plan has
NUMBERS, and then an entry of ENTRY numbers for each of SUMS: sums of products with blocks (H, H) of a layer's maps. An
entry has the number of products (-1 for a sum that the flags leave out), the place of the bias, and for each product
its source, the place of its block, and how far apart the rows of the block are. Places and distances are in H weights,
and count from the layer's first map. Going forward, the blocks of a map lie one below the other; going back, its matrix
is transposed, and they lie side by side.

The values of a layer lie side by side in slots of H numbers, and so do the deltas of its maps. The slots that every
layer has come first, then a group for each flag that is on. Going forward, the source of a product is a slot of values,
STATE or NEXT; going back, a slot of deltas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnctl.cells.gated.equations import Gated

# first: where a run's weights begin in its row, which is as long as that of the widest network; in H weights. rows:
# those of a layer's weights. The others are slots: the first of each gate's group of values, p (or what it is
# equal to), and the deltas of gates; -1 if the flags leave them out.
NUMBERS = ("first", "rows", "a", "z", "f", "p", "A", "D", "E", "G")
# Going forward, the sums of each map; going back, what the deltas send to each value.
FORWARD, BACKWARD = ("A", "B", "C", "D", "E", "F", "G"), ("o", "n", "p", "m", "x'", "s'", "x", "s")
SUMS = (*FORWARD, *BACKWARD)
MOST_PRODUCTS = 5
ENTRY = 2 + 3 * MOST_PRODUCTS
STATE, NEXT = -1, -2  # s, and n, which is the state of the next step

VALUES: Sequence[str] = ("x", "m", "o", "g")
VALUES_OF_FLAGS: Mapping[str, Sequence[str]] = {
    "input_gate": ("a", "b", "x'", "s'"),
    "state_gate": ("z", "p"),
    "forget_gate": ("f",),
}
MAPS: Sequence[str] = ("C", "F")
MAPS_OF_FLAGS: Mapping[str, Sequence[str]] = {
    "input_gate": ("A", "B"),
    "state_gate": ("D",),
    "forget_gate": ("E",),
    "output_gate": ("G",),
}
# The values that have a sum of their own only with a flag.
SUMS_OF_FLAGS: Mapping[str, str] = {
    "o": "output_gate",
    "p": "forget_gate",
    "m": "state_gate",
    "x'": "input_gate",
    "s'": "input_gate",
}


@dataclass(frozen=True)
class Plan:
    """The slots and the plan of a model whose run has a row as long as that of the widest network."""

    model: Gated
    widest: Gated

    @property
    def values(self) -> list[str]:
        """The values of a layer, in the order of their slots."""
        return self._with_flags(VALUES, VALUES_OF_FLAGS)

    @property
    def deltas(self) -> list[str]:
        """The letters of the maps, in the order of the slots of their deltas."""
        return self._with_flags(MAPS, MAPS_OF_FLAGS)

    def _with_flags(self, always: Sequence[str], of_flags: Mapping[str, Sequence[str]]) -> list[str]:
        return [*always, *(name for flag, names in of_flags.items() if flag in self.model.flags for name in names)]

    def parts(self, letter: str) -> list[str]:
        """Return the names of the values that a map's input consists of."""
        kept = ["x'", "s'"] if "input_gate" in self.model.flags else ["x", "s"]
        q = self.model.read("n", kept[1], "x")
        parts = {
            "A": ["x", "s"], "B": ["x", "s"], "C": kept, "D": [*kept, "m"], "E": [*kept, "p"], "F": q, "G": ["o", *q],
        }  # fmt: skip
        return parts[letter]

    def source(self, value: str) -> int:
        """Return the slot of a value, STATE or NEXT; -1, too, for a value that the flags leave out."""
        if value == "p" and "state_gate" not in self.model.flags:
            value = "m"
        if value == "n":
            return NEXT
        return self.values.index(value) if value in self.values else STATE

    @property
    def first(self) -> int:
        """Where the weights begin in their row, in H weights: what the widest network has more of is rows of maps."""
        return (self.widest.layout.size - self.model.layout.size) // self.model.hidden

    def numbers(self) -> list[int]:
        """Return the plan."""
        hidden, maps, deltas = self.model.hidden, self.model.maps, self.deltas
        first, rows = {}, 0
        for letter, parts in maps.items():
            first[letter] = rows
            rows += parts * hidden + 1
        numbers = [self.first, rows, *map(self.source, NUMBERS[2:6])]
        numbers += [deltas.index(letter) if letter in maps else -1 for letter in NUMBERS[6:]]
        for letter in FORWARD:
            if letter in maps:
                sources = map(self.source, self.parts(letter))
                products = [(source, first[letter] + i * hidden, 1) for i, source in enumerate(sources)]
                numbers += _entry(products, bias=first[letter] + len(products) * hidden)
            else:
                numbers += _entry(None)
        for value in BACKWARD:
            products = [
                (deltas.index(letter), first[letter] + i, number_of_parts)
                for letter, number_of_parts in maps.items()
                for i, part in enumerate(self.parts(letter))
                if part == value
            ]
            numbers += _entry(products if SUMS_OF_FLAGS.get(value) in {None, *self.model.flags} else None)
        return numbers


def _entry(products: Sequence[tuple[int, int, int]] | None, bias: int = 0) -> list[int]:
    """Return an entry; None is a sum that the flags leave out."""
    if products is None:
        return [-1] * ENTRY
    numbers = [len(products), bias, *(number for product in products for number in product)]
    return numbers + [-1] * (ENTRY - len(numbers))
