"""Page fragments: rx buffers carved one after another out of a larger page, as `page_frag_alloc` does.

The cache holds one reference on its page and each fragment another; Linux takes them in advance (the bias)
so that the hot path touches no shared counter, with the same result.
"""

from __future__ import annotations

from vnic.linux.pages import Page, PageAllocator, get_order
from vnic.linux.rules import PageFrag


class PageFragCache:
    """One per-CPU `page_frag_cache` with the size, direction and reuse of its era.

    Attributes:
        page: the page being carved up, None before the first fragment.
        offset: where the next fragment starts (ascending) or the last one started (descending).
        refills: how many pages were asked of the page allocator.
        reuses: how many times a page whose fragments were all back was started over.
    """

    __slots__ = ("_descending", "_orders", "_pages", "_recycle", "offset", "page", "refills", "reuses")

    def __init__(self, pages: PageAllocator, era: PageFrag) -> None:
        self._pages = pages
        largest = get_order(max(era.max_bytes, 1), pages.page_size)
        # The orders tried in turn when a page is needed.
        self._orders = tuple(range(largest, -1, -1)) if era.step_down else tuple(dict.fromkeys((largest, 0)))
        self._descending = era.descending
        self._recycle = era.recycle
        self.page: Page | None = None
        self.offset = 0
        self.refills = 0
        self.reuses = 0

    def alloc(self, size: int) -> tuple[Page, int] | None:
        """A fragment of `size` bytes: its page (one reference is the caller's) and its physical address.

        None when no page is to be had, or only one smaller than `size` (a single page after the large one
        failed). 6.1 checks that; earlier kernels handed out memory outside the page.
        """
        page = self.page
        if page is not None:
            if self._descending:
                offset = self.offset - size
                if offset >= 0:
                    self.offset = offset
                    page.refs += 1
                    return page, page.address + offset
            else:
                offset = self.offset
                if offset + size <= page.size:
                    self.offset = offset + size
                    page.refs += 1
                    return page, page.address + offset
        page = self._next_page()
        if page is None or size > page.size:
            return None
        if self._descending:
            offset = self.offset = page.size - size
        else:
            offset, self.offset = 0, size
        page.refs += 1
        return page, page.address + offset

    def _next_page(self) -> Page | None:
        """An empty page to carve: the old one when nobody else holds it any more, else a new one."""
        page = self.page
        if page is not None:
            if self._recycle and page.refs == 1:
                self.reuses += 1
                self.offset = page.size if self._descending else 0
                return page
            self.page = None
            self._pages.put(page)
        for order in self._orders:
            page = self._pages.alloc(order)
            if page is not None:
                self.refills += 1
                self.page = page
                self.offset = page.size if self._descending else 0
                return page
        return None

    def drain(self) -> None:
        """Gives the cache's page back (`page_frag_cache_drain`)."""
        if self.page is not None:
            self._pages.put(self.page)
            self.page = None


class SliceCache:
    """The fixed 1 KiB slices of an order-0 page that 6.1 to 6.13 use for small NAPI heads (`page_frag_1k`).

    Four to a page, from its end; a page is never started over.

    Attributes:
        refills: how many pages were asked of the page allocator.
    """

    SIZE = 1024
    __slots__ = ("_pages", "offset", "page", "refills")

    def __init__(self, pages: PageAllocator) -> None:
        self._pages = pages
        self.page: Page | None = None
        self.offset = -1
        self.refills = 0

    def alloc(self) -> tuple[Page, int] | None:
        """The next slice: its page (one reference is the caller's) and its physical address."""
        page = self.page
        if page is None or self.offset < 0:
            page = self._pages.alloc(0)
            if page is None:
                self.page = None
                return None
            self.refills += 1
            self.page = page
            self.offset = page.size - self.SIZE
            page.refs = page.size // self.SIZE  # all slices are paid for at once; the cache itself holds none
        offset = self.offset
        self.offset = offset - self.SIZE
        return page, page.address + offset

    def drain(self) -> None:
        """Gives the slices back that were not handed out."""
        page = self.page
        while page is not None and self.offset >= 0:
            self.offset -= self.SIZE
            self._pages.put(page)
        self.page = None
