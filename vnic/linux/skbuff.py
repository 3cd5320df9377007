"""`struct sk_buff`: four addresses into one object of host memory, and what a driver does with them.

    head          data            tail            end
     | headroom    | linear data   | tailroom      | struct skb_shared_info |

`len` counts linear and paged bytes, `data_len` the paged ones alone. Operations that need memory of their own
(expand, clone, copy) are in `skb_ops.py`; this file is the hot path.
"""

from __future__ import annotations

import sys
from typing import NamedTuple, Protocol

from vnic.linux.pages import Page
from vnic.linux.skb_panic import SkbBug, SkbOverPanic, SkbUnderPanic
from vnic.memory import HostMemory

__all__ = ["ETH_HLEN", "Frag", "SharedInfo", "SkBuff", "SkbBug", "SkbOverPanic", "SkbUnderPanic"]

ETH_HLEN = 14


class Frag(NamedTuple):
    """`skb_frag_t`: `size` bytes at `offset` of a page block on which the skb holds a reference."""

    page: Page
    offset: int
    size: int


class Owner(Protocol):
    """What an sk_buff needs of the kernel it lives in."""

    memory: HostMemory
    tail_is_offset: bool
    max_skb_frags: int

    def put_page(self, page: Page) -> None:
        """Drops one reference on a page block."""


class SharedInfo:
    """`struct skb_shared_info`, shared by the clones of one head: its users and its paged data."""

    __slots__ = ("dataref", "frags")

    def __init__(self) -> None:
        self.dataref = 1
        self.frags: list[Frag] = []


