"""The kernel model against a kernel: reading its answers, our own predictions, and what a difference does."""

from __future__ import annotations

import base64
import gzip
import re
import socket
import struct
import subprocess
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from vnic.cli.boot import exit_code
from vnic.cli.boot_verify import Progress, print_rows, rows_json
from vnic.errors import UsageError, VnicError
from vnic.guests.kernel import GuestKernel
from vnic.guests.script import MARK, BootOptions, BootResult
from vnic.guests.verify.facts import Facts, FrameFacts, Phase, compare
from vnic.guests.verify.plan import KEY, MTUS, answers, asked_for, frames, guest_script, sizes
from vnic.guests.verify.predict import predict
from vnic.guests.verify.ring import Opening, RingLog
from vnic.guests.verify.run import kernel_facts, verify
from vnic.guests.verify.trace import TraceReader, cpu_count, slab_shapes
from vnic.guests.verify.watch import Sender
from vnic.linux.profile import load_profile
from vnic.nic.events import RegisterEvent
from vnic.nic.registers import RCTL, Reg

PROFILE = load_profile("6.1/x86_64")
DONE = BootResult((("exit 0", 1.0),))

# As Linux 6.1.0-56-amd64 printed them, without the fields of an skb that nobody reads.
TRACE = """\
              sh-91      [000] .....    49.533332: tracing_mark_write: open
              ip-94      [000] bN...    25.589120: frag: (page_frag_alloc_align+0x0/0x280) size=1920
              ip-94      [000] bN...    25.589148: mm_page_alloc: page=(____ptrval____) pfn=0x2c20 order=3 \
migratetype=0 gfp_flags=GFP_ATOMIC|__GFP_NOWARN|__GFP_NORETRY|__GFP_COMP|__GFP_NOMEMALLOC
              ip-94      [000] .N...    25.589152: map: (dma_map_page_attrs+0x0/0x270) size=1522 dir=2
              ip-94      [000] .N...    25.589153: map: (dma_map_page_attrs+0x0/0x270) size=90 dir=1
     kworker/0:1-17      [000] .....     9.964093: alloc: (__alloc_skb+0x0/0x1a0) size=700
     kworker/0:1-17      [000] .....     9.964094: kmalloc: call_site=e1000_set_rx_mode+0x43/0x340 [e1000] \
ptr=(____ptrval____) bytes_req=512 bytes_alloc=512 gfp_flags=GFP_ATOMIC|__GFP_ZERO node=-1 accounted=false
     kworker/0:1-17      [000] .....     9.964095: kmalloc: call_site=kmalloc_reserve+0x88/0x1a0 \
ptr=(____ptrval____) bytes_req=4096 bytes_alloc=4096 gfp_flags=GFP_ATOMIC node=-1 accounted=false
     kworker/0:1-17      [000] .....     9.964520: alloc: (__alloc_skb+0x0/0x1a0) size=1516
     kworker/0:1-17      [000] .....     9.964535: kmalloc: call_site=__alloc_skb+0x88/0x1a0 \
ptr=(____ptrval____) bytes_req=2048 bytes_alloc=2048 gfp_flags=GFP_ATOMIC node=-1 accounted=false
              sh-91      [000] .....    50.101419: tracing_mark_write: frames
     ksoftirqd/0-14      [000] ..s..    50.129646: napi: (__napi_alloc_skb+0x0/0x1c0) size=252
     ksoftirqd/0-14      [000] ..s..    50.129666: mm_page_alloc: page=(____ptrval____) pfn=0x30b0 order=0 \
migratetype=0 gfp_flags=GFP_ATOMIC
     ksoftirqd/0-14      [000] ..s..    50.129671: receive: (napi_gro_receive+0x0/0x200) \
head=0xffff8ea3030b0c00 data=0xffff8ea3030b0c4e end=704
     ksoftirqd/0-14      [000] ..s..    50.129673: napi_gro_receive_entry: dev=eth0 napi_id=0x2001 \
skbaddr=(____ptrval____) protocol=0x88b5 len=238 data_len=0 truesize=1280 mac_header=-14 nr_frags=0
     ksoftirqd/0-14      [000] ..s..    50.129970: napi: (__napi_alloc_skb+0x0/0x1c0) size=304
     ksoftirqd/0-14      [000] ..s..    50.130049: frags: (napi_gro_frags+0x0/0x300) \
head=0xffff8ea302c0dc00 data=0xffff8ea302c0dc40 end=704
     ksoftirqd/0-14      [000] ..s..    50.130056: napi_gro_frags_entry: dev=eth0 napi_id=0x2001 \
skbaddr=(____ptrval____) protocol=0x88b5 len=9000 data_len=9000 truesize=13568 mac_header=-14 nr_frags=3
     ksoftirqd/0-14      [000] ..s..    50.130134: napi: (__napi_alloc_skb+0x0/0x1c0) size=304
     ksoftirqd/0-14      [000] ..s..    50.130138: refill: (e1000_alloc_jumbo_rx_buffers+0x0/0x1c0 [e1000])
     ksoftirqd/0-14      [000] ..s..    50.130145: mm_page_alloc: page=(____ptrval____) pfn=0x2c04 order=0 \
migratetype=0 gfp_flags=GFP_ATOMIC
     ksoftirqd/0-14      [000] ..s..    50.130146: mm_page_alloc: page=(____ptrval____) pfn=0x2c05 order=0 \
migratetype=0 gfp_flags=GFP_ATOMIC|__GFP_NOWARN|__GFP_NORETRY
              sh-91      [000] .....    50.201419: tracing_mark_write: end
     ksoftirqd/0-14      [000] ..s..    50.230134: napi: (__napi_alloc_skb+0x0/0x1c0) size=77
"""
SLABINFO = """\
slabinfo - version: 2.1
# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables
skbuff_fclone_cache      8      8    512    8    1 : tunables    0    0    0 : slabdata      1      1      0
skbuff_head_cache     32     32    256   16    1 : tunables    0    0    0 : slabdata      2      2      0
dma-kmalloc-8k         0      0   8192    4    8 : tunables    0    0    0 : slabdata      0      0      0
kmalloc-cg-1k         16     16   1024    8    2 : tunables    0    0    0 : slabdata      2      2      0
kmalloc-2k           120    120   2048    8    4 : tunables    0    0    0 : slabdata     15     15      0
kmalloc-192          315    315    192   21    1 : tunables    0    0    0 : slabdata     15     15      0
"""


