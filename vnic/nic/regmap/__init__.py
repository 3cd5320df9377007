"""Development tool: writes what is generated from `rtl/vnic_regs.rdl`, the one source of the register map.

`python -m vnic.nic.regmap` writes `rtl/vnic_regs.vh`, `vnic/nic/registers.py` and `docs/registers/`; with
`--check` it writes nothing, names the files that are stale and exits 1. It needs systemrdl-compiler and
peakrdl-html (dependency group `registers`); nothing else in vnic imports this package.
"""
