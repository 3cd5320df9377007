"""The kernel's side: trace lines, /proc/slabinfo and BTF into `Facts`.

Which page allocation was for what: the fragment cache alone says __GFP_NOMEMALLOC (mm/page_alloc.c 6.1
__page_frag_cache_refill). A single page with GFP_ATOMIC is for heads of 1 KiB when napi_alloc_skb was entered
just before (net/core/skbuff.c 6.1 page_frag_alloc_1k), else a buffer (e1000_alloc_jumbo_rx_buffers, whose
entry is traced too); what a slab takes says __GFP_NORETRY.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from vnic.guests.verify.facts import FrameFacts, Phase, Stage
from vnic.guests.verify.plan import HEADER

_LINE: Final = re.compile(r"\[\d+\].*? \d+\.\d+: (\w+): (.*)$")
_FIELD: Final = re.compile(r"(\w+)=(\S*)")
_FROM_DEVICE: Final = "2"  # enum dma_data_direction
_ALLOCATORS: Final = ("__alloc_skb", "kmalloc_reserve")
_GENERAL: Final = re.compile(r"kmalloc-\d+[kM]?$|skbuff_head_cache$")


class TraceReader:
    """Reads the trace of one MTU line by line.

    Attributes:
        phase: what was found. heads: what kmalloc gave for each size asked of alloc_skb.
    """

    def __init__(self) -> None:
        self.phase = Phase()
        self.heads: dict[int, int] = {}
        self._stage: Stage | None = None
        self._skb: tuple[int, int] | None = None  # headroom and shared info, as the probe before saw them
        self._asked = 0
        self._before = ""

    def read(self, lines: Iterable[str]) -> None:
        """Take the lines of a trace; those of other events are passed over."""
        for line in lines:
            found = _LINE.search(line)
            if found is not None:
                self._event(found[1], found[2])
                self._before = found[1]

    def _event(self, name: str, text: str) -> None:
        if name == "tracing_mark_write":
            self._stage = {"open": self.phase.opened, "frames": self.phase.running}.get(text.strip())
            return
        fields = dict(_FIELD.findall(text))
        if name == "alloc":
            self._asked = int(fields["size"])
        elif name == "kmalloc":
            self._kmalloc(fields)
        elif name in ("receive", "frags"):
            pulled = HEADER if name == "receive" else 0  # eth_type_trans has taken the Ethernet header
            headroom = int(fields["data"], 16) - int(fields["head"], 16) - pulled
            self._skb = headroom, int(fields["end"])
        elif self._stage is not None:
            self._counted(self._stage, name, fields)

    def _counted(self, stage: Stage, name: str, fields: Mapping[str, str]) -> None:
        phase = self.phase
        if name == "frag":
            stage.fragments[int(fields["size"])] += 1
        elif name == "map":
            if fields["dir"] == _FROM_DEVICE:
                phase.mapped.add(int(fields["size"]))
        elif name == "napi":
            phase.napi.add(int(fields["size"]))
        elif name == "mm_page_alloc":
            self._page(stage, int(fields["order"]), frozenset(fields["gfp_flags"].split("|")))
        elif name in ("napi_gro_receive_entry", "napi_gro_frags_entry"):
            headroom, info = self._skb or (None, None)
            facts = FrameFacts(
                int(fields["truesize"]), headroom, info, int(fields["data_len"]), int(fields["nr_frags"])
            )
            # skb->len is without the Ethernet header by then.
            phase.seen(int(fields["len"]) + HEADER, facts)
            self._skb = None

    def _page(self, stage: Stage, order: int, flags: frozenset[str]) -> None:
        if "__GFP_NOMEMALLOC" in flags:
            stage.fragment_pages[order] += 1
        elif order == 0 and "GFP_ATOMIC" in flags and "__GFP_NORETRY" not in flags:
            if self._before == "napi":
                stage.slice_pages += 1
            else:
                stage.ring_pages += 1

    def _kmalloc(self, fields: Mapping[str, str]) -> None:
        """A head for alloc_skb, which was entered just before."""
        if self._before == "alloc" and fields["call_site"].partition("+")[0] in _ALLOCATORS:
            self.heads[self._asked] = int(fields["bytes_alloc"])


def slab_shapes(slabinfo: str) -> dict[str, tuple[int, int, int]]:
    """The caches of /proc/slabinfo (version 2.1) that a profile predicts: those of skbs and of kmalloc.

    Returns bytes of an object, objects and pages of a slab, by name.
    """
    found = {}
    for line in slabinfo.splitlines():
        words = line.split()
        if len(words) > 5 and _GENERAL.match(words[0]):
            found[words[0]] = (int(words[3]), int(words[4]), int(words[5]))
    return found


def cpu_count(possible: str) -> int:
    """CPUs in a list such as `0-3` (/sys/devices/system/cpu/possible), which SLUB sizes its slabs by."""
    return int(possible.strip().rpartition("-")[2]) + 1