def test_a_trace_is_read_stage_by_stage() -> None:
    reader = TraceReader()
    reader.read(TRACE.splitlines())
    phase = reader.phase
    assert (phase.opened.fragments, phase.opened.fragment_pages) == (Counter({1920: 1}), Counter({3: 1}))
    assert (phase.opened.ring_pages, phase.opened.slice_pages) == (0, 0)
    # A page for 1 KiB heads, one for the ring; the slab's is neither.
    assert (phase.running.ring_pages, phase.running.slice_pages) == (1, 1)
    assert phase.mapped == {1522}
    assert phase.napi == {252, 304}
    assert phase.frames == {
        252: Counter({FrameFacts(1280, 64, 704, 0, 0): 1}),
        9014: Counter({FrameFacts(13568, 64, 704, 9000, 3): 1}),
    }
    assert reader.heads == {1516: 2048}


def test_without_probes_headroom_is_not_made_up() -> None:
    reader = TraceReader()
    reader.read(line for line in TRACE.splitlines() if "receive: " not in line and "frags: " not in line)
    (seen,) = reader.phase.frames[252]
    assert (seen.truesize, seen.headroom, seen.shared_info) == (1280, None, None)


def test_slabinfo_gives_the_caches_that_are_predicted() -> None:
    assert slab_shapes(SLABINFO) == {
        "skbuff_head_cache": (256, 16, 1),
        "kmalloc-2k": (2048, 8, 4),
        "kmalloc-192": (192, 21, 1),
    }


@pytest.mark.parametrize(("text", "count"), [("0\n", 1), ("0-3\n", 4), ("0,2-7", 8)])
def test_cpus(text: str, count: int) -> None:
    assert cpu_count(text) == count


def packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def test_answers_come_in_pieces_among_other_marks() -> None:
    whole = packed(SLABINFO)
    marks = [f"{KEY}slabinfo {whole[:40]}", "link up", f"{KEY}ready 1500", f"{KEY}slabinfo {whole[40:]}"]
    assert answers(marks) == {"slabinfo": SLABINFO}
    assert [asked_for(mark) for mark in marks] == [None, None, 1500, None]


@pytest.mark.parametrize("text", ["", "!!!!", packed(SLABINFO)[:60], "AAAA"])
def test_a_damaged_answer_is_an_error(text: str) -> None:
    with pytest.raises(VnicError, match="answer slabinfo came damaged"):
        answers([f"{KEY}slabinfo {text}"])


def test_frames_are_of_the_lengths_that_matter() -> None:
    assert sizes(600) == (60, 252, 253, 614)
    assert sizes(9000) == (60, 252, 253, 4092, 4093, 9014)
    for mtu in MTUS:
        assert {len(frame) for frame in frames(mtu)} == set(sizes(mtu))


def test_the_script_asks_for_headroom_only_where_it_knows_the_offsets() -> None:
    known = guest_script(MARK, {"head": 200, "data": 208, "end": 192, "skb": 96})
    assert "head=+200($arg2):x64" in known
    assert "data=+208(+96($arg1)):x64" in known
    assert "head=" not in guest_script(MARK, {})


