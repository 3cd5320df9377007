"""What is asked of guest and model alike: MTUs, frames, and the guest's script that writes down its answers.

The script uses what a stock kernel has: trace events, kprobe events, /proc/slabinfo. Each answer goes out
over the console, packed and in base64, behind a mark with its name.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Mapping
from typing import Final

from vnic.errors import VnicError
from vnic.nic.eeprom import DEFAULT_MAC

MTUS: Final = (1500, 1400, 600, 2000, 4000, 9000)
FIRST_MTU: Final = 1500
"""What eth0 is opened with before the first of them."""

HEADER: Final = 14
FCS: Final = 4
COPYBREAK: Final = 256
"""e1000's default; frames of just that length and one more are sent, the driver decides which it copies."""

PAGE: Final = 4096
REPEAT: Final = 12
BURST: Final = 16
"""Frames offered to the model's NIC at once."""

KEY: Final = "verify "
READY: Final = "ready"
_SOURCE: Final = bytes.fromhex("020000000001")
_EXPERIMENTAL: Final = (0x88B5).to_bytes(2, "big")
"""The EtherType for experiments (IEEE 802): no protocol takes these frames, so they are freed at once."""

# Who is asked, under which of its names in 6.1 and later, and for what.
_PROBES: Final = (
    ("frag", "size=$arg2:u32", "page_frag_alloc_align __page_frag_alloc_align page_frag_alloc"),
    ("map", "size=$arg4:u64 dir=$arg5:u32", "dma_map_page_attrs"),
    ("napi", "size=$arg2:u32", "__napi_alloc_skb napi_alloc_skb"),
    ("alloc", "size=$arg1:u32", "__alloc_skb"),
    ("refill", "", "e1000:e1000_alloc_jumbo_rx_buffers"),
)
_EVENTS: Final = (
    "net/napi_gro_receive_entry",
    "net/napi_gro_frags_entry",
    "kmem/mm_page_alloc",
    "kmem/kmalloc",
)

_SCRIPT: Final = """\
answer() {{ gzip -c | base64 -w 1000 | sed "s/^/{mark}{key}$1 /"; }}
probe() {{
  name=$1 fields=$2
  for function in $3; do
    echo "p:vnic/$name $function $fields" >> kprobe_events 2> /dev/null && return
  done
}}
cd /sys/kernel/tracing
echo 4096 > buffer_size_kb
{probes}
for event in {events}; do echo 1 > events/$event/enable; done
echo 1 > events/vnic/enable
[ -e /proc/sys/net/ipv6 ] && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
stats=/sys/class/net/eth0/statistics
status=0
for round in {rounds}; do
  mtu=${{round%:*}} frames=${{round#*:}}
  ip link set eth0 down
  ip link set eth0 mtu $mtu
  echo > trace
  echo open > trace_marker
  ip link set eth0 up
  until [ "$(cat /sys/class/net/eth0/carrier)" = 1 ]; do usleep 10000; done
  before=$(cat $stats/rx_packets)
  echo frames > trace_marker
  echo "{mark}{key}{ready} $mtu"
  left={patience}
  until [ $(($(cat $stats/rx_packets) - before)) -ge $frames ]; do
    usleep 10000
    left=$((left - 1))
    [ $left = 0 ] && status=1 && break
  done
  echo end > trace_marker
  grep -e tracing_mark_write -e ': (' -e 'dev=eth0' -e 'gfp_flags=GFP_ATOMIC' -e 'call_site=__alloc_skb' \\
    -e 'call_site=kmalloc_reserve' trace | answer trace-$mtu
done
cat /proc/slabinfo | answer slabinfo
cat /sys/kernel/slab/skbuff_head_cache/object_size | answer object_size
cat /sys/devices/system/cpu/possible | answer cpus
cat /sys/kernel/btf/vmlinux | sha256sum | answer btf-vmlinux
cat /sys/kernel/btf/e1000 | sha256sum | answer btf-e1000
exit $status
"""
PATIENCE: Final = 6000
"""Hundredths of a second that the guest waits for its frames."""


def sizes(mtu: int) -> tuple[int, ...]:
    """Frame lengths (without FCS) for an MTU: shortest, both sides of copybreak and of a page, longest."""
    full = mtu + HEADER
    edges = (60, COPYBREAK - FCS, COPYBREAK - FCS + 1, PAGE - FCS, PAGE - FCS + 1, full)
    return tuple(size for size in edges if size <= full)


def frames(mtu: int) -> list[bytes]:
    """The frames that come in over the wire at this MTU, to the guest's own address; none needs an answer."""
    lengths = [size for _ in range(REPEAT) for size in sizes(mtu)]
    # Enough of the longest to use up a few pages of fragments.
    lengths += [mtu + HEADER] * (3 * REPEAT)
    header = DEFAULT_MAC + _SOURCE + _EXPERIMENTAL
    return [header + bytes(length - HEADER) for length in lengths]


def guest_script(mark: str, offsets: Mapping[str, int]) -> str:
    """The shell script for the guest.

    Args:
        mark: what a line for us begins with.
        offsets: where `head`, `data` and `end` are in this kernel's sk_buff, and `skb` in its napi_struct;
            where they are not known, nobody is asked for headroom.
    """
    probes = list(_PROBES)
    if offsets:
        head, data, end = (offsets[name] for name in ("head", "data", "end"))
        for name, skb, function in (
            ("receive", "$arg2", "napi_gro_receive"),
            ("frags", f"+{offsets['skb']}($arg1)", "napi_gro_frags"),
        ):
            fields = f"head=+{head}({skb}):x64 data=+{data}({skb}):x64 end=+{end}({skb}):u32"
            probes.append((name, fields, function))
    return _SCRIPT.format(
        mark=mark,
        key=KEY,
        ready=READY,
        probes="\n".join(f"probe {name} '{fields}' '{names}'" for name, fields, names in probes),
        events=" ".join(_EVENTS),
        rounds=" ".join(f"{mtu}:{len(frames(mtu))}" for mtu in MTUS),
        patience=PATIENCE,
    )


def asked_for(mark: str) -> int | None:
    """The MTU whose frames the guest waits for, if that is what this mark says."""
    words = mark.removeprefix(KEY).split() if mark.startswith(KEY) else []
    return int(words[1]) if len(words) == 2 and words[0] == READY and words[1].isdigit() else None


def answers(marks: Iterable[str]) -> dict[str, str]:
    """What the guest wrote down, by name.

    Raises:
        VnicError: an answer is damaged: something else was printed in the middle of it.
    """
    packed: dict[str, list[str]] = {}
    for mark in marks:
        name, _, text = mark.removeprefix(KEY).partition(" ")
        if mark.startswith(KEY) and name != READY:
            packed.setdefault(name, []).append(text)
    found = {}
    for name, parts in packed.items():
        try:
            raw = base64.b64decode("".join(parts), validate=True)
            found[name] = zlib.decompress(raw, wbits=31).decode(errors="replace")
        except (binascii.Error, zlib.error) as error:
            raise VnicError(
                f"the guest's answer {name} came damaged ({error}); see its console.log"
            ) from error
    return found
