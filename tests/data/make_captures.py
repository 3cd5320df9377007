"""Record the captures in this folder: two stock Debian guests in QEMU, talking over QEMU's own e1000.

Run ``make captures`` or ``python tests/data/make_captures.py [NAME ...]``. It needs qemu-system-x86_64,
busybox (static), dpkg-deb and ``apt-get download`` (no root, nothing is installed), and less than a minute
per capture.

The two guests are joined by a stream socket between their netdevs; ``-object filter-dump`` on the client's
side writes every frame of both directions as it was on the wire: no FCS, checksums and segmentation already
done by the emulated device. Before a capture replaces the old one it is checked: every checksum valid, no
frame above its MTU, and each protocol that the capture is there for present.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scapy.layers.dhcp import DHCP
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6ND_NS, IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet
from scapy.utils import RawPcapReader

from vnic.guests.initramfs import base_files, cpio_newc, put
from vnic.guests.kernel import GuestKernel, stock_kernel

HERE = Path(__file__).parent
MODULES = ("e1000", "8021q")
BOOT_TIMEOUT_S = 240

COMMON = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
for module in e1000 llc stp garp mrp 8021q; do insmod /modules/$module.ko; done
ip link set lo up
ip link set eth0 mtu $mtu
ip link set eth0 up
host=1; [ $role = client ] && host=2
ip addr add 10.0.0.$host/24 dev eth0
ip addr add fd00::$host/64 dev eth0
ip link add link eth0 name eth0.100 type vlan id 100
ip link set eth0.100 up
ip addr add 10.0.100.$host/24 dev eth0.100
mkdir -p /www /tmp
seq 1 20000 | head -c $bytes > /www/file
if [ $role = server ]; then
    httpd -h /www
    nc -ll -p 9 -e cat > /dev/null &
    printf 'interface eth0\\nstart 10.0.0.50\\nend 10.0.0.60\\nlease_file /tmp/l\\n' > /etc/udhcpd.conf
    touch /tmp/l; udhcpd /etc/udhcpd.conf
    while :; do sleep 60; done
fi
until ping -c 1 -W 1 10.0.0.1; do :; done
"""

# What the client does, by capture.
MIXED = """
udhcpc -i eth0 -n -q -s /bin/true
for size in 0 18 46 100 214 470 982 1400 1472; do ping -c 2 -i 0.1 -s $size 10.0.0.1; done
ping -c 2 -s 4000 10.0.0.1
ping6 -c 3 -s 600 fd00::1
wget -q -O /tmp/file http://10.0.0.1/file && cmp /tmp/file /www/file && echo TCP OK
wget -q -O /tmp/file6 'http://[fd00::1]/file' && cmp /tmp/file6 /www/file && echo TCP6 OK
head -c 20000 /www/file | nc -w 2 10.0.0.1 9 > /tmp/echo; wc -c /tmp/echo
syslogd -R 10.0.0.1:514
for n in 1 2 3 4 5 6 7 8; do logger "$(head -c $((n * 150)) /www/file | tr '\\n' ' ')"; done
traceroute -n -m 2 10.0.0.1
ping -c 2 -s 1472 10.0.100.1
sleep 1
"""
VLAN = """
for size in 0 18 42 1000 1472; do ping -c 2 -i 0.1 -s $size 10.0.100.1; done
wget -q -O /tmp/file http://10.0.100.1/file && cmp /tmp/file /www/file && echo TCP OK
traceroute -n -m 2 10.0.100.1
sleep 1
"""
JUMBO = """
for size in 0 1472 1473 2030 4054 6000 8000 8972; do ping -c 2 -i 0.1 -s $size 10.0.0.1; done
wget -q -O /tmp/file http://10.0.0.1/file && cmp /tmp/file /www/file && echo TCP OK
ping6 -c 2 -s 8900 fd00::1
ping -c 2 -s 8968 10.0.100.1
sleep 1
"""


@dataclass(frozen=True)
class Capture:
    """One capture: what the client runs, and what must then be in the file.

    mtu and file_bytes (the file fetched over HTTP) are in bytes; needs maps a protocol's name to its test.
    """

    name: str
    mtu: int
    file_bytes: int
    script: str
    needs: dict[str, Callable[[Packet], bool]]


def _carries(layer: type[Packet]) -> Callable[[Packet], bool]:
    return lambda packet: layer in packet


CAPTURES = (
    Capture(
        "mixed", 1500, 40_000, MIXED,
        {
            "ARP": _carries(ARP), "TCP": _carries(TCP), "UDP": _carries(UDP), "DHCP": _carries(DHCP),
            "ICMP": _carries(ICMP), "IPv6": _carries(IPv6), "NDP": _carries(ICMPv6ND_NS),
            "VLAN": _carries(Dot1Q),
            "60 bytes": lambda packet: len(packet) == 60,
            "1514 bytes": lambda packet: len(packet) == 1514,
            "1518 bytes": lambda packet: len(packet) == 1518,
        },
    ),
    Capture(
        "vlan", 1500, 30_000, VLAN,
        {"VLAN": _carries(Dot1Q), "TCP": _carries(TCP), "1518 bytes": lambda packet: len(packet) == 1518},
    ),
    Capture(
        "jumbo", 9000, 200_000, JUMBO,
        {"TCP": _carries(TCP), "IPv6": _carries(IPv6), "9014 bytes": lambda packet: len(packet) == 9014},
    ),
)  # fmt: skip


