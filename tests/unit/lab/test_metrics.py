"""Metrics from DMA events whose cost is known by hand."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vnic.lab.metrics import DmaMeter, partial_units
from vnic.lab.metrics_kernel import KernelCosts
from vnic.lab.metrics_pcie import MRRS, RCB, PcieMeter, completions, packets, words
from vnic.lab.results_columns import BY_NAME
from vnic.linux.profile import load_profile
from vnic.nic.events import DescriptorWord, DmaEvent, FrameEvent, Master
from vnic.nic.port import WireFrame

CLOCK_NS = 4


def write(time_ns: int, master: Master, address: int, length: int, beat: int = 8) -> DmaEvent:
    first = address // beat * beat
    beats = -(-(address + length - first) // beat)
    return DmaEvent(time_ns, master, True, address, length, length, first, beats, beat, True)


def fetch(time_ns: int, address: int, length: int, beat: int = 8) -> DmaEvent:
    return write(time_ns, Master.RX_DESC, address, length, beat)._replace(write=False)


def frame(address: int, length: int, index: int = 0) -> FrameEvent:
    return FrameEvent(0, bytes(length), (DescriptorWord(index, address, length, 0, 7, 0, 0),))


def started() -> DmaMeter:
    meter = DmaMeter(64, CLOCK_NS)
    list(meter.feed([WireFrame(b"")]))
    return meter


@given(st.integers(0, 300), st.integers(1, 600), st.sampled_from([8, 64]))
def test_partial_units_by_counting_bytes(address: int, length: int, unit: int) -> None:
    covered: dict[int, int] = {}
    for byte in range(address, address + length):
        covered[byte // unit] = covered.get(byte // unit, 0) + 1
    assert partial_units(address, length, unit) == sum(count < unit for count in covered.values())


def test_one_frame_at_offset_2_over_a_page_border() -> None:
    meter = started()
    # 30 bytes before the border in 4 beats, the first one partial; 70 behind it in 9, the last one partial
    meter.on_dma(fetch(0, 0x8000, 64))
    meter.on_dma(write(100, Master.RX_DATA, 4066, 30))
    meter.on_dma(write(140, Master.RX_DATA, 4096, 70))
    meter.on_dma(write(180, Master.RX_WRITEBACK, 0x8000, 16))
    meter.on_frame(frame(4066, 100))
    meter.end_batch(1, [20])
    found = meter.metrics(500)
    assert found["splits_4k_per_frame"] == 1
    assert found["partial_beats_share"] == 2 / (4 + 9 + 2)
    # bursts: 4066 is inside a line, 4166 is; the write-back is a quarter of one
    assert found["partial_lines_per_frame"] == 3
    assert found["dram_rmw_per_frame"] == 3
    assert found["bursts_per_frame"] == 4
    assert found["data_beats_per_frame"] == 13
    assert found["beats_per_frame"] == 8 + 13 + 2
    assert found["descriptor_beats_share"] == 10 / 23
    assert found["descriptor_bytes_share"] == 80 / 180
    assert found["dma_offset"] == 4066 % 64
    assert found["latency_max_cycles"] == (180 - 20) / CLOCK_NS
    assert found["cycles_per_frame"] == 500
    assert "steady_cycles_per_frame" not in found
    assert set(found) <= set(BY_NAME)


def test_a_line_that_two_bursts_share_is_one_read_modify_write_less() -> None:
    meter = started()
    meter.on_dma(write(0, Master.RX_DATA, 0x1000, 96))
    meter.on_dma(write(0, Master.RX_DATA, 0x1060, 32))
    meter.on_frame(frame(0x1000, 128))
    found = meter.metrics(0)
    assert found["partial_lines_per_frame"] == 2
    assert found["dram_rmw_per_frame"] == 0


def test_steady_cycles_and_efficiency_leave_filling_out_and_all_write_backs_in() -> None:
    meter = started()
    for index in range(4):
        done = 1000 + index * 20 * CLOCK_NS
        meter.on_dma(write(done, Master.RX_DATA, 0x1000 + 2048 * index, 128))
        meter.on_dma(write(done + 8, Master.RX_WRITEBACK, 0x8000 + 16 * index, 16))
        meter.on_frame(frame(0x1000 + 2048 * index, 128, index))
    meter.end_batch(4, [900, 910, 920, 930])
    found = meter.metrics(400)
    # 60 cycles from data to data, and 2 to the last write-back; 3 frames of 16 beats and 2 of descriptor
    assert found["steady_cycles_per_frame"] == 62 / 3
    assert found["efficiency"] == 3 * 18 / 62
    assert found["latency_min_cycles"] == 108 / CLOCK_NS
    assert found["latency_max_cycles"] == (1000 + 3 * 80 + 8 - 930) / CLOCK_NS


def test_latency_is_not_told_where_a_frame_was_dropped() -> None:
    meter = started()
    meter.on_dma(write(10, Master.RX_DATA, 0x1000, 64))
    meter.on_dma(write(20, Master.RX_WRITEBACK, 0x8000, 16))
    meter.on_frame(frame(0x1000, 64))
    meter.end_batch(2, [1, 2])
    assert "latency_max_cycles" not in meter.metrics(100)


def test_what_opening_the_driver_moved_belongs_to_no_frame() -> None:
    meter = DmaMeter(64, CLOCK_NS)
    meter.on_dma(fetch(0, 0x8000, 1024))
    list(meter.feed([WireFrame(b"")]))
    meter.on_dma(write(0, Master.RX_DATA, 0x1000, 64))
    meter.on_frame(frame(0x1000, 64))
    found = meter.metrics(10)
    assert found["bursts_per_frame"] == 1
    assert found["pcie_tlps_per_frame_mps128"] == 1


@given(st.integers(0, 10_000), st.integers(1, 9000), st.sampled_from([128, 256, 512]))
def test_pcie_rules(address: int, length: int, mps: int) -> None:
    for cut in (list(packets(address, length, mps)), list(completions(address, min(length, MRRS), mps))):
        assert cut[0][0] == address
        assert all(a + n == b for (a, n), (b, _) in pairwise(cut))
        assert all(0 < n <= mps for _, n in cut)
    assert all(a // 4096 == (a + n - 1) // 4096 for a, n in packets(address, length, mps))
    *inner, _ = completions(address, min(length, MRRS), mps)
    assert all((a + n) % RCB == 0 for a, n in inner)


def test_pcie_bytes_by_hand() -> None:
    assert words(2, 4) == 8
    meter = PcieMeter()
    meter.add(0x1002, 254, write=True)  # to 0x1100: 126 + 128 bytes at MPS 128, 128 and 128 on the wire
    meter.add(0x2000, 64, write=False)  # one request of 20 bytes up, one completion down
    found = meter.metrics(1, 254)
    assert found["pcie_tlps_per_frame_mps128"] == 4
    assert found["pcie_efficiency_mps128"] == 254 / (20 + 128 + 20 + 128 + 20)
    assert found["pcie_tlps_per_frame_mps256"] == 3


def test_kernel_costs_of_the_comment_in_the_drivers() -> None:
    costs = KernelCosts(load_profile("2.6.9/i386-686")).metrics(1500, None, None, (), 1514)
    assert (costs["size_class"], costs["home_class"], costs["spill"]) == ("size-4096", "size-2048", True)
    assert costs["waste_bytes"] == 2048
    assert costs["pages_per_1000_frames"] == 1000
    assert set(costs) <= set(BY_NAME)


def test_headroom_runs_out_under_tunnels_on_an_old_pad() -> None:
    costs = KernelCosts(load_profile("2.6.9/i386-686"))
    assert costs.metrics(1500, None, None, (), 1514)["headroom_reallocs"] == 0
    assert costs.metrics(1500, None, None, ("gre", "vxlan"), 1514)["headroom_reallocs"] != 0
