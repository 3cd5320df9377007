"""What the driver gives: descriptors between the old tail and the new one, and the buffers they point to."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

from vnic.checks.rule import Rule
from vnic.checks.state import DESCRIPTOR, Ring, State

MAP_MISSING: Final = Rule(
    "map-missing",
    "A descriptor given to the NIC points to a mapped buffer",
    "The address in the descriptor was never mapped, or is not mapped any more, or is mapped for the other "
    "direction. Read from memory at the moment the tail register is written.",
    "Linux Documentation/core-api/dma-api-howto.rst; 8254x SDM 3.2.3",
)
DESC_DOUBLE: Final = Rule(
    "desc-double",
    "No receive buffer is in two descriptors at once",
    "The second frame would overwrite the first while the driver reads it.",
    "8254x SDM 3.2.6 (Receive Descriptor Queue Structure)",
)
RING_OVERRUN: Final = Rule(
    "ring-overrun",
    "The driver gives only descriptors that it owns, and never the last free one",
    "A tail that passes descriptors the NIC still owns gives them twice; a tail that reaches the head says "
    "that the ring is empty, and the NIC stops.",
    "8254x SDM 3.2.6, 3.4 (head equal to tail: the ring is empty)",
)
RULES: Final = (MAP_MISSING, DESC_DOUBLE, RING_OVERRUN)

_RX: Final = struct.Struct("<Q8x")  # address: SDM 3.2.3
_TX: Final = struct.Struct("<QHBBBBH")  # address, length, cso, cmd, sta, css, special: SDM 3.3.3
_DEXT: Final = 0x20


class GivingRules:
    """Takes descriptors as given when the driver writes a tail register."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._ledger = state.ledger
        self._mappings = state.mappings
        self._read = state.memory.read

    def give(self, ring: Ring) -> None:
        """Take the descriptors up to the tail as given: the tail was written, or the engine started."""
        count = ring.count
        tail = ring.tail
        if not count or tail >= count or ring.given >= count:
            return  # the ring is not runnable: the NIC does nothing (SDM 3.2.6)
        if ring.slots[tail] is not None and tail != ring.given:
            self._ledger.report(
                RING_OVERRUN,
                f"{ring.name} descriptor {tail}",
                f"tail written {tail}, whose descriptor the NIC still owns, in a ring of {count}",
                tail=tail,
                count=count,
            )
            ring.given = tail
            return  # nobody knows what is whose any more
        receive = ring is self._state.rx
        for index, raw in self._given(ring):
            if receive:
                address = _RX.unpack(raw)[0]
            else:
                address, length, _, command, *_ = _TX.unpack(raw)
                if (command & _DEXT and not raw[10] >> 4) or not length:
                    ring.slots[index] = 0  # a context descriptor, or an empty one: no buffer to judge
                    continue
            mapping = self._mappings.get(address) or (None if receive else self._state.mapping_at(address))
            ring.blamed.discard(index)
            if mapping is None or mapping.direction == ("to_device" if receive else "from_device"):
                ring.blamed.add(index)
                self._ledger.report(
                    MAP_MISSING,
                    f"{ring.name} descriptor {index}",
                    f"buffer at {address:#x} is "
                    + ("not mapped" if mapping is None else f"mapped {mapping.direction}"),
                    address=address,
                    index=index,
                )
            elif receive and mapping.index >= 0:
                self._ledger.report(
                    DESC_DOUBLE,
                    f"rx descriptor {index}",
                    f"buffer at {address:#x} is in descriptor {mapping.index} too",
                    address=address,
                    index=index,
                    other=mapping.index,
                )
            else:
                mapping.index = index
                mapping.written = mapping.debt = mapping.unsynced = 0
                mapping.overrun = False
            ring.slots[index] = address
        ring.given = tail

    def _given(self, ring: Ring) -> Iterator[tuple[int, bytes]]:
        """Index and bytes of each descriptor from the first not given up to the tail."""
        index = ring.given
        while index != ring.tail:
            end = ring.tail if index < ring.tail else ring.count
            length = (end - index) * DESCRIPTOR
            start = ring.base + index * DESCRIPTOR
            if not self._state.memory.contains(start, length):
                return  # the NIC will meet the same (dma-memory)
            raw = self._read(start, length)
            for at in range(0, length, DESCRIPTOR):
                yield index, raw[at : at + DESCRIPTOR]
                index += 1
            index %= ring.count
