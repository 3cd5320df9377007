"""Finding the controller: reset, EEPROM, PHY, link; and the lines a user sees when it is not all there."""

from __future__ import annotations

import pytest

from tests.unit.driver.conftest import MakeMachine
from vnic.driver import NicTimeout, ProbeError
from vnic.linux.kernel import Kernel
from vnic.nic.port import run
from vnic.nic.registers import EECD, MDIC, RCTL, STATUS, TCTL, Reg
from vnic.targets.lockstep import SessionStalled
from vnic.targets.model import ModelTarget
from vnic.targets.session import run_session

MAC = bytes.fromhex("525400123456")


class Broken(ModelTarget):
    """The model with one register that reads wrong."""

    offset = -1
    value = 0

    async def read32(self, offset: int) -> int:
        value = await super().read32(offset)
        return self.value if offset == self.offset else value


def broken(offset: int, value: int) -> type[Broken]:
    return type("BrokenHere", (Broken,), {"offset": offset, "value": value})


@pytest.mark.parametrize("access", ["auto", "eerd", "microwire"])
def test_the_address_comes_from_the_eeprom_whichever_way_it_is_read(
    machine: MakeMachine, access: str
) -> None:
    here = machine(eeprom=access)
    run(here.driver.probe())
    assert here.driver.hw.mac_address == MAC
    assert len(here.driver.hw.eeprom) == 64
    assert sum(here.driver.hw.eeprom) & 0xFFFF == 0xBABA


def test_after_open_the_controller_is_programmed_as_the_manual_wants_it(machine: MakeMachine) -> None:
    here = machine(rx_ring=80, tx_ring=24).up()
    read = here.target.controller.read
    assert read(Reg.RDLEN) == 80 * 16
    assert read(Reg.TDLEN) == 24 * 16
    assert read(Reg.RDBAL) % 128 == read(Reg.TDBAL) % 128 == 0
    assert (read(Reg.RDH), read(Reg.RDT)) == (0, 78)  # 79 filled, of which the last waits
    assert read(Reg.RCTL) & (RCTL.EN | RCTL.BAM | RCTL.SBP | RCTL.LPE | RCTL.SECRC) == RCTL.EN | RCTL.BAM
    assert read(Reg.TCTL) & (TCTL.EN | TCTL.PSP) == TCTL.EN | TCTL.PSP
    assert read(Reg.RAL).to_bytes(4, "little") + (read(Reg.RAH) & 0xFFFF).to_bytes(2, "little") == MAC
    assert all(read(Reg.MTA + 4 * i) == read(Reg.VFTA + 4 * i) == 0 for i in range(128))
    assert read(Reg.STATUS) & STATUS.LU
    assert here.driver.carrier


def test_remove_leaves_interrupts_and_dma_off(machine: MakeMachine) -> None:
    here = machine().up()
    assert here.close() == []
    read = here.target.controller.read
    assert read(Reg.RCTL) & RCTL.EN == read(Reg.TCTL) & TCTL.EN == read(Reg.IMS) == 0
    assert here.leaks == (0, 0)


@pytest.mark.parametrize(
    ("offset", "value", "error", "says"),
    [
        (Reg.STATUS, 0xFFFFFFFF, ProbeError, "nothing answers at BAR0"),
        (Reg.CTRL, 1 << 26, NicTimeout, "CTRL.RST to clear after the reset: CTRL at 0x0 holds 0x4000000"),
        (Reg.EECD, 0, ProbeError, "no EEPROM"),
        (Reg.EECD, EECD.EE_PRES, NicTimeout, "EECD.EE_GNT"),
        (Reg.EECD, EECD.EE_PRES | EECD.EE_GNT, ProbeError, "by EERD and 0x0000/0x0000/0x0000 by EECD"),
        (Reg.EERD, 0, NicTimeout, "EEPROM word 0x0"),
        (Reg.EERD, 0x1230010, ProbeError, "add up to 0x48c0, not 0xbaba: it is corrupt"),
        (Reg.MDIC, 0, NicTimeout, "MDIC.READY"),
        (Reg.MDIC, MDIC.READY | MDIC.ERROR, ProbeError, "no PHY answers at address 1"),
        (Reg.MDIC, MDIC.READY | 0x02A8, ProbeError, "PHY id 0x02a8/0x02a0"),
    ],
)
def test_a_controller_that_answers_wrong_is_named_in_one_line(
    machine: MakeMachine, offset: int, value: int, error: type[Exception], says: str
) -> None:
    here = machine(target=broken(offset, value))
    with pytest.raises(error, match=says.replace("(", r"\(")) as caught:
        run(here.driver.probe())
    assert "\n" not in str(caught.value)


def test_a_group_address_in_the_eeprom_is_no_station_address(machine: MakeMachine) -> None:
    here = machine(target=lambda memory: ModelTarget(memory, mac=bytes.fromhex("010000000001")))
    with pytest.raises(ProbeError, match="01:00:00:00:00:01, which is no station address"):
        run(here.driver.probe())


def test_the_link_is_followed_by_interrupt(machine: MakeMachine) -> None:
    here = machine().up()
    here.service()
    run(here.target.set_link(False))
    assert run(here.target.interrupt(0))
    here.service()
    assert not here.driver.carrier
    assert not run(here.driver.wait_link(100_000))
    run(here.target.set_link(True))
    assert run(here.driver.wait_link(100_000))


def test_a_session_without_link_says_so(machine: MakeMachine) -> None:
    here = machine()
    run(here.target.set_link(False))
    with pytest.raises(SessionStalled, match="model: no link; plug the cable in"):
        run(run_session(here.target, Kernel(here.profile, here.memory), []))


def test_a_multicast_list_passes_its_groups_and_no_other(machine: MakeMachine) -> None:
    here = machine(promiscuous=False).up()
    joined, other = bytes.fromhex("01005e000001"), bytes.fromhex("01005e7ffffa")
    run(here.driver.hw.set_multicast([joined]))
    here.offer([group + bytes(60) for group in (joined, other, MAC, bytes.fromhex("020000000001"))])
    here.service()
    assert [frame[:6] for frame in here.received] == [joined, MAC]
    assert here.close() == []
