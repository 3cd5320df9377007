"""The life of a DMA mapping: map, sync, unmap, in that order and once each."""

from __future__ import annotations

from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import State
from vnic.linux.dma import MapEvent
from vnic.nic.events import DescriptorWord

_HOWTO: Final = "Linux Documentation/core-api/dma-api-howto.rst"
_DEBUG: Final = "Linux kernel/dma/debug.c (CONFIG_DMA_API_DEBUG)"

MAP_DOUBLE: Final = Rule(
    "map-double",
    "No buffer is mapped a second time while it is mapped",
    "Two mappings of one buffer make two owners of its cache lines; the first unmap takes the buffer from "
    "the other.",
    f"{_DEBUG}, add_dma_entry",
)
MAP_UNMAPPED: Final = Rule(
    "map-double-unmap",
    "Only what is mapped is unmapped, and once",
    "A second unmap frees an IOMMU entry that may by then be someone else's.",
    f"{_DEBUG}, check_unmap",
)
MAP_MISMATCH: Final = Rule(
    "map-mismatch",
    "A buffer is unmapped with the length and direction it was mapped with",
    "Another length leaks part of the mapping, another direction skips the cache maintenance that makes the "
    "data visible.",
    f"{_DEBUG}, check_unmap",
)
MAP_SYNC_UNMAPPED: Final = Rule(
    "map-sync-unmapped",
    "Only mapped memory is synced",
    "A sync after unmap touches cache lines, or a bounce buffer, that belong to the next user of the "
    "address.",
    f"{_DEBUG}, check_sync",
)
MAP_SYNC_MISSING: Final = Rule(
    "map-sync-missing",
    "The CPU looks at received data only after dma_sync_single_for_cpu or dma_unmap_single",
    "Without it a machine with incoherent caches, or with bounce buffers, reads what was there before the "
    "frame. Every byte of a received frame must have been synced after the NIC wrote it.",
    f"{_HOWTO}, When to sync",
)
MAP_OWNED: Final = Rule(
    "map-owned",
    "No buffer is unmapped while the NIC owns its descriptor",
    "The NIC may write to it (or read from it) at any moment until the descriptor is written back or the "
    "engine is switched off by RCTL.EN or TCTL.EN.",
    f"{_HOWTO}; 8254x SDM 3.2.6",
)
MAP_LEAK: Final = Rule(
    "map-leak",
    "After close nothing stays mapped",
    "What stays mapped keeps its memory and its IOMMU entry for ever; a driver that is opened and closed "
    "often ends in allocation failures.",
    f"{_DEBUG}, dma_debug_device_change (devices with pending DMA allocations)",
)
RULES: Final = (
    MAP_DOUBLE,
    MAP_UNMAPPED,
    MAP_MISMATCH,
    MAP_SYNC_UNMAPPED,
    MAP_SYNC_MISSING,
    MAP_OWNED,
    MAP_LEAK,
)


class MappingRules:
    """Judges the driver's calls of the DMA API."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._mappings = state.mappings

    def event(self, event: MapEvent) -> None:
        """Judge one call."""
        action = event.action
        if action == "map":
            self._map(event)
        elif action == "unmap":
            self._unmap(event)
        elif action == "sync_for_cpu" or action == "sync_for_device":
            self._sync(event)
        elif action == "alloc_coherent":
            self._state.coherent[event.address] = event.length
        elif self._state.coherent.pop(event.address, None) is None:
            self._ledger.report(
                MAP_UNMAPPED,
                f"coherent {event.address:#x}",
                f"{event.length} bytes freed that are not allocated",
                address=event.address,
                length=event.length,
            )

    def _map(self, event: MapEvent) -> None:
        if event.address in self._mappings:
            self._ledger.report(
                MAP_DOUBLE,
                f"mapping {event.address:#x}",
                f"{event.length} bytes mapped {event.direction} again; they were mapped "
                f"{self._mappings[event.address].direction} and not unmapped",
                address=event.address,
                length=event.length,
            )
        self._state.add_mapping(event.address, event.length, event.direction)

    def _unmap(self, event: MapEvent) -> None:
        address = event.address
        mapping = self._mappings.pop(address, None)
        if mapping is None:
            self._ledger.report(
                MAP_UNMAPPED,
                f"mapping {address:#x}",
                f"{event.length} bytes unmapped that are not mapped",
                address=address,
                length=event.length,
            )
            return
        if mapping.length != event.length or mapping.direction != event.direction:
            self._ledger.report(
                MAP_MISMATCH,
                f"mapping {address:#x}",
                f"mapped {mapping.length} bytes {mapping.direction}, unmapped {event.length} bytes "
                f"{event.direction}",
                address=address,
                mapped=mapping.length,
                unmapped=event.length,
            )
        if mapping.index >= 0:
            ring = self._state.tx if mapping.direction == "to_device" else self._state.rx
            if ring.enabled:
                self._ledger.report(
                    MAP_OWNED,
                    f"{ring.name} descriptor {mapping.index}",
                    f"buffer at {address:#x} unmapped before the descriptor was written back",
                    address=address,
                    index=mapping.index,
                )

    def _sync(self, event: MapEvent) -> None:
        mapping = self._mappings.get(event.address) or self._state.mapping_at(event.address)
        if mapping is None:
            self._ledger.report(
                MAP_SYNC_UNMAPPED,
                f"mapping {event.address:#x}",
                f"{event.action} of {event.length} bytes that are not mapped",
                address=event.address,
                length=event.length,
            )
        elif (
            event.action == "sync_for_cpu"
            and event.address + event.length >= mapping.address + mapping.unsynced
        ):
            mapping.unsynced = 0

    def frame(self, descriptors: tuple[DescriptorWord, ...]) -> None:
        """Judge the moment the driver has read a frame out of its buffers."""
        for descriptor in descriptors:
            mapping = self._mappings.get(descriptor.address)
            if mapping is not None and mapping.unsynced:
                self._ledger.report(
                    MAP_SYNC_MISSING,
                    f"rx descriptor {descriptor.index}",
                    f"{descriptor.length} bytes at {descriptor.address:#x} read without a sync since the "
                    "NIC wrote them",
                    address=descriptor.address,
                    length=descriptor.length,
                )

    def finish(self) -> None:
        """Judge what is left when the driver is gone."""
        for mapping in self._mappings.values():
            self._ledger.report(
                MAP_LEAK,
                f"mapping {mapping.address:#x}",
                f"{mapping.length} bytes still mapped {mapping.direction}",
                address=mapping.address,
                length=mapping.length,
            )
        for address, length in self._state.coherent.items():
            self._ledger.report(
                MAP_LEAK,
                f"coherent {address:#x}",
                f"{length} bytes of coherent memory not freed",
                address=address,
                length=length,
            )