class SkBuff:
    """One socket buffer. Addresses are physical, sizes in bytes.

    Attributes:
        head, data, tail, end: as in Linux; shared info starts at `end`.
        len, data_len, truesize: as in Linux.
        cloned: whether the head may have other users.
        shared: shared info (frags, reference count of the head).
        head_page: the page block the head is a fragment of (`head_frag`), None for a kmalloc head.
        request: bytes that were asked of the allocator for the head.
        address: where the sk_buff itself is in memory.
        users: reference count of the sk_buff.
        protocol, mac_header: set by eth_type_trans; 0 before.
        owner: the kernel it was allocated by.
    """

    __slots__ = (
        "address",
        "cloned",
        "data",
        "data_len",
        "end",
        "head",
        "head_page",
        "len",
        "mac_header",
        "owner",
        "protocol",
        "request",
        "shared",
        "tail",
        "truesize",
        "users",
    )

    def __init__(
        self,
        owner: Owner,
        address: int,
        head: int,
        end: int,
        truesize: int,
        request: int,
        head_page: Page | None,
    ) -> None:
        self.owner = owner
        self.address = address
        self.head = self.data = self.tail = head
        self.end = end
        self.len = self.data_len = 0
        self.truesize = truesize
        self.request = request
        self.head_page = head_page
        self.cloned = False
        self.shared = SharedInfo()
        self.users = 1
        self.protocol = 0
        self.mac_header = 0

    @property
    def frags(self) -> list[Frag]:
        """The paged data, in order."""
        return self.shared.frags

    def headroom(self) -> int:
        """skb_headroom: bytes free before the data."""
        return self.data - self.head

    def tailroom(self) -> int:
        """skb_tailroom: bytes free behind the data; 0 when there is paged data."""
        return 0 if self.data_len else self.end - self.tail

    def headlen(self) -> int:
        """skb_headlen: bytes of linear data."""
        return self.len - self.data_len

    def reserve(self, size: int) -> None:
        """skb_reserve: moves the start of an empty skb's data; like Linux it checks nothing."""
        self.data += size
        self.tail += size

    def put(self, size: int) -> int:
        """skb_put: appends room for `size` bytes; returns its address.

        Raises:
            SkbOverPanic: it does not fit before `end`.
            SkbBug: the skb has paged data.
        """
        if self.data_len:
            raise SkbBug(f"skb_put of {size} bytes on an skb with paged data; add a fragment instead")
        start = self.tail
        self.tail = start + size
        self.len += size
        if self.tail > self.end:
            raise SkbOverPanic(self, size, sys._getframe(1).f_code.co_name)
        return start

    def put_data(self, data: bytes) -> int:
        """skb_put_data: appends a copy of `data`; returns its address. Raises as put."""
        start = self.put(len(data))
        self.owner.memory.write(start, data)
        return start

    def push(self, size: int) -> int:
        """skb_push: takes `size` bytes of headroom; returns the new start. Raises SkbUnderPanic."""
        self.data -= size
        self.len += size
        if self.data < self.head:
            raise SkbUnderPanic(self, size, sys._getframe(1).f_code.co_name)
        return self.data

    def pull(self, size: int) -> int | None:
        """skb_pull: drops `size` bytes at the front; returns the new start, None if it is shorter.

        Raises:
            SkbBug: the bytes are paged; pull them into the linear part first (pskb_may_pull).
        """
        if size > self.len:
            return None
        if size > self.len - self.data_len:
            raise SkbBug(
                f"skb_pull of {size} bytes from {self.headlen()} linear ones; use pskb_may_pull first"
            )
        self.len -= size
        self.data += size
        return self.data

    def trim(self, length: int) -> None:
        """skb_trim / pskb_trim: cuts the data to `length` bytes; longer than the data is no change."""
        if length >= self.len:
            return
        linear = self.headlen()
        if length <= linear:
            self._drop_frags(0)
            self.tail = self.data + length
            self.data_len = 0
        else:
            left = length - linear
            self.data_len = left
            for index, frag in enumerate(self.shared.frags):
                if left <= frag.size:
                    self.shared.frags[index] = frag._replace(size=left)
                    self._drop_frags(index + 1)
                    break
                left -= frag.size
        self.len = length

    def _drop_frags(self, keep: int) -> None:
        """Gives the pages of all fragments from number `keep` on back."""
        frags = self.shared.frags
        while len(frags) > keep:
            self.owner.put_page(frags.pop().page)

    def add_rx_frag(self, page: Page, offset: int, size: int, truesize: int) -> None:
        """skb_add_rx_frag: appends paged data; the caller's reference on `page` becomes the skb's.

        Raises:
            SkbBug: it would be more than MAX_SKB_FRAGS.
        """
        if len(self.shared.frags) >= self.owner.max_skb_frags:
            raise SkbBug(f"more than MAX_SKB_FRAGS = {self.owner.max_skb_frags} fragments in one skb")
        self.shared.frags.append(Frag(page, offset, size))
        self.len += size
        self.data_len += size
        self.truesize += truesize

    def take_from_frags(self, size: int) -> None:
        """Turns the first `size` paged bytes, copied behind the linear ones already, into linear data."""
        self.tail += size
        self.data_len -= size
        kept: list[Frag] = []
        for page, offset, length in self.shared.frags:
            cut = min(size, length)
            size -= cut
            if cut == length:
                self.owner.put_page(page)
            else:
                kept.append(Frag(page, offset + cut, length - cut))
        self.shared.frags = kept

    def head_is_shared(self) -> bool:
        """skb_cloned: whether a clone uses the head too, so that it may not be written."""
        return self.cloned and self.shared.dataref != 1

    def move_head(self, head: int, end: int, shift: int, request: int) -> None:
        """Points the skb at a new head into which its data was copied `shift` bytes further in."""
        self.data += head + shift - self.head
        self.tail += head + shift - self.head
        self.mac_header += head + shift - self.head if self.mac_header else 0
        self.head, self.end = head, end
        self.request = request
        self.head_page = None
        self.cloned = False
        self.shared = SharedInfo()

    def clone(self, address: int) -> SkBuff:
        """A second sk_buff, kept at `address`, over the same head."""
        twin = SkBuff(self.owner, address, self.head, self.end, self.truesize, self.request, self.head_page)
        twin.data, twin.tail = self.data, self.tail
        twin.len, twin.data_len = self.len, self.data_len
        twin.cloned = True
        twin.shared = self.shared
        twin.protocol, twin.mac_header = self.protocol, self.mac_header
        return twin

    def copy_bits(self, offset: int, size: int) -> bytes:
        """skb_copy_bits: `size` bytes from `offset` of the data, linear and paged.

        Raises:
            SkbBug: there are not so many.
        """
        if offset < 0 or size < 0 or offset + size > self.len:
            raise SkbBug(f"skb_copy_bits of {size} bytes at {offset} from an skb of {self.len}")
        read = self.owner.memory.read
        linear = self.headlen()
        if offset + size <= linear:
            return read(self.data + offset, size)
        parts = []
        if offset < linear:
            parts.append(read(self.data + offset, linear - offset))
            size -= linear - offset
            offset = linear
        offset -= linear
        for page, start, length in self.shared.frags:
            if offset < length and size:
                take = min(size, length - offset)
                parts.append(read(page.address + start + offset, take))
                size -= take
                offset = 0
            else:
                offset = max(0, offset - length)
        return b"".join(parts)

    def bytes(self) -> bytes:
        """All data of the skb."""
        return self.copy_bits(0, self.len)

    def eth_type_trans(self) -> int:
        """Notes the MAC header, pulls it, and returns the EtherType (0 for a frame too short to have one)."""
        self.mac_header = self.data
        if self.headlen() < ETH_HLEN:
            return 0
        self.protocol = int.from_bytes(self.owner.memory.read(self.data + 12, 2), "big")
        self.pull(ETH_HLEN)
        return self.protocol
