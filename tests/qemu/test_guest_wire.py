"""What the guest counts is what went over the wire; and a stream survives what is done to its card."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.qemu.guests import Host, ethtool, kernel
from vnic.capture import CapturedFrame, read_capture, write_capture
from vnic.guests.boot import CONSOLE, WIRE, boot
from vnic.guests.script import MARK, REPLAY, BootOptions, NicName

OURS = bytes.fromhex("525400123456")
OTHER = bytes.fromhex("02aabbccddee")
ALL_HOSTS = bytes.fromhex("01005e000001")  # every host with IPv4 has joined it (RFC 1112)
NOT_JOINED = bytes.fromhex("01005e7f0102")
BROADCAST = b"\xff" * 6
LENGTHS = (20, 60, 61, 123, 124, 251, 252, 507, 508, 1019, 1020, 1514)
"""Without FCS: one that is padded, then both sides of each edge between the size counters."""

NAMES = ("rx_packets", "rx_bytes", "rx_broadcast", "rx_multicast")


def frame(to: bytes, length: int) -> bytes:
    return (to + OTHER + b"\x88\xb5" + bytes(length))[:length]  # IEEE 802's EtherType for experiments


FRAMES = [
    *(frame(OURS, length) for length in LENGTHS),
    *(frame(BROADCAST, length) for length in (60, 200, 1514)),
    *(frame(ALL_HOSTS, length) for length in (60, 700)),
    *(frame(NOT_JOINED, length) for length in (80, 90, 100, 110, 120)),
    *(frame(OTHER, 300) for _ in range(7)),
]


def counted(frames: list[bytes]) -> Counter[str]:
    """What the card should count of `frames`: bytes with padding and FCS."""
    return Counter(
        rx_packets=len(frames),
        rx_bytes=sum(max(60, len(each)) + 4 for each in frames),
        rx_broadcast=sum(each[:6] == BROADCAST for each in frames),
        rx_multicast=sum(each[0] & 1 and each[:6] != BROADCAST for each in frames),
    )


STATISTICS = "ethtool -S eth0 | grep -e 'x_packets:' -e 'x_bytes:' -e x_broadcast -e x_multicast"
AGAIN = f"echo '{MARK}{REPLAY}'; sleep 2; {STATISTICS}"
COUNT = (
    # A card that is asked has said all that it will say: no router is solicited meanwhile.
    "echo 1 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6",
    f"sleep 2; {STATISTICS}",
    f"ip link set eth0 promisc on; {AGAIN}; ip link set eth0 promisc off",
    f"ifconfig eth0 allmulti; {AGAIN}; ifconfig eth0 -allmulti",
    "arp -s 10.0.2.9 02:aa:bb:cc:dd:ee",
    "for size in 1 18 200 1472; do ping -c 1 -W 1 -s $size 10.0.2.9; done > /dev/null; :",
    "ping -c 2 -W 1 10.0.2.77 > /dev/null; ping -c 2 -W 1 -I eth0 224.0.0.1 > /dev/null; :",
    f"sleep 1; {STATISTICS}",
)


@pytest.mark.slow
@pytest.mark.parametrize("nic", ["model", "icarus"])
def test_the_guest_counts_what_went_over_the_wire(tmp_path: Path, nic: NicName) -> None:
    replay = tmp_path / "known.pcap"
    write_capture(replay, [CapturedFrame(0, each) for each in FRAMES])
    options = BootOptions(
        nic=nic, netdev="none", replay=replay, capture=True, add=(ethtool(),), commands=COUNT, timeout_s=240
    )
    result = boot(options, kernel(), tmp_path)
    console = (tmp_path / CONSOLE).read_text(errors="replace")
    assert result.status == 0, console
    found: dict[str, list[int]] = {}
    for name, value in re.findall(r"^ +([rt]x_\w+): (\d+)\r?$", console, re.MULTILINE):
        found.setdefault(name, []).append(int(value))
    rounds = [Counter({name: found[name][at] for name in NAMES}) for at in range(4)]

    for_us = [each for each in FRAMES if each[:6] in (OURS, BROADCAST, ALL_HOSTS)]
    assert rounds[0] == counted(for_us)
    assert rounds[1] - rounds[0] == counted(FRAMES)  # promiscuous
    assert rounds[2] - rounds[1] == counted([each for each in FRAMES if each[:6] != OTHER])
    assert rounds[3] == rounds[2]
    assert result.figures["frames_to_guest"] == 3 * len(FRAMES)

    recorded = [each.data for each in read_capture(tmp_path / WIRE).frames]
    sent = [each for each in recorded if each[6:12] == OURS]
    assert [each for each in recorded if each[6:12] != OURS] == 3 * FRAMES
    expected = counted(sent)
    assert min(expected[name] for name in NAMES) > 0, expected
    for name in NAMES:
        assert found[name.replace("rx", "tx")][3] == expected[name], name
    assert result.verdicts == ()


CHANGES = """\
for how in 'ethtool -K eth0 tx off rx off tso off' 'ethtool -G eth0 rx 80 tx 80' \\
    'ip link set eth0 mtu 9000' 'ethtool -K eth0 tx on rx on' 'ip link set eth0 mtu 1500'; do
    usleep 150000
    kill -0 $stream 2> /dev/null && $how > /dev/null && echo changed
done
wait $stream"""


@pytest.mark.slow
def test_streams_go_on_while_mtu_rings_and_offloads_change(tmp_path: Path) -> None:
    host = Host(6 << 20)
    fetch, sums, send = host.commands()
    commands = (f"{fetch} & stream=$!\n{CHANGES}", sums, f"{send} & stream=$!\n{CHANGES}")
    result = boot(BootOptions(add=(ethtool(),), commands=commands, timeout_s=240), kernel(), tmp_path)
    host.close()
    console = (tmp_path / CONSOLE).read_text(errors="replace")
    assert result.status == 0, console
    assert host.sha256 in console
    assert host.taken == host.sha256
    before, after = console.split(host.sha256)
    assert min(before.count("changed"), after.count("changed")) >= 2
    assert result.verdicts == ()


# The machine goes off when its command ends: not before the other has acknowledged the last byte.
LISTEN = """\
ip addr add 10.9.9.1/24 dev eth0
nc -l -p 7 -e /bin/cat
while cat /proc/net/tcp /proc/net/tcp6 | grep -q ':0007 '; do usleep 50000; done"""
CALL = """\
ip addr add 10.9.9.2/24 dev eth0
until ping -c 1 -W 1 10.9.9.1 > /dev/null; do :; done
seq 20000 > /tmp/numbers
nc 10.9.9.1 7 < /tmp/numbers | cmp - /tmp/numbers && echo came back"""


def test_two_guests_on_one_cable(tmp_path: Path, repo: Path) -> None:
    """A behavioural NIC of ours at each end: one echoes what the other sends."""
    kernel()
    cable = "stream,addr.type=unix,addr.path=cable,server="
    with ExitStack() as guests:
        runs = []
        for name, server, command in (("first", "on", LISTEN), ("second", "off", CALL)):
            arguments = ["--quiet", "--out", name, "--netdev", cable + server, "--run", command]
            run = subprocess.Popen(
                [sys.executable, "-m", "vnic", "boot", *arguments],
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(repo)},
            )
            guests.callback(run.wait)
            guests.callback(run.terminate)
            runs.append(run)
            deadline = time.monotonic() + 60
            while not (tmp_path / "cable").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
        assert [each.wait(timeout=150) for each in runs] == [0, 0]
    assert "came back" in (tmp_path / "second" / CONSOLE).read_text(errors="replace")