def initramfs(kernel: GuestKernel, script: str) -> bytes:
    """Busybox, the driver, 802.1Q and the init script."""
    files = base_files(COMMON + script + "echo CAPTURE DONE\npoweroff -f\n")
    for name, content in kernel.module_files(MODULES).items():
        put(files, f"modules/{name}.ko", content)
    return cpio_newc(files)


@contextmanager
def guest(role: str, capture: Capture, work: Path, kernel: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One QEMU, its e1000 on the socket that both share; it is gone when the block is left."""
    listens = "on" if role == "server" else "off"
    netdev = f"stream,id=n0,server={listens},addr.type=unix,addr.path={work / 'wire'}"
    append = f"console=ttyS0 quiet panic=-1 role={role} mtu={capture.mtu} bytes={capture.file_bytes}"
    command = [
        "qemu-system-x86_64", "-accel", "tcg", "-machine", "pc", "-m", "256", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", f"file:{work / role}.log",
        "-kernel", str(kernel), "-initrd", str(work / "initramfs"), "-append", append,
        "-netdev", netdev,
        "-device", f"e1000,netdev=n0,mac=52:54:00:12:34:{'01' if role == 'server' else '56'}",
    ]  # fmt: skip
    if role == "client":
        command += ["-object", f"filter-dump,id=dump,netdev=n0,file={work / 'wire.pcap'}"]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def check(capture: Capture, path: Path) -> str:
    """Judge a new capture; return one line about it, or raise SystemExit with what is wrong."""
    seen: Counter[str] = Counter()
    sizes = []
    with RawPcapReader(str(path)) as reader:
        for number, (raw, _) in enumerate(reader, start=1):
            packet = Ether(raw)
            sizes.append(len(raw))
            limit = capture.mtu + 14 + (4 if Dot1Q in packet else 0)
            if not 60 <= len(raw) <= max(limit, 60):
                raise SystemExit(f"{path}: frame {number} has {len(raw)} bytes, the MTU allows {limit}")
            if wrong := bad_checksum(raw):
                raise SystemExit(f"{path}: frame {number}: the {wrong} checksum is wrong")
            seen.update(name for name, test in capture.needs.items() if test(packet))
    if missing := sorted(capture.needs.keys() - seen.keys()):
        raise SystemExit(f"{path}: has no {', no '.join(missing)}")
    return f"{len(sizes)} frames of {min(sizes)}…{max(sizes)} bytes, {path.stat().st_size} bytes"


def bad_checksum(raw: bytes) -> str | None:
    """The first layer of an Ethernet frame whose Internet checksum (RFC 1071) does not hold, or None.

    Summed over the bytes themselves: scapy rebuilds ICMP errors that quote text as if they held extensions.
    """
    packet = Ether(raw)
    inner = raw[18:] if Dot1Q in packet else raw[14:]
    if IP in packet:
        header, total = 4 * (inner[0] & 15), int.from_bytes(inner[2:4], "big")
        if _sum16(inner[:header]) != 0xFFFF:
            return "IP"
        if packet[IP].frag or packet[IP].flags.MF:
            return None
        protocol, addresses, payload = inner[9], inner[12:20], inner[header:total]
    elif IPv6 in packet:
        length = int.from_bytes(inner[4:6], "big")
        protocol, addresses, payload = inner[6], inner[8:40], inner[40 : 40 + length]
        if protocol == 0:  # hop-by-hop options (MLD)
            protocol, payload = payload[0], payload[8 * (payload[1] + 1) :]
    else:
        return None
    if protocol == 17 and payload[6:8] == b"\0\0":
        return None  # a UDP sender that chose no checksum
    pseudo = addresses + len(payload).to_bytes(4, "big") + bytes([0, 0, 0, protocol])
    if protocol == 1:
        pseudo = b""
    names = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6"}
    return names[protocol] if protocol in names and _sum16(pseudo + payload) != 0xFFFF else None


def _sum16(data: bytes) -> int:
    """The one's complement sum of big-endian 16-bit words; 0xFFFF over data whose own checksum is right."""
    total = sum(int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def record(capture: Capture, work: Path, kernel: GuestKernel) -> str:
    """Boot both guests, wait for the client to finish, check the file and put it in its place."""
    (work / "initramfs").write_bytes(initramfs(kernel, capture.script))
    with guest("server", capture, work, kernel.image) as server:
        while not (work / "wire").exists():
            if server.poll() is not None:
                raise SystemExit("QEMU ended before its socket was there")
            time.sleep(0.05)
        with guest("client", capture, work, kernel.image) as client:
            client.wait(timeout=BOOT_TIMEOUT_S)
    log = (work / "client.log").read_text(errors="replace")
    if "TCP OK" not in log or "CAPTURE DONE" not in log:
        raise SystemExit(f"{capture.name}: the client did not finish; its console ends:\n{log[-2000:]}")
    line = check(capture, work / "wire.pcap")
    (HERE / f"{capture.name}.pcap").write_bytes((work / "wire.pcap").read_bytes())
    return line


def main() -> None:
    """Record the captures named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Record tests/data/*.pcap from two Debian guests in QEMU.")
    parser.add_argument("names", nargs="*", choices=[[], *(capture.name for capture in CAPTURES)])
    parser.add_argument("--keep", type=Path, help="work in this folder and keep it (consoles, kernel)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(exist_ok=True)
        kernel = stock_kernel()
        for capture in CAPTURES:
            if options.names and capture.name not in options.names:
                continue
            work = folder / capture.name
            work.mkdir(exist_ok=True)
            sys.stdout.write(f"{capture.name}.pcap: {record(capture, work, kernel)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
