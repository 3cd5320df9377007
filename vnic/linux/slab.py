"""The slab allocator: kmalloc and named caches whose objects lie in real pages, next to real neighbours.

SLAB and SLUB differ here in their classes and slab shapes (`kmalloc.py`); objects are handed out from one
slab until it is used up, and a freed object is the first to be taken again, as SLUB does. SLAB's per-CPU
array, which can hand out the last freed object of another slab first, is not modelled: it changes the order
of addresses but never their alignment or neighbours.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, Protocol

from vnic.linux.eras import Era, Rule
from vnic.linux.kmalloc import SizeClass, size_classes, slab_shape
from vnic.linux.pages import BadFree, Page, PageAllocator, get_order
from vnic.linux.profile import KernelProfile

MIN_PARTIAL: Final = 5  # mm/slub.c MIN_PARTIAL: empty slabs kept so that the next burst needs no new page

LARGE_KMALLOC: dict[str, Rule[bool]] = {
    "slab": Rule(
        "SLAB takes kmalloc beyond its classes from the page allocator",
        [
            Era((2, 4), False, "mm/slab.c 2.4.22, 2.6.18: kmalloc returns NULL"),
            Era((6, 1), True, "commit d6a71648dbc0 (6.1)"),
        ],
    ),
    "slub": Rule(
        "SLUB takes kmalloc beyond its classes from the page allocator",
        [
            Era((2, 6, 22), False, "mm/slub.c 2.6.22: kmalloc returns NULL"),
            Era((2, 6, 24), True, "commit aadb4bc4a1f (2.6.24)"),
        ],
    ),
}


class Heap(Protocol):
    """What `kmalloc` needs from whichever slab allocator the kernel was built with."""

    def kmalloc(self, size: int) -> int | None:
        """The address of at least `size` bytes, or None."""

    def kfree(self, address: int) -> None:
        """Gives them back. Raises BadFree."""

    def ksize(self, address: int) -> int:
        """The bytes really there. Raises BadFree."""

    def class_for(self, size: int) -> tuple[str, int] | None:
        """Name and size of what kmalloc(size) would take."""

    def roundup(self, size: int) -> int:
        """`kmalloc_size_roundup`."""

    def cache(self, name: str, size: int) -> ObjectCache:
        """`kmem_cache_create`."""

    def shrink(self) -> None:
        """Gives pages back that hold nothing."""


class ObjectCache(Protocol):
    """A `kmem_cache`."""

    name: str
    size: int
    active: int

    def alloc(self) -> int | None:
        """One object, or None."""

    def free(self, address: int) -> None:
        """Gives one back. Raises BadFree."""


class Slab:
    """One slab: its page block, its cache and the objects in it that are free (the last freed at the end)."""

    __slots__ = ("cache", "free", "page")

    def __init__(self, cache: SlabCache, page: Page) -> None:
        self.cache = cache
        self.page = page
        shape = cache.shape
        start = page.address + shape.first
        self.free = list(range(start + (shape.objects - 1) * shape.size, start - 1, -shape.size))


class SlabCache:
    """One cache of equal objects.

    Attributes:
        shape: size class, slab order, objects per slab.
        slabs: how many slabs it holds, for reports.
        active: objects handed out.
    """

    __slots__ = (
        "_current",
        "_live",
        "_objects",
        "_pages",
        "_partial",
        "active",
        "name",
        "shape",
        "size",
        "slabs",
    )

    def __init__(self, shape: SizeClass, pages: PageAllocator, live: dict[int, Slab]) -> None:
        self.shape = shape
        self.name = shape.name
        self.size = shape.size
        self._objects = shape.objects
        self._pages = pages
        self._live = live
        self._partial: dict[Slab, None] = {}
        self._current: Slab | None = None
        self.slabs = 0
        self.active = 0

    def alloc(self) -> int | None:
        """The address of one object, or None when no page is to be had for another slab."""
        slab = self._current
        if slab is None or not slab.free:
            slab = self._next_slab()
            if slab is None:
                return None
        address = slab.free.pop()
        self._live[address] = slab
        self.active += 1
        return address

    def _next_slab(self) -> Slab | None:
        """Makes a slab with free objects the current one: a partial one, else a new one."""
        if self._partial:
            slab, _ = self._partial.popitem()
        else:
            page = self._pages.alloc(self.shape.order)
            if page is None:
                return None
            slab = Slab(self, page)
            self.slabs += 1
        self._current = slab
        return slab

    def free(self, address: int) -> None:
        """Gives one object back. Raises BadFree when it is not in use or belongs to another cache."""
        slab = self._live.get(address)
        if slab is None or slab.cache is not self:
            raise BadFree(f"{address:#x} is no object of {self.name} in use: freed twice, or never allocated")
        del self._live[address]
        self.active -= 1
        free = slab.free
        free.append(address)
        if slab is self._current:
            return
        if len(free) == self._objects and len(self._partial) >= MIN_PARTIAL:
            self._partial.pop(slab, None)
            self.slabs -= 1
            self._pages.put(slab.page)
        elif len(free) == 1 or len(free) == self._objects:
            self._partial[slab] = None

    def shrink(self) -> None:
        """kmem_cache_shrink: gives every empty slab back to the page allocator."""
        slabs = [*self._partial, *([self._current] if self._current is not None else [])]
        for slab in slabs:
            if len(slab.free) == self._objects:
                self._partial.pop(slab, None)
                if slab is self._current:
                    self._current = None
                self.slabs -= 1
                self._pages.put(slab.page)


class SlabHeap:
    """kmalloc over SLAB or SLUB, and the named caches that share its pages.

    Attributes:
        caches: the kmalloc caches, smallest first.
        live: every object in use, with its slab.
    """

    __slots__ = (
        "_big",
        "_fail",
        "_large",
        "_pages",
        "_profile",
        "_sizes",
        "_top",
        "caches",
        "cpus",
        "live",
        "named",
    )

    def __init__(
        self,
        profile: KernelProfile,
        pages: PageAllocator,
        cpus: int,
        *,
        fail: Callable[[str], bool] | None = None,
    ) -> None:
        self._profile = profile
        self._pages = pages
        self._fail = fail
        self.cpus = cpus
        self.live: dict[int, Slab] = {}
        self._big: dict[int, Page] = {}
        self.caches = [SlabCache(shape, pages, self.live) for shape in size_classes(profile, cpus)]
        self._sizes = [cache.size for cache in self.caches]
        self._top = self._sizes[-1]
        self._large = LARGE_KMALLOC[profile.allocator].at(profile.version)
        self.named: dict[str, SlabCache] = {}

    def kmalloc(self, size: int) -> int | None:
        """The address of an object that holds `size` bytes, or None as in Linux when there is none."""
        if self._fail is not None and self._fail("kmalloc"):
            return None
        if size <= self._top:
            return self.caches[bisect_left(self._sizes, size)].alloc()
        if not self._large:
            return None
        page = self._pages.alloc(get_order(size, self._pages.page_size))
        if page is None:
            return None
        self._big[page.address] = page
        return page.address

    def kfree(self, address: int) -> None:
        """Frees what kmalloc gave. Raises BadFree."""
        slab = self.live.get(address)
        if slab is not None:
            slab.cache.free(address)
            return
        page = self._big.pop(address, None)
        if page is None:
            raise BadFree(f"kfree({address:#x}): freed twice, or never allocated")
        self._pages.put(page)

    def ksize(self, address: int) -> int:
        """The bytes really behind a kmalloc address. Raises BadFree for one that is not in use."""
        slab = self.live.get(address)
        if slab is not None:
            return slab.cache.size
        page = self._big.get(address)
        if page is None:
            raise BadFree(f"ksize({address:#x}): not in use")
        return page.size

    def class_for(self, size: int) -> tuple[str, int] | None:
        """Name and object size of what kmalloc(size) would take, None when it would fail at any time."""
        if size <= self._top:
            cache = self.caches[bisect_left(self._sizes, size)]
            return cache.name, cache.size
        if not self._large:
            return None
        order = get_order(size, self._pages.page_size)
        return f"pages-order-{order}", self._pages.page_size << order

    def roundup(self, size: int) -> int:
        """`kmalloc_size_roundup`: the bytes kmalloc(size) would really give; `size` if it fails."""
        found = self.class_for(size)
        return size if found is None else found[1]

    def shrink(self) -> None:
        """Gives every empty slab of every cache back to the page allocator."""
        for cache in (*self.caches, *self.named.values()):
            cache.shrink()

    def cache(self, name: str, size: int) -> SlabCache:
        """The named cache of `size`-byte objects (`kmem_cache_create`), aligned to a cache line."""
        found = self.named.get(name)
        if found is None:
            shape = slab_shape(self._profile, self._profile.data_align(size), self.cpus, name)
            found = self.named[name] = SlabCache(shape, self._pages, self.live)
        return found
