"""What the driver knows of each controller, and frames whose FCS the controller keeps to itself."""

from __future__ import annotations

import pytest

from tests.unit.driver.conftest import MakeMachine
from vnic.driver import DriverOptions, ProbeError
from vnic.driver.options import MACS
from vnic.driver.part import PARTS, part_for
from vnic.errors import UsageError
from vnic.nic.port import run
from vnic.nic.registers import RCTL, Reg
from vnic.targets.model import ModelTarget


class Unknown(ModelTarget):
    """A NIC whose PCI id is that of an i210."""

    device_id = 0x1533


def test_a_device_that_the_driver_does_not_know_is_one_line(machine: MakeMachine) -> None:
    with pytest.raises(
        ProbeError, match=r"^PCI device 8086:1533: the driver knows 100e \(82540EM\), [^\n]*$"
    ):
        machine(target=Unknown, mac=None)


def test_the_device_id_decides_unless_the_options_do() -> None:
    assert set(PARTS) == set(MACS)
    for part in PARTS.values():
        assert part_for(DriverOptions(), part.device) is part
    assert part_for(DriverOptions(mac="82545EM"), 0x100E).errata_23


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mtu": 9213}, "mtu 9213: the 82574L takes up to 9212 bytes"),
        ({"eeprom": "microwire"}, "eeprom microwire: the 82574L has EERD only; give auto or eerd"),
    ],
)
def test_what_a_controller_cannot_do_is_said_before_it_is_touched(
    options: dict[str, int | str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        part_for(DriverOptions(**options), 0x10D3)  # type: ignore[arg-type]  # of the right kind each


@pytest.mark.parametrize(
    ("name", "max_frame", "kib"),
    [
        ("82540EM", 1518, 48),
        ("82540EM", 8192, 48),
        ("82540EM", 8193, 40),
        ("82574L", 1518, 32),
        ("82574L", 4018, 32),  # two of them leave 32 of the 40
        ("82574L", 4500, 31),
        ("82574L", 9018, 22),
    ],
)
def test_the_packet_buffer_is_divided_as_linux_does(name: str, max_frame: int, kib: int) -> None:
    assert PARTS[name].packet_buffer(max_frame) == kib


def test_only_the_82574l_strips_by_itself() -> None:
    stripping = {name for name, part in PARTS.items() if part.complete(DriverOptions()).strip_fcs}
    assert stripping == {"82574L"}
    assert PARTS["82574L"].complete(DriverOptions(strip_fcs=False)).strip_fcs is False


@pytest.mark.parametrize(
    ("kernel", "options"),
    [
        ("2.6.9/i386-686", {}),
        ("6.1/x86_64", {}),
        ("6.1/x86_64", {"mtu": 9000}),
        ("2.6.32/x86_64", {"mtu": 9000}),
        ("6.1/x86_64", {"copybreak": 0}),
        ("2.6.18/ppc64", {"buffer": 256}),
    ],
)
def test_a_stripped_frame_is_the_same_frame(
    machine: MakeMachine, kernel: str, options: dict[str, int]
) -> None:
    longest = options.get("mtu", 1500) + 14
    frames = [bytes((n & 0xFF,)) * n for n in (60, 61, 200, 252, 256, 257, 508, 512, 1000, longest)]
    here = machine(kernel, strip_fcs=True, **options).up()
    assert here.target.controller.read(Reg.RCTL) & RCTL.SECRC
    here.offer(frames)
    while here.service():
        pass
    assert here.received == frames
    assert [event.data for event in here.events] == frames
    assert here.driver.stats.rx_bytes == sum(map(len, frames))
    for event, frame in zip(here.events, frames, strict=True):
        assert len(event.descriptors) == here.driver.descriptors_for(len(frame))
    assert here.close() == []


@pytest.mark.parametrize("stripped", [False, True])
def test_a_frame_that_fills_its_buffers_spares_a_descriptor_when_stripped(
    machine: MakeMachine, stripped: bool
) -> None:
    here = machine("2.6.18/ppc64", buffer=256, strip_fcs=stripped).up()
    assert here.driver.descriptors_for(512) == 3 - stripped
    run(here.driver.change_mtu(1400))
    assert bool(here.target.controller.read(Reg.RCTL) & RCTL.SECRC) is stripped
    assert here.close() == []
