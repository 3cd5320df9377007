"""SLOB, the byte-granular allocator of small kernels (up to 6.3): kmalloc has no classes, only a header."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from vnic.linux.eras import Era, Rule
from vnic.linux.pages import BadFree, Page, PageAllocator, get_order
from vnic.linux.profile import KernelProfile

NATURAL_ALIGN: Rule[bool] = Rule(
    "SLOB aligns power-of-two requests to their size",
    [
        Era((2, 6, 16), False, "mm/slob.c 2.6.16"),
        Era((5, 4), True, "commit 59bb47985c1d (5.4)"),
    ],
)
BREAKS: Rule[tuple[int, ...]] = Rule(
    "the sizes at which SLOB goes over to pages of its own for larger objects",
    [
        Era((2, 6, 16), (), "mm/slob.c 2.6.16, 2.6.24: one list of pages"),
        Era((2, 6, 25), (256, 1024), "mm/slob.c 2.6.25, 3.4.39, 6.1 SLOB_BREAK1, SLOB_BREAK2"),
    ],
)
WHOLE_PAGES: Rule[bool] = Rule(
    "ksize of a SLOB object in pages of its own is the pages, not what was asked for",
    [
        Era((2, 6, 16), True, "mm/slob.c 2.6.16, 2.6.22 ksize: PAGE_SIZE << order"),
        Era((2, 6, 23), False, "mm/slob.c 2.6.23, 3.4.39, 3.6.5 ksize: page->private"),
        # Both trees were seen; which version between them began it was not.
        Era((4, 9), True, "mm/slob.c 4.9, 6.1 ksize: the compound page"),
    ],
)


class SlobHeap:
    """First fit in pages: the header of `kmalloc_min_size` bytes before each object holds its size.

    Small, medium and large objects have pages of their own since 2.6.25; a page stays with its kind.

    Attributes:
        objects: every object in use: its address and the bytes of it.
    """

    __slots__ = (
        "_align",
        "_breaks",
        "_fail",
        "_free",
        "_header",
        "_line",
        "_lists",
        "_natural",
        "_pages",
        "_unit",
        "_used",
        "_whole",
        "objects",
    )

    def __init__(
        self, profile: KernelProfile, pages: PageAllocator, *, fail: Callable[[str], bool] | None = None
    ) -> None:
        self._pages = pages
        self._fail = fail
        self._header = self._align = profile.kmalloc_min_size
        self._natural = NATURAL_ALIGN.at(profile.version)
        self._unit = 2 if pages.page_size <= 65534 else 4  # sizeof(slobidx_t): s16, s32 for 64 KiB pages
        self._whole = WHOLE_PAGES.at(profile.version)
        self._line = profile.l1_cache_bytes  # SLOB_ALIGN
        self._breaks = BREAKS.at(profile.version)
        # Of each page in use: its free stretches as (start, length), ascending, and how many objects it has;
        # and the pages of each kind.
        self._free: dict[int, list[tuple[int, int]]] = {}
        self._used: dict[int, int] = {}
        self._lists: list[dict[int, None]] = [{} for _ in range(len(self._breaks) + 1)]
        self.objects: dict[int, int] = {}

    def kmalloc(self, size: int) -> int | None:
        """The address of `size` bytes, or None when there is no page."""
        if self._fail is not None and self._fail("kmalloc"):
            return None
        if size >= self._pages.page_size - self._header:
            page = self._pages.alloc(get_order(size, self._pages.page_size))
            if page is None:
                return None
            self.objects[page.address] = page.size if self._whole else size
            return page.address
        natural = self._natural and size & (size - 1) == 0
        align = max(self._align, size) if natural else self._align
        return self._take(self._rounded(size), align, self._header)

    def _rounded(self, size: int) -> int:
        return max(-(-size // self._unit), 1) * self._unit

    def _take(self, size: int, align: int, header: int) -> int | None:
        """Carves `header + size` bytes so that the object behind the header is aligned; its address."""
        kind = self._lists[bisect_right(self._breaks, header + size)]
        for start in kind:
            address = self._fit(self._free[start], size, align, header)
            if address is not None:
                self._used[start] += 1
                return address
        page = self._pages.alloc(0)
        if page is None:
            return None
        kind[page.address] = None
        self._used[page.address] = 1
        stretches = self._free[page.address] = [(page.address, page.size)]
        return self._fit(stretches, size, align, header)

    def _fit(self, stretches: list[tuple[int, int]], size: int, align: int, header: int) -> int | None:
        for index, (start, length) in enumerate(stretches):
            address = -(-(start + header) // align) * align
            first, end = address - header, address + size
            if end <= start + length:
                pieces = [(start, first - start), (end, start + length - end)]
                stretches[index : index + 1] = [piece for piece in pieces if piece[1]]
                self.objects[address] = size
                return address
        return None

    def kfree(self, address: int) -> None:
        """Frees what kmalloc gave. Raises BadFree."""
        size = self.objects.pop(address, None)
        if size is None:
            raise BadFree(f"kfree({address:#x}): freed twice, or never allocated")
        page = self._pages.find(address)
        if page.address in self._free:
            self._give(page, address - self._header, size + self._header)
        else:
            self._pages.put(page)

    def _give(self, page: Page, start: int, length: int) -> None:
        """Puts a stretch back, merges it with its neighbours, and frees the page when it is empty."""
        self._used[page.address] -= 1
        if not self._used[page.address]:
            del self._free[page.address], self._used[page.address]
            for kind in self._lists:
                kind.pop(page.address, None)
            self._pages.put(page)
            return
        merged: list[tuple[int, int]] = []
        for piece in sorted([*self._free[page.address], (start, length)]):
            if merged and merged[-1][0] + merged[-1][1] == piece[0]:
                merged[-1] = (merged[-1][0], merged[-1][1] + piece[1])
            else:
                merged.append(piece)
        self._free[page.address] = merged

    def ksize(self, address: int) -> int:
        """The bytes of an object that may be used. Raises BadFree."""
        size = self.objects.get(address)
        if size is None:
            raise BadFree(f"ksize({address:#x}): not in use")
        return size

    def class_for(self, size: int) -> tuple[str, int] | None:
        """SLOB has no classes: the request itself with its header, or whole pages."""
        page = self._pages.page_size
        if size >= page - self._header:
            order = get_order(size, page)
            return f"pages-order-{order}", page << order
        return "slob", self._rounded(size)

    def roundup(self, size: int) -> int:
        """`kmalloc_size_roundup` of SLOB: to the minimum alignment, also of what takes whole pages."""
        return -(-size // self._align) * self._align

    def cache(self, name: str, size: int) -> SlobCache:
        """A named cache: SLOB carves its objects without a header, aligned to a cache line."""
        return SlobCache(self, name, size)

    def shrink(self) -> None:
        """Nothing to do: SLOB gives a page back when its last object goes."""

    def take_object(self, size: int) -> int | None:
        """One object of a named cache, aligned to a cache line (SLAB_HWCACHE_ALIGN); or None."""
        return self._take(self._rounded(size), self._line, 0)

    def give_object(self, address: int) -> None:
        """Gives an object of a named cache back. Raises BadFree."""
        size = self.objects.pop(address, None)
        if size is None:
            raise BadFree(f"{address:#x}: freed twice, or never allocated")
        self._give(self._pages.find(address), address, size)


class SlobCache:
    """A `kmem_cache` over SLOB; `active` counts the objects handed out."""

    __slots__ = ("_heap", "active", "name", "size")

    def __init__(self, heap: SlobHeap, name: str, size: int) -> None:
        self._heap = heap
        self.name = name
        self.size = size
        self.active = 0

    def alloc(self) -> int | None:
        """One object, or None."""
        address = self._heap.take_object(self.size)
        if address is not None:
            self.active += 1
        return address

    def free(self, address: int) -> None:
        """Gives one object back. Raises BadFree."""
        self._heap.give_object(address)
        self.active -= 1
