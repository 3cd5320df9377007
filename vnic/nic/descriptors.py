"""Descriptors of the 8254x: 16 bytes, little endian.

The ``construct`` definitions are the documentation and the witness; the ``struct`` packers are what the
hot path uses. A property test holds both to the same bytes for every value of every field.

Sources: 8254x SDM 3.2.3 (receive), 3.3.3 (legacy transmit), 3.3.6 (context), 3.3.7 (data).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from struct import Struct
from typing import Final, NamedTuple

import construct as c

DESCRIPTOR_BYTES: Final = 16
LINE_BYTES: Final = 64
"""Descriptors are written back in units of a cache line: four of them."""


class RxStatus(IntFlag):
    """RDESC.STATUS, SDM 3.2.3.1."""

    DD = 0x01  # descriptor done
    EOP = 0x02  # end of packet
    IXSM = 0x04  # ignore checksum indication
    VP = 0x08  # 802.1Q frame, tag stripped
    TCPCS = 0x20
    IPCS = 0x40
    PIF = 0x80  # passed an inexact filter: software has to compare the address


class RxErrors(IntFlag):
    """RDESC.ERRORS, SDM 3.2.3.2."""

    CE = 0x01  # CRC error or alignment error
    SE = 0x02
    SEQ = 0x04
    CXE = 0x10
    TCPE = 0x20
    IPE = 0x40
    RXE = 0x80


class TxCommand(IntFlag):
    """TDESC.CMD, SDM 3.3.3.1."""

    EOP = 0x01
    IFCS = 0x02  # insert FCS; counts in the descriptor with EOP
    IC = 0x04  # legacy: insert a checksum by CSS and CSO; counts in the descriptor with EOP
    RS = 0x08  # report status: write the descriptor back
    RPS = 0x10
    DEXT = 0x20  # not a legacy descriptor
    VLE = 0x40  # insert an 802.1Q tag
    IDE = 0x80  # delay the interrupt by TIDV


class TxDataCommand(IntFlag):
    """TDESC.DCMD of a data descriptor, SDM 3.3.7.1, where it is not as ``TxCommand``."""

    TSE = 0x04  # part of a TCP segmentation


class TxContextCommand(IntFlag):
    """TDESC.TUCMD of a context descriptor, SDM 3.3.6.1; RS, DEXT and IDE are as in ``TxCommand``."""

    TCP = 0x01
    IP = 0x02  # IPv4
    TSE = 0x04  # sets the context of segmentation


class TxOptions(IntFlag):
    """TDESC.POPTS of a data descriptor, SDM 3.3.7.3."""

    IXSM = 0x01  # insert the IP checksum
    TXSM = 0x02  # insert the TCP or UDP checksum


class TxType(IntEnum):
    """TDESC.DTYP where DEXT is set, SDM 3.3.6 and 3.3.7."""

    CONTEXT = 0
    DATA = 1


class TxStatus(IntFlag):
    """TDESC.STA, SDM 3.3.3.2."""

    DD = 0x01
    EC = 0x02
    LC = 0x04


RX_LEGACY: Final = c.Struct(
    "address" / c.Int64ul,  # physical address of the buffer, any byte
    "length" / c.Int16ul,  # bytes written to this buffer
    "checksum" / c.Int16ul,  # packet checksum, in the first descriptor of a frame; 0 while RXCSUM is 0
    "status" / c.Int8ul,  # RxStatus
    "errors" / c.Int8ul,  # RxErrors; valid with EOP
    "special" / c.Int16ul,  # tag control information of a tag that was stripped; valid with EOP
)
"""Receive descriptor, SDM 3.2.3. Software writes the address and zeroes; hardware writes all of it."""

TX_LEGACY: Final = c.Struct(
    "address" / c.Int64ul,  # physical address of the data, any byte
    "length" / c.Int16ul,  # bytes to send from there
    "cso" / c.Int8ul,  # checksum offset
    "command" / c.Int8ul,  # TxCommand
    "status" / c.Int8ul,  # TxStatus in bits 3:0, reserved above
    "css" / c.Int8ul,  # checksum start
    "special" / c.Int16ul,  # VLAN tag
)
"""Transmit descriptor, SDM 3.3.3. Hardware writes it back with DD if RS is set."""

TX_CONTEXT: Final = c.Struct(
    "ipcss" / c.Int8ul,  # IP checksum: first byte, place, last byte (0: end of the packet)
    "ipcso" / c.Int8ul,
    "ipcse" / c.Int16ul,
    "tucss" / c.Int8ul,  # TCP/UDP checksum: the same
    "tucso" / c.Int8ul,
    "tucse" / c.Int16ul,
    "lower" / c.Int32ul,  # PAYLEN 19:0, DTYP 23:20, TUCMD 31:24
    "status" / c.Int8ul,
    "hdrlen" / c.Int8ul,  # segmentation: bytes of the prototype header
    "mss" / c.Int16ul,  # segmentation: payload bytes of a segment
)
"""Context descriptor (DEXT, DTYP 0), SDM 3.3.6. PAYLEN is the number of payload bytes to be segmented."""

TX_DATA: Final = c.Struct(
    "address" / c.Int64ul,  # physical address of the data, any byte
    "lower" / c.Int32ul,  # DTALEN 19:0, DTYP 23:20, DCMD 31:24
    "status" / c.Int8ul,
    "popts" / c.Int8ul,  # TxOptions; counts in the first descriptor of a packet
    "special" / c.Int16ul,  # VLAN tag
)
"""Data descriptor (DEXT, DTYP 1), SDM 3.3.7."""

RX_STRUCT: Final = Struct("<QHHBBH")
TX_STRUCT: Final = Struct("<QHBBBBH")
RX_ADDRESS_STRUCT: Final = Struct("<Q8x")
"""What hardware wants to know of a receive descriptor it fetches: the address."""


class RxDescriptor(NamedTuple):
    """A legacy receive descriptor; the fields of ``RX_LEGACY`` in their order."""

    address: int = 0
    length: int = 0
    checksum: int = 0
    status: int = 0
    errors: int = 0
    special: int = 0

    def pack(self) -> bytes:
        """The 16 bytes as they stand in the ring. Raises struct.error if a field does not fit."""
        return RX_STRUCT.pack(*self)

    @classmethod
    def unpack(cls, data: bytes | memoryview, offset: int = 0) -> RxDescriptor:
        """The descriptor at ``offset`` of ``data``. Raises struct.error if fewer than 16 bytes are left."""
        return cls._make(RX_STRUCT.unpack_from(data, offset))


class TxDescriptor(NamedTuple):
    """A legacy transmit descriptor; the fields of ``TX_LEGACY`` in their order."""

    address: int = 0
    length: int = 0
    cso: int = 0
    command: int = 0
    status: int = 0
    css: int = 0
    special: int = 0

    def pack(self) -> bytes:
        """The 16 bytes as they stand in the ring. Raises struct.error if a field does not fit."""
        return TX_STRUCT.pack(*self)

    @classmethod
    def unpack(cls, data: bytes | memoryview, offset: int = 0) -> TxDescriptor:
        """The descriptor at ``offset`` of ``data``. Raises struct.error if fewer than 16 bytes are left."""
        return cls._make(TX_STRUCT.unpack_from(data, offset))
