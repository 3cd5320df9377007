"""What the stack receives is what the wire offered: every byte, every frame, in order."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence
from typing import Final

from vnic.checks.reception import Fate, Reception
from vnic.checks.rule import Rule
from vnic.checks.state import State
from vnic.checks.wire import MIN_DATA, Expected, first_difference
from vnic.nic.events import FrameEvent, RegisterEvent
from vnic.nic.port import WireFrame
from vnic.nic.registers import RCTL, Reg

FRAME_DATA: Final = Rule(
    "frame-data",
    "A received frame has the bytes that were offered",
    "A byte that differs came from a buffer that was not written, was written twice, or was read too early. "
    "Frames are compared whole, FCS included where it is not stripped, in the order of the wire.",
    "8254x SDM 3.2.2 (Receive Data Storage); IEEE 802.3 3.2.9 (FCS)",
)
FRAME_LOST: Final = Rule(
    "frame-lost",
    "Every frame that passes the filter is received, or counted as missed",
    "A frame that should have arrived did not. An overrun that the NIC counted in MPC, and a frame that was "
    "written back and that the driver then dropped, are a warning. A loss that nothing tells "
    "of is an error.",
    "8254x SDM 3.2.1 (Packet Address Filtering), 13.7.2 (MPC)",
)
FRAME_UNWANTED: Final = Rule(
    "frame-unwanted",
    "A frame that the filter must drop is not received",
    "Bad, too short or too long without RCTL.SBP and RCTL.LPE, or for somebody else's address.",
    "8254x SDM 3.2.1, 13.4.22 (RCTL)",
)
RULES: Final = (FRAME_DATA, FRAME_LOST, FRAME_UNWANTED)

REMEMBERED: Final = 4096
"""Frames under way that are remembered: more than a FIFO and a ring hold."""


class FrameRules:
    """Compares what went in with what came out. Holds only frames that are under way."""

    def __init__(self, state: State, reception: Reception) -> None:
        self._state = state
        self._ledger = state.ledger
        self._reception = reception
        self._expected: deque[Expected] = deque()
        self._dropped: deque[bytes] = deque(maxlen=REMEMBERED)
        self._received = 0
        self._lost = 0
        self._first_lost = ""
        self._missed = 0

    def register(self, event: RegisterEvent) -> None:
        """Take a register access into account."""
        if event.write:
            self._reception.written(event.offset, event.value)
        elif event.offset == Reg.MPC:
            self._missed += event.value  # cleared by the read: SDM 13.7

    def offer(self, frames: Sequence[WireFrame]) -> None:
        """Frames are put on the wire towards the NIC."""
        if not self._reception.on:
            return
        fate_of = self._reception.fate
        expect = self._expected.append
        linked = self._reception.linked
        for data, bad_fcs, raw in frames:
            if len(data) < MIN_DATA and not raw:
                data = data.ljust(MIN_DATA, b"\0")
            fate = fate_of(data, len(data) + 4, bad_fcs)
            if fate is Fate.DROPPED:
                self._dropped.append(data)
            else:
                # A driver may drop what RCTL.SBP let in with an error.
                expect(Expected(data, bad_fcs, linked and not bad_fcs and fate is Fate.RECEIVED))
        self._forget()

    def loop_back(self, frame: bytes) -> None:
        """A frame sent in loopback is on its way to the receiver."""
        if self._reception.fate(frame, len(frame) + 4, False) is not Fate.DROPPED:
            self._expected.append(Expected(frame, False, True))
            self._forget()

    def _forget(self) -> None:
        """A frame that so many others have followed does not come any more."""
        while len(self._expected) > REMEMBERED:
            self._lose(self._expected.popleft())

    def receive(self, event: FrameEvent) -> None:
        """The driver has received a frame."""
        data = event.data
        if not self._state.registers.get(Reg.RCTL, 0) & RCTL.SECRC:
            body, fcs = data[:-4], data[-4:]
        else:
            body, fcs = data, None
        self._received += 1
        if self._expected:
            expected = self._expected[0]
            if expected.data == body:
                self._expected.popleft()
                if fcs is not None and self._state.options.fcs_written:
                    self._fcs(event, expected, fcs)
                return
        self._search(event, body, fcs)

    def _fcs(self, event: FrameEvent, expected: Expected, fcs: bytes) -> None:
        crc = zlib.crc32(expected.data)
        if expected.bad_fcs:
            crc ^= 0xFFFFFFFF
        if int.from_bytes(fcs, "little") != crc or len(fcs) != 4:
            self._ledger.report(
                FRAME_DATA,
                self._where(event),
                f"FCS is {fcs.hex()}, {crc.to_bytes(4, 'little').hex()} was sent",
                frame=self._received - 1,
            )

    def _where(self, event: FrameEvent) -> str:
        first = event.descriptors[0].index if event.descriptors else "?"
        return f"frame {self._received - 1} in rx descriptor {first}"

    def _search(self, event: FrameEvent, body: bytes, fcs: bytes | None) -> None:
        """Not the next frame: those before it were lost, or it is damaged, or nobody wanted it."""
        for skipped, expected in enumerate(self._expected):
            if expected.data == body:
                for _ in range(skipped):
                    self._lose(self._expected.popleft())
                self._expected.popleft()
                if fcs is not None and self._state.options.fcs_written:
                    self._fcs(event, expected, fcs)
                return
        if body in self._dropped:
            self._dropped.remove(body)
            self._ledger.report(
                FRAME_UNWANTED,
                self._where(event),
                f"{len(body)} bytes for {body[:6].hex(':')} should have been dropped",
                frame=self._received - 1,
                length=len(body),
            )
        elif not self._expected:
            self._ledger.report(
                FRAME_DATA,
                self._where(event),
                f"{len(body)} bytes received when no frame was under way",
                frame=self._received - 1,
                length=len(body),
            )
        else:
            self._damaged(event, body, self._expected.popleft().data)

    def _damaged(self, event: FrameEvent, body: bytes, sent: bytes) -> None:
        at = first_difference(body, sent)
        self._ledger.report(
            FRAME_DATA,
            self._where(event),
            f"byte {at} is {body[at : at + 1].hex() or 'missing'}, {sent[at : at + 1].hex() or 'nothing'} "
            "was sent "
            f"({len(body)} bytes received, {len(sent)} sent)",
            frame=self._received - 1,
            offset=at,
            length=len(body),
            sent=len(sent),
        )

    def _lose(self, expected: Expected) -> None:
        if expected.sure:
            self._lost += 1
            if not self._first_lost:
                self._first_lost = f"{len(expected.data)} bytes after {self._received} received frames"

    def finish(self) -> None:
        """What is under way now will not come any more."""
        while self._expected:
            self._lose(self._expected.popleft())
        if self._lost:
            refused = max(self._state.frames_written_back - self._received, 0)
            told = min(self._missed + refused, self._lost)
            what = f"{self._lost} of {self._received + self._lost} frames did not arrive"
            self._ledger.report(
                FRAME_LOST,
                "receive",
                f"{what}, {told} of them counted in MPC or dropped later; the first: {self._first_lost}",
                severity="warning" if told == self._lost else "error",
                lost=self._lost,
                missed=self._missed,
                refused=refused,
                received=self._received,
            )
