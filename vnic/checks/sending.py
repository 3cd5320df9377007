"""What leaves the NIC is what the stack handed over."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from vnic.checks.frames import FrameRules
from vnic.checks.reception import Reception
from vnic.checks.rule import Rule
from vnic.checks.state import State
from vnic.checks.wire import MIN_DATA, first_difference
from vnic.nic.registers import TCTL, Reg

FRAME_TX: Final = Rule(
    "frame-tx",
    "A transmitted frame has the bytes that the stack handed over",
    "Frames leave whole, once and in order, padded to 60 bytes where TCTL.PSP says so.",
    "8254x SDM 3.3, 13.4.33 (TCTL)",
)
RULES: Final = (FRAME_TX,)


class SendingRules:
    """Follows frames outwards; those that loopback returns go to ``receiving``."""

    def __init__(self, state: State, reception: Reception, receiving: FrameRules) -> None:
        self._state = state
        self._ledger = state.ledger
        self._reception = reception
        self._receiving = receiving
        self._sending: deque[bytes] = deque()
        self._sent = 0

    def transmit(self, frame: bytes) -> None:
        """The stack hands ``frame`` (without FCS) to the driver, which takes it."""
        if len(frame) < MIN_DATA and self._state.registers.get(Reg.TCTL, 0) & TCTL.PSP:
            frame = frame.ljust(MIN_DATA, b"\0")
        if self._reception.loopback:
            self._receiving.loop_back(frame)
        elif self._reception.linked:
            self._sending.append(frame)

    def collect(self, frames: Sequence[bytes]) -> None:
        """Frames left the NIC."""
        for data in frames:
            number = self._sent
            self._sent += 1
            if not self._sending:
                detail = f"{len(data)} bytes sent that nobody handed over"
            else:
                wanted = self._sending.popleft()
                if wanted == data:
                    continue
                at = first_difference(data, wanted)
                detail = f"byte {at} differs ({len(data)} bytes sent, {len(wanted)} handed over)"
            self._ledger.report(FRAME_TX, f"tx frame {number}", detail, frame=number, length=len(data))

    def finish(self) -> None:
        """What was handed over and did not leave will not leave any more."""
        if self._sending:
            self._ledger.report(
                FRAME_TX,
                f"tx frame {self._sent}",
                f"{len(self._sending)} frames handed over did not leave",
                frame=self._sent,
                missing=len(self._sending),
            )