def test_the_script_lets_through_every_line_that_is_read(tmp_path: Path) -> None:
    """Its grep on real lines, also where a probe sits behind an ENDBR (6.12 and later: +0x4)."""
    (found,) = re.findall(r"grep (-e.*?) trace \|", guest_script(MARK, {}), re.DOTALL)
    other = "  sh-1 [000] ..... 1.000000: kmalloc: call_site=vfs_read+0x1/0x2 gfp_flags=GFP_KERNEL\n"
    trace = TRACE.replace("+0x0/", "+0x4/") + other
    (tmp_path / "trace").write_text(trace)
    done = subprocess.run(
        ["sh", "-c", f"grep {found} trace"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == trace.splitlines()[:-1]


class Memory:
    """Descriptors whose buffers are 100 apart."""

    def read(self, address: int, length: int) -> bytes:
        return struct.pack("<Q", 100 * ((address - 0x1000) // 16))[:length]


def test_the_ring_is_followed_from_opening_to_opening() -> None:
    log = RingLog(Memory().read)

    def write(*pairs: tuple[int, int]) -> None:
        for offset, value in pairs:
            log.on_register(RegisterEvent(0, True, offset, value))

    write((Reg.RDT, 5), (Reg.RDLEN, 128), (Reg.RDBAH, 0), (Reg.RDBAL, 0x1000), (Reg.RDT, 0))
    write((Reg.RCTL, RCTL.EN | RCTL.LPE), (Reg.RDT, 3), (Reg.RDT, 5), (Reg.RDT, 1))
    log.on_register(RegisterEvent(0, False, Reg.RDT, 1))
    write((Reg.RCTL, 0), (Reg.RDT, 0), (Reg.RDBAL, 0x1000), (Reg.RCTL, RCTL.EN), (Reg.RDT, 8))
    first, second = log.openings
    assert first == Opening(128, RCTL.EN | RCTL.LPE, [0, 100, 200], [300, 400, 500, 600, 700, 0])
    assert second == Opening()  # RDT 8 is beyond a ring of eight
    assert Opening.from_json(first.as_json()) == first


@pytest.fixture(scope="module")
def prediction() -> Facts:
    return predict(PROFILE, 1, [1516])


def test_predictions_are_those_of_the_rules(prediction: Facts) -> None:
    rows = {(row.where, row.what): row.prediction for row in compare(prediction, prediction)}
    assert rows["MTU 1500", "stride"] == 1920
    assert rows["MTU 1400", "bytes of a fragment"] == (2432,)
    assert rows["MTU 1500", "frame of 60: truesize"] == (1280,)  # copied
    assert rows["MTU 1500", "frame of 1514: truesize"] == (2176,)
    assert rows["MTU 9000", "frame of 9014: head"] == "64 + 640 + info; 9000 in 3"
    assert rows["slab", "alloc_skb(1516) gets"] == 2048
    assert {where for where, _ in rows} == {"kernel", "slab", *(f"MTU {mtu}" for mtu in MTUS)}


def test_equal_sides_pass(prediction: Facts, capsys: pytest.CaptureFixture[str]) -> None:
    rows = compare(prediction, predict(PROFILE, 1, [1516]))
    assert all(row.equal for row in rows)
    assert exit_code(DONE, rows) == 0
    print_rows(rows)
    assert f"{len(rows)} rows of prediction and kernel: all equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("planted", "where", "what"),
    [
        ({"sizeof_shinfo": 384}, "MTU 1500", "stride"),
        ({"net_ip_align": 2}, "MTU 600", "address mod 64"),
        ({"sizeof_sk_buff": 264}, "MTU 9000", "frame of 60: truesize"),
        ({"max_header": 128}, "MTU 4000", "napi_alloc_skb of"),
        ({"kmalloc_min_size": 32}, "slab", "kmalloc-8"),
    ],
)
def test_another_kernel_is_told_apart(
    prediction: Facts, capsys: pytest.CaptureFixture[str], planted: dict[str, int], where: str, what: str
) -> None:
    """The other side is of a kernel with one constant changed."""
    rows = compare(prediction, predict(replace(PROFILE, **planted), 1, [1516]))  # type: ignore[arg-type] # ints
    assert (where, what) in {(row.where, row.what) for row in rows if not row.equal}
    assert exit_code(DONE, rows) == 1
    assert not rows_json(rows)["equal"]
    print_rows(rows)
    assert "differ" in capsys.readouterr().out


def test_no_answer_is_not_equal(prediction: Facts) -> None:
    """A kernel that says nothing of a phase, or a model that does not."""
    assert not any(row.equal for row in compare(prediction, Facts()))
    assert not any(row.equal for row in compare(Facts(), prediction))
    unseen = replace(prediction, phases={mtu: Phase() for mtu in MTUS})
    rows = [row for row in compare(prediction, unseen) if row.where == "MTU 1500"]
    assert not any(row.equal for row in rows)


def test_one_ring_too_few_is_an_error() -> None:
    with pytest.raises(VnicError, match="receive ring 2 times, not 7"):
        kernel_facts({"rings": "[{}, {}]"}, {})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (BootOptions(commands=("ls",)), "--run"),
        (BootOptions(mtu=600), "--mtu"),
        (BootOptions(netdev="none"), "--netdev"),
        (BootOptions(replay=Path("x")), "--replay"),
    ],
)
def test_what_leaves_no_room_for_the_questions(tmp_path: Path, options: BootOptions, named: str) -> None:
    with pytest.raises(UsageError, match=named):
        verify(options, GuestKernel(tmp_path, tmp_path), tmp_path)


def test_frames_go_to_qemu_when_the_guest_waits_for_them() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        sender = Sender(ours)
        sender.on_mark("link up")
        # A socket holds ten datagrams: the others wait until they are taken.
        sending = threading.Thread(target=sender.on_mark, args=(f"{KEY}ready 600",))
        sending.start()
        assert [theirs.recv(65536) for _ in frames(600)] == frames(600)
        sending.join()
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_a_qemu_that_takes_no_frames_is_an_error() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender = Sender(ours)
    theirs.close()
    with ours, pytest.raises(VnicError, match="QEMU takes no frames at MTU 600"):
        sender.on_mark(f"{KEY}ready 600")


def test_the_console_is_shown_without_the_packed_answers(capsys: pytest.CaptureFixture[str]) -> None:
    show = Progress()
    show(f"{MARK}link up\r\n{MARK}{KEY}ready 1500\r\n{MARK}{KEY}sla".encode())
    show(b"binfo H4sI\r\nbye\n")
    assert capsys.readouterr().err == f"{MARK}link up\n{MARK}{KEY}ready 1500\nbye\n"
