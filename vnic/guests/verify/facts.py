"""What one side, the model or the kernel, says of its receive buffers, and the rows that compare both.

Both sides fill the same `Facts`, each from what it has: the model from the run of its driver, the kernel from
its NIC's registers and its own traces. The rows are made from `Facts` by one function, so neither side can be
described more kindly than the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple

from vnic.guests.verify.ring import Opening
from vnic.guests.watch import buffer_bytes
from vnic.nic.registers import RCTL

BLOCK: Final = 32768
PAGE: Final = 4096
LINE: Final = 64

Value = int | str | tuple[int, ...]
"""What stands in a row; a tuple is a set of numbers, ascending."""


class FrameFacts(NamedTuple):
    """How a frame came up.

    Attributes:
        truesize: as charged to a socket.
        headroom: bytes between `skb->head` and the Ethernet header; None where nobody looked.
        shared_info: where skb_shared_info is in the head (`skb->end`); None likewise.
        paged: bytes not in the head. fragments: pages they lie in.
    """

    truesize: int
    headroom: int | None
    shared_info: int | None
    paged: int
    fragments: int


@dataclass(slots=True)
class Stage:
    """What was allocated while the interface came up, or while frames came in.

    Attributes:
        fragments: page fragments, by their bytes.
        fragment_pages: pages that they were cut from, by order.
        ring_pages: single pages that became receive buffers.
        slice_pages: single pages cut into small heads of 1 KiB.
    """

    fragments: Counter[int] = field(default_factory=Counter)
    fragment_pages: Counter[int] = field(default_factory=Counter)
    ring_pages: int = 0
    slice_pages: int = 0


@dataclass(slots=True)
class Phase:
    """One MTU.

    Attributes:
        opened: while the interface came up. running: while frames came in.
        mapped: lengths mapped for the device to write to.
        napi: lengths asked of napi_alloc_skb.
        frames: by frame length without FCS, how its frames came up, and how many so.
        ring: what the NIC was told; None where it cannot be watched.
    """

    opened: Stage = field(default_factory=Stage)
    running: Stage = field(default_factory=Stage)
    mapped: set[int] = field(default_factory=set)
    napi: set[int] = field(default_factory=set)
    frames: dict[int, Counter[FrameFacts]] = field(default_factory=dict)
    ring: Opening | None = None

    def seen(self, size: int, facts: FrameFacts) -> None:
        """A frame of `size` bytes came up."""
        self.frames.setdefault(size, Counter())[facts] += 1


@dataclass(slots=True)
class Facts:
    """One side's answers.

    Attributes:
        sizes: bytes or counts by the kernel's name of them.
        slabs: cache name to bytes of an object, objects in a slab, pages of a slab.
        heads: what kmalloc gave for `alloc_skb(key)`.
        phases: by MTU.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    slabs: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    heads: Mapping[int, int] = field(default_factory=dict)
    phases: Mapping[int, Phase] = field(default_factory=dict)


class Row(NamedTuple):
    """One line of the table; None where a side has no answer.

    Attributes:
        where: `kernel`, `slab`, or `MTU` with its number.
        what: the quantity.
    """

    where: str
    what: str
    prediction: Value | None
    kernel: Value | None

    @property
    def equal(self) -> bool:
        """Whether both sides gave the same answer; no answer equals none."""
        return self.prediction is not None and self.prediction == self.kernel


Table = dict[tuple[str, str], Value]


def compare(prediction: Facts, kernel: Facts) -> list[Row]:
    """Every quantity that either side knows, the model's order first; without what is nought on both."""
    ours, theirs = _table(prediction), _table(kernel)
    rows = (Row(*key, ours.get(key), theirs.get(key)) for key in {**ours, **theirs})
    return [row for row in rows if row.prediction != 0 or row.kernel != 0]


def _table(facts: Facts) -> Table:
    rows: Table = {("kernel", name): value for name, value in facts.sizes.items()}
    for name, (size, objects, pages) in facts.slabs.items():
        rows["slab", name] = f"{objects} of {size} bytes in {pages} pages"
    rows |= {("slab", f"alloc_skb({size}) gets"): bytes_ for size, bytes_ in sorted(facts.heads.items())}
    for mtu, phase in facts.phases.items():
        where = f"MTU {mtu}"
        described = _buffers(phase) | _pages(phase) | _frames(phase)
        if phase.ring is not None:
            described = _ring(phase.ring) | described
        rows |= {(where, what): value for what, value in described.items()}
    return rows


def _ring(ring: Opening) -> dict[str, Value]:
    """What the NIC was told."""
    every = ring.first + ring.later
    offsets = _numbers(address % PAGE for address in every)
    places = sorted(ring.first)
    rows: dict[str, Value] = {
        "RCTL buffer size": buffer_bytes(ring.rctl | RCTL.LPE),
        "RCTL.LPE": "on" if ring.rctl & RCTL.LPE else "off",
        "RDLEN": ring.rdlen,
        "buffers given at first": len(places),
        "address mod 64": _numbers(address % LINE for address in every),
        "address mod 4096": offsets,
        "stride": min((high - low for low, high in pairwise(places)), default=0),
    }
    if offsets != (0,):
        # Fragments; where single pages lie among each other is no rule's business.
        blocks = Counter(address // BLOCK for address in places)
        rows["address mod 32768"] = _numbers(address % BLOCK for address in places)
        rows["buffers in 32 KiB, at most"] = max(blocks.values(), default=0)
    return rows


def _buffers(phase: Phase) -> dict[str, Value]:
    opened = phase.opened
    return {
        "buffers are": "page fragments" if opened.fragments else "pages" if opened.ring_pages else "unseen",
        "bytes mapped for a buffer": _numbers(phase.mapped),
        "bytes of a fragment": _numbers(opened.fragments | phase.running.fragments),
        "napi_alloc_skb of": _numbers(phase.napi),
    }


def _pages(phase: Phase) -> dict[str, Value]:
    """Page allocations, by what they were for."""
    opened, running = phase.opened, phase.running
    orders = opened.fragment_pages | running.fragment_pages
    rows: dict[str, Value] = {"order of a fragment page": _numbers(orders)} if orders else {}
    for stage, when in ((opened, "coming up"), (running, "frames")):
        rows[f"{when}: fragments"] = stage.fragments.total()
        rows[f"{when}: fragment pages"] = stage.fragment_pages.total()
        rows[f"{when}: buffer pages"] = stage.ring_pages
        rows[f"{when}: pages of 1 KiB heads"] = stage.slice_pages
    return rows


def _frames(phase: Phase) -> dict[str, Value]:
    rows: dict[str, Value] = {"frames": sum(seen.total() for seen in phase.frames.values())}
    for size, seen in sorted(phase.frames.items()):
        rows[f"frame of {size}: truesize"] = _numbers(facts.truesize for facts in seen)
        rows[f"frame of {size}: head"] = ", or ".join(sorted(map(_layout, seen)))
    return rows


def _layout(facts: FrameFacts) -> str:
    """Headroom, room for data before skb_shared_info; and bytes in so many pages, if there are any."""
    if facts.headroom is None or facts.shared_info is None:
        head = "unseen"
    else:
        head = f"{facts.headroom} + {facts.shared_info - facts.headroom} + info"
    return head if not facts.fragments else f"{head}; {facts.paged} in {facts.fragments}"


def _numbers(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(values)))
