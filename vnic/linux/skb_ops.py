"""Operations that give an sk_buff a new head or a second owner: expand, cow, clone, copy, pull from pages.

What they cost (calls, bytes copied, heads allocated) is counted, for that is what transmit headroom is about.
"""

from __future__ import annotations

from dataclasses import dataclass

from vnic.linux.eras import Era, Rule
from vnic.linux.heads import HeadObject
from vnic.linux.skb_alloc import SkbAllocator
from vnic.linux.skbuff import SkbBug, SkBuff

COW_WANTS_PAD: Rule[bool] = Rule(
    "skb_cow makes sure of NET_SKB_PAD even when less is asked for",
    [
        Era((2, 4), True, "include/linux/skbuff.h 2.4.22 (16), 2.6.18, 2.6.35 __skb_cow"),
        Era((3, 5), False, "include/linux/skbuff.h 3.6.5 __skb_cow, and 3.4.39", ((3, 4, 39),)),
    ],
)
EXPAND_COUNTS: Rule[bool] = Rule(
    "pskb_expand_head adds what the new head has more to truesize",
    [
        Era((2, 4), False, "net/core/skbuff.c 3.6.5, 4.9"),
        Era((4, 11), True, "commit 158f323b9868 (4.11-rc1), of an skb without a socket; seen in 6.1.0"),
    ],
)

TRIM_CONDENSES: Rule[bool] = Rule(
    "pskb_trim of an skb with pages moves what is left into the head when it fits there",
    [
        Era((2, 4), False, "net/core/skbuff.c 3.6.5, 4.9.0 ___pskb_trim"),
        # Both trees were seen; which version between them began it was not.
        Era((4, 14), True, "net/core/skbuff.c 4.14.177, 6.1.0 ___pskb_trim, skb_condense"),
    ],
)


@dataclass(slots=True)
class CopyCounts:
    """What reallocation cost since the kernel started.

    Attributes:
        cow_calls: skb_cow and skb_cow_head called.
        expands: pskb_expand_head called, by them or directly.
        clones: skb_clone called.
        copied: bytes copied from one head to another.
        allocated: bytes of the objects that became new heads.
    """

    cow_calls: int = 0
    expands: int = 0
    clones: int = 0
    copied: int = 0
    allocated: int = 0


