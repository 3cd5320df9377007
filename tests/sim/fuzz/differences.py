"""How a difference between the two NICs reads."""

from __future__ import annotations


def stored(want: bytes, got: bytes) -> str:
    """Where two of the same length differ first."""
    place = next(index for index, (one, other) in enumerate(zip(want, got, strict=True)) if one != other)
    end = place + 16
    return (
        f"from byte {place} on {want[place:end].hex()} by the behavioural NIC, "
        f"{got[place:end].hex()} by the Verilog NIC"
    )


def sent(want: list[bytes], got: list[bytes]) -> str:
    """How the frames that two NICs sent differ."""
    lengths = [len(frame) for frame in want], [len(frame) for frame in got]
    if lengths[0] != lengths[1]:
        return f"lengths {lengths[0]} by the behavioural NIC, {lengths[1]} by the Verilog NIC"
    number = next(index for index, frame in enumerate(want) if frame != got[index])
    return f"frame {number} of {len(want)}, {stored(want[number], got[number])}"
