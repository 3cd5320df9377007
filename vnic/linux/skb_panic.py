"""Where the kernel would have stopped: BUG() and skb_panic() of net/core/skbuff.c."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vnic.errors import VnicError

if TYPE_CHECKING:
    from vnic.linux.skbuff import SkBuff


class SkbBug(VnicError):
    """A BUG() of net/core/skbuff.c: the kernel would have stopped here."""


class SkbPanic(SkbBug):
    """skb_panic(): an sk_buff was filled beyond its object. Carries the numbers that Linux prints.

    As in Linux, `len`, `tail` and `data` are those after the operation that went too far.
    """

    what = "skb_panic"

    def __init__(self, skb: SkBuff, size: int, text: str) -> None:
        self.len = skb.len
        self.put = size
        self.head = skb.head
        self.data = skb.data
        self.tail = skb.tail
        self.end = skb.end
        base = skb.head if skb.owner.tail_is_offset else 0
        super().__init__(
            f"{self.what}: text:{text} len:{self.len} put:{size} head:{self.head:#x} data:{self.data:#x} "
            f"tail:{self.tail - base:#x} end:{self.end - base:#x}"
        )


class SkbOverPanic(SkbPanic):
    """skb_over_panic(): skb_put() went past `end`, into skb_shared_info."""

    what = "skb_over_panic"


class SkbUnderPanic(SkbPanic):
    """skb_under_panic(): skb_push() went below `head`."""

    what = "skb_under_panic"