class SkbOperations(SkbAllocator):
    """The copying operations of one kernel; the base of `Kernel`.

    Each returns False or None when memory is short.
    """

    counts: CopyCounts

    def pskb_expand_head(self, skb: SkBuff, headroom: int, tailroom: int) -> bool:
        """pskb_expand_head: a private head with so many more bytes before and behind the data.

        Raises:
            SkbBug: somebody else holds the sk_buff itself, or a size is negative.
        """
        if headroom < 0 or tailroom < 0:
            raise SkbBug(f"pskb_expand_head by {headroom} and {tailroom} bytes: give numbers from 0")
        if skb.users != 1:
            raise SkbBug("pskb_expand_head on an sk_buff with other users; skb_share_check comes first")
        self.counts.expands += 1
        old_room = skb.end - skb.head
        fresh = self._new_head(headroom + old_room + tailroom)
        if fresh is None:
            return False
        used = skb.tail - skb.head
        self.memory.write(fresh.address + headroom, self.memory.read(skb.head, used))
        self.counts.copied += used
        frags = list(skb.shared.frags)
        for frag in frags:
            frag.page.refs += 1
        self.release_head(skb)
        skb.move_head(fresh.address, fresh.address + fresh.usable, headroom, fresh.request)
        skb.shared.frags = frags
        if EXPAND_COUNTS.at(self.profile.version):
            skb.truesize += fresh.usable - old_room
        return True

    def _new_head(self, size: int) -> HeadObject | None:
        """A head with room for `size` bytes, counted."""
        fresh = self.heads.alloc(size)
        if fresh is not None:
            self.counts.allocated += fresh.usable + self.heads.sizes.shinfo
        return fresh

    def skb_cow_head(self, skb: SkBuff, headroom: int) -> bool:
        """skb_cow_head: at least `headroom` bytes before the data, in a head that may be written.

        The head that is missing is added in multiples of NET_SKB_PAD. Before 3.5 NET_SKB_PAD is the least,
        asked for or not.
        """
        self.counts.cow_calls += 1
        pad = self.profile.net_skb_pad
        if COW_WANTS_PAD.at(self.profile.version):
            headroom = max(headroom, pad)
        delta = max(0, headroom - skb.headroom())
        if not delta and not skb.head_is_shared():
            return True
        return self.pskb_expand_head(skb, -(-delta // pad) * pad, 0)

    skb_cow = skb_cow_head

    def skb_clone(self, skb: SkBuff) -> SkBuff | None:
        """skb_clone: a second sk_buff over the same head and pages."""
        address = self.take_sk_buff()
        if address is None:
            return None
        self.counts.clones += 1
        skb.shared.dataref += 1
        skb.cloned = True
        return skb.clone(address)

    def skb_copy(self, skb: SkBuff) -> SkBuff | None:
        """skb_copy: a private, linear copy with the same headroom."""
        return self.skb_copy_expand(skb, skb.headroom(), max(0, skb.tailroom()))

    def skb_copy_expand(self, skb: SkBuff, headroom: int, tailroom: int) -> SkBuff | None:
        """skb_copy_expand: a private, linear copy with the headroom and tailroom given."""
        copy = self.alloc_skb(headroom + skb.len + tailroom)
        if copy is None:
            return None
        copy.reserve(headroom)
        copy.put_data(skb.copy_bits(0, skb.len))
        copy.protocol = skb.protocol
        kept = min(headroom, skb.headroom())
        self.memory.write(copy.data - kept, self.memory.read(skb.data - kept, kept))
        if skb.mac_header:
            copy.mac_header = copy.data + skb.mac_header - skb.data
        self.counts.copied += skb.len
        self.counts.allocated += copy.end - copy.head + self.heads.sizes.shinfo
        return copy

    def skb_realloc_headroom(self, skb: SkBuff, headroom: int) -> SkBuff | None:
        """skb_realloc_headroom: a clone or copy with at least `headroom` bytes before the data."""
        copy = self.skb_clone(skb)
        if copy is None:
            return None
        delta = max(0, headroom - skb.headroom())
        if delta and not self.pskb_expand_head(copy, self.profile.data_align(delta), 0):
            self.kfree_skb(copy)
            return None
        return copy

    def pskb_may_pull(self, skb: SkBuff, length: int) -> bool:
        """pskb_may_pull: the first `length` bytes are linear afterwards; False if there are not so many."""
        if length <= skb.headlen():
            return True
        if length > skb.len:
            return False
        return self.pull_tail(skb, length - skb.headlen())

    def pskb_trim(self, skb: SkBuff, length: int) -> bool:
        """pskb_trim: cuts the data to `length` bytes, in a head of its own where there are pages.

        Longer than the data is no change.
        """
        if not skb.data_len or length >= skb.len:
            skb.trim(length)
            return True
        if skb.head_is_shared() and not self.pskb_expand_head(skb, 0, 0):
            return False
        skb.trim(length)
        if TRIM_CONDENSES.at(self.profile.version):
            self._condense(skb)
        return True

    def _condense(self, skb: SkBuff) -> None:
        """skb_condense: paged data that fits behind the linear data goes there, and its pages go back.

        Whatever the pages counted for is then off truesize, also where trimming alone had emptied them.
        """
        if skb.data_len:
            if skb.data_len > skb.end - skb.tail:
                return
            self.pull_tail(skb, skb.data_len)
        skb.truesize = self.heads.truesize(skb.end - skb.head + self.heads.sizes.shinfo)

    def pull_tail(self, skb: SkBuff, delta: int) -> bool:
        """__pskb_pull_tail: moves `delta` bytes from the pages to the end of the linear part."""
        room = skb.end - skb.tail
        if delta > room or skb.head_is_shared():
            # 128 more than needed, so that the next pull finds room (net/core/skbuff.c __pskb_pull_tail).
            extra = delta - room + 128 if delta > room else 0
            if not self.pskb_expand_head(skb, 0, extra):
                return False
        self.memory.write(skb.tail, skb.copy_bits(skb.headlen(), delta))
        self.counts.copied += delta
        skb.take_from_frags(delta)
        return True
