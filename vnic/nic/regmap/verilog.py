"""`rtl/vnic_regs.vh`: offsets, bit positions, resets and write masks as macros.

Macros and not localparams: a module uses a few of them, and an unused localparam is a lint warning.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vnic.nic.regmap.model import Register

_HEAD = """\
// Generated from rtl/vnic_regs.rdl by `python -m vnic.nic.regmap`; do not edit.
//
// `VNIC_<REG>         byte offset          `VNIC_<REG>_RESET  value after reset
// `VNIC_<REG>_WMASK   bits a write changes
// `VNIC_<REG>__<FIELD>   bit or bit range, to be used as an index: ctrl[`VNIC_CTRL__RST]
`ifndef VNIC_REGS_VH
`define VNIC_REGS_VH
"""


def verilog_header(registers: Iterable[Register]) -> str:
    """The whole header file."""
    lines = [line for register in registers for line in _register(register)]
    return _HEAD + "\n".join(lines) + "\n`endif\n"


def _register(register: Register) -> Iterator[str]:
    name = f"VNIC_{register.name}"
    yield ""
    yield f"// {register.title} (SDM {register.section})"
    yield f"`define {name} 17'h{register.offset:05X}"
    yield f"`define {name}_RESET 32'h{register.reset:08X}"
    yield f"`define {name}_WMASK 32'h{register.write_mask:08X}"
    if register.count > 1:
        yield f"`define {name}_COUNT {register.count}"
        yield f"`define {name}_STRIDE {register.stride}"
    if register.whole:
        return
    for field in register.fields:
        index = str(field.lsb) if field.width == 1 else f"{field.msb}:{field.lsb}"
        yield f"`define {name}__{field.name} {index}"
        for value in field.values:
            yield f"`define {name}__{field.name}_{value.name} {field.width}'d{value.value}"
