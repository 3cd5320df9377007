"""The register side of the offloads: VLAN filter, and what reaches the data path."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.nic import vlan
from vnic.nic.registers import CTRL, RCTL, Reg


@cocotb.test(timeout_time=5, timeout_unit="ms")
async def the_vlan_filter_decides_as_the_models_does(dut: Any) -> None:
    rng = random.Random(9)
    csr = Csr(dut)
    await csr.power_up()
    assert await csr.tag_passes(0x0FFF), "VFE is off"
    values = {Reg.VFTA + 4 * word: rng.getrandbits(32) for word in (0, 1, 64, 126, 127)}
    for register, bits in values.items():
        await csr.write(register, bits)
    values |= {Reg.VFTA + 4 * word: 0 for word in range(128) if Reg.VFTA + 4 * word not in values}
    for more in (0, RCTL.CFI, RCTL.CFIEN, RCTL.CFIEN | RCTL.CFI):
        await csr.write(Reg.RCTL, RCTL.VFE | more)
        found = set()
        for _ in range(60):
            identifier = rng.choice((rng.randrange(64), rng.randrange(2048, 2080), rng.randrange(4000, 4096)))
            control = rng.randrange(16) << 12 | identifier
            passes = vlan.passes(control, values | {Reg.RCTL: RCTL.VFE | more})
            assert await csr.tag_passes(control) == passes, f"{control:#06x} with RCTL {more:#x}"
            found.add(passes)
        assert found == {True, False}


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def offload_registers_reach_the_data_path(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    ports = (dut.vme, dut.vfe, dut.rx_csum, dut.vet)
    assert [int(port.value) for port in ports] == [0, 0, 0, 0x8100]
    await csr.write(Reg.CTRL, CTRL.VME)
    await csr.write(Reg.RCTL, RCTL.VFE)
    await csr.write(Reg.RXCSUM, 0xFFFFFF0E)
    await csr.write(Reg.VET, 0xFFFF88A8)
    assert [int(port.value) for port in ports] == [1, 1, 0x30E, 0x88A8]
