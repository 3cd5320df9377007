"""A stock Debian kernel on each NIC: its own driver is the judge, and the rules watch it."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.qemu.guests import Host, children, ethtool, kernel, self_test
from vnic.guests.boot import CONSOLE, DMA, boot
from vnic.guests.script import LINK_UP, PING_ANSWERED, BootOptions

OFFLOADED = "ethtool -S eth0 | grep -e tx_tcp_seg_good -e rx_csum_offload_good"
PLAIN = "ethtool -K eth0 rx off tx off tso off gso off"
EXERCISE = (
    "ethtool -t eth0 offline",
    "for n in $(seq 50); do ip link set eth0 down; ip link set eth0 up; done",
    "for mtu in 600 1400 2000 4000 9000 1500; do ip link set eth0 mtu $mtu; done",
    "ethtool -G eth0 rx 80 tx 80",
    "ip link set eth0 promisc on; ip link set eth0 promisc off",
    "ifconfig eth0 allmulti; ifconfig eth0 -allmulti",
    "until ping -c 1 -W 1 10.0.2.2 > /dev/null; do :; done",
    "ping -c 3 -i 0.2 -s 1400 10.0.2.2",
    "dmesg | grep 'Link is Up' | head -n 1",
)


def offload_counts(console: str) -> list[int]:
    """What OFFLOADED prints: segmentations sent, frames whose checksums were found right."""
    counts = [int(each) for each in re.findall(r"(?:seg|offload)_good: (\d+)", console)]
    assert len(counts) == 2
    return counts


@pytest.mark.slow
def test_the_behavioural_nic(tmp_path: Path) -> None:
    before = children()
    offloaded, plain = Host(4 << 20), Host(4 << 20)
    options = BootOptions(
        add=(ethtool(),),
        commands=(*offloaded.commands(), OFFLOADED, PLAIN, *plain.commands(), *EXERCISE),
        timeout_s=200,
    )
    result = boot(options, kernel(), tmp_path)
    console = (tmp_path / CONSOLE).read_text(errors="replace")
    assert result.status == 0, console
    for host in (offloaded, plain):
        host.close()
        assert host.sha256 in console
        assert host.taken == host.sha256
    assert min(offload_counts(console)) > 50  # the NIC cut segments, and found checksums right
    assert self_test(console) == [0, 0, 0, 0, 0]
    assert "3 packets received" in console
    assert "NIC Link is Up 1000 Mbps Full Duplex" in console
    assert result.verdicts == ()
    assert result.notes == ()
    assert children() == before

    rows = pq.read_table(tmp_path / DMA)
    assert rows.num_rows == result.figures["dma_accesses"]
    assert all(rows["ok"].to_pylist())


def test_receive_buffers_are_where_the_kernel_model_puts_them(tmp_path: Path) -> None:
    """MTU 1500 on 6.1: 1920 bytes apart, each at the start of a cache line."""
    result = boot(BootOptions(timeout_s=100), kernel(), tmp_path)
    buffers = result.figures["rx_buffers"]
    assert buffers["offsets"] == {"0": 256}
    assert next(iter(buffers["distances"])) == "1920"
    assert buffers["distances"]["1920"] >= 200  # 17 to a 32 KiB fragment
    assert result.verdicts == ()


@pytest.mark.slow
def test_the_verilog_nic(tmp_path: Path) -> None:
    """With all of Linux's default offloads, and with none."""
    before = children()
    offloaded, plain = Host(1 << 17), Host(1 << 15)
    options = BootOptions(
        nic="icarus",
        add=(ethtool(),),
        commands=(*offloaded.commands(), OFFLOADED, PLAIN, *plain.commands()),
        timeout_s=400,
    )
    result = boot(options, kernel(), tmp_path)
    console = (tmp_path / CONSOLE).read_text(errors="replace")
    assert result.status == 0, console
    for host in (offloaded, plain):
        host.close()
        assert host.sha256 in console
        assert host.taken == host.sha256
    segments, checked = offload_counts(console)
    assert segments > 10
    assert checked > 50
    assert result.verdicts == ()
    assert children() == before
    assert pq.read_metadata(tmp_path / DMA).num_rows == result.figures["dma_accesses"]


@pytest.mark.slow
def test_the_verilog_nic_passes_the_self_test(tmp_path: Path) -> None:
    options = BootOptions(
        nic="icarus", add=(ethtool(),), commands=("ethtool -t eth0 offline",), timeout_s=300
    )
    result = boot(options, kernel(), tmp_path)
    assert result.status == 0
    assert self_test((tmp_path / CONSOLE).read_text(errors="replace")) == [0, 0, 0, 0, 0]
    # The loopback test gives 64 descriptors every 200 ms and never asks whether the NIC is done: on a busy
    # machine the simulated one is not, and that is what the rules then say.
    assert {verdict.rule for verdict in result.verdicts} <= {"ring-overrun", "desc-reuse"}


@pytest.mark.slow
def test_qemus_own_nic_for_comparison(tmp_path: Path) -> None:
    """It answers pings, and does not pass the driver's self-test: register and loopback."""
    options = BootOptions(nic="qemu", add=(ethtool(),), commands=("ethtool -t eth0 offline",), timeout_s=200)
    result = boot(options, kernel(), tmp_path)
    assert result.seconds(LINK_UP) is not None
    assert result.seconds(PING_ANSWERED) is not None
    assert result.status
    register, eeprom, interrupt, loopback, link = self_test((tmp_path / CONSOLE).read_text(errors="replace"))
    assert register > 0
    assert loopback > 0
    assert (eeprom, interrupt, link) == (0, 0, 0)


def test_a_capture_comes_in_over_the_wire(tmp_path: Path, data: Path) -> None:
    options = BootOptions(
        netdev="none",
        replay=data / "vlan.pcap",
        commands=("ip link set eth0 promisc on", "sleep 2", "cat /sys/class/net/eth0/statistics/rx_packets"),
        timeout_s=100,
    )
    result = boot(options, kernel(), tmp_path)
    assert result.status == 0
    assert result.figures["frames_to_guest"] > 20
    assert result.verdicts == ()
