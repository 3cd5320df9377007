"""Statistics: what each event counts, clear on read, saturation, and an event in the cycle of the read."""

from __future__ import annotations

from typing import Any

import cocotb

from tests.sim.csr.bench import Csr
from vnic.nic.registers import CTRL, REGISTERS, Reg

COUNTERS = [offset for offset, info in REGISTERS.items() if info.access == "rc"]
WIDE = {Reg.GORCL: Reg.GORCH, Reg.GOTCL: Reg.GOTCH, Reg.TORL: Reg.TORH, Reg.TOTL: Reg.TOTH}


async def counts(csr: Csr) -> dict[str, int]:
    """All counters that are not 0, by name; clears them."""
    found = {}
    for offset in COUNTERS:
        value = await csr.read(offset)
        if value:
            found[REGISTERS[offset].name] = value
    return found


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def each_receive_event_counts_where_it_should(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    assert await counts(csr) == {}
    for flag, name in (
        ("rx_ev_crcerrs", "CRCERRS"), ("rx_ev_rfc", "RFC"), ("rx_ev_rjc", "RJC"), ("rx_ev_ruc", "RUC"),
        ("rx_ev_roc", "ROC"), ("rx_ev_missed", "MPC"),
    ):  # fmt: skip
        await csr.events("rx_ev_valid", flag, rx_len=70)
        assert await counts(csr) == {name: 1, "TPR": 1, "TORL": 70}
    await csr.events("rx_ev_valid", rx_len=17000)
    assert await counts(csr) == {"TPR": 1, "TORL": 17000}
    await csr.events("rx_ev_valid", "rx_ev_crcerrs", "rx_ev_rjc", rx_len=2000)
    assert await counts(csr) == {"CRCERRS": 1, "RJC": 1, "TPR": 1, "TORL": 2000}
    await csr.events("rx_ev_valid", "rx_ev_good", "rx_ev_bcast", rx_len=64)
    await csr.events("rx_ev_valid", "rx_ev_good", "rx_ev_mcast", rx_len=64)
    await csr.events(rnbc=700)
    assert await counts(csr) == {
        "TPR": 2, "TORL": 128, "GPRC": 2, "GORCL": 128, "PRC64": 2, "BPRC": 1, "MPRC": 1, "RNBC": 700,
    }  # fmt: skip


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def size_classes(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    classes = ("64", "127", "255", "511", "1023", "1522")
    for index, (low, high) in enumerate(
        ((64, 64), (65, 127), (128, 255), (256, 511), (512, 1023), (1024, 16384))
    ):
        for length in (low, high):
            await csr.events("rx_ev_valid", "rx_ev_good", "tx_ev_valid", rx_len=length, tx_len=length)
        found = await counts(csr)
        assert {name for name in found if name[:3] in ("PRC", "PTC")} == {
            f"PRC{classes[index]}",
            f"PTC{classes[index]}",
        }
        assert found[f"PRC{classes[index]}"] == found[f"PTC{classes[index]}"] == 2
    await csr.events("tx_ev_valid", "tx_ev_bcast", tx_len=40)
    await csr.events("tx_ev_valid", "tx_ev_mcast", tx_len=40)
    assert await counts(csr) == {"TPT": 2, "GPTC": 2, "TOTL": 80, "GOTCL": 80, "BPTC": 1, "MPTC": 1}
    await csr.events("tx_ev_tsctc")
    await csr.events("tx_ev_tsctc", "tx_ev_tsctfc")
    assert await counts(csr) == {"TSCTC": 2, "TSCTFC": 1}


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_low_half_does_not_clear_and_the_high_half_clears_both(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.events("rx_ev_valid", "rx_ev_good", "tx_ev_valid", rx_len=100, tx_len=100)
    for low, high in WIDE.items():
        assert [await csr.read(low), await csr.read(low)] == [100, 100]
        assert await csr.read(high) == 0
        assert await csr.read(low) == 0


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def counters_stop_at_all_ones(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    stats = dut.dut.stats
    for name in ("tpr", "gprc", "rnbc", "mptc", "crcerrs", "tsctc", "tsctfc"):
        getattr(stats, f"{name}_reg").value = 0xFFFFFFFE
    for name in ("tor", "gorc", "tot", "gotc"):
        getattr(stats, f"{name}_reg").value = (1 << 64) - 100
    stats.prc[2].value = 0xFFFFFFFE
    for _ in range(3):
        await csr.events(
            "rx_ev_valid", "rx_ev_good", "tx_ev_valid", "tx_ev_mcast", rx_len=200, tx_len=200, rnbc=3
        )
        await csr.events("rx_ev_valid", "rx_ev_crcerrs", "tx_ev_tsctc", "tx_ev_tsctfc", rx_len=200)
    found = await counts(csr)
    for name in ("TPR", "GPRC", "RNBC", "MPTC", "CRCERRS", "PRC255", "TSCTC", "TSCTFC"):
        assert found[name] == 0xFFFFFFFF, name
    for low, high in WIDE.items():
        assert found[REGISTERS[low].name] == found[REGISTERS[high].name] == 0xFFFFFFFF


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def octets_carry_into_the_high_half(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    dut.dut.stats.tor_reg.value = 0xFFFFFFFF
    await csr.events("rx_ev_valid", rx_len=65)
    assert (await csr.read(Reg.TORL), await csr.read(Reg.TORH)) == (64, 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def an_event_during_the_read_counts_for_the_next_one(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    rx = ("rx_ev_valid", "rx_ev_good", "rx_ev_bcast", "rx_ev_mcast")
    tx = ("tx_ev_valid", "tx_ev_bcast", "tx_ev_mcast")
    bad = ("rx_ev_valid", "rx_ev_crcerrs", "rx_ev_rfc", "rx_ev_rjc", "rx_ev_ruc", "rx_ev_roc", "rx_ev_missed")
    cases = {
        rx: (Reg.TPR, Reg.GPRC, Reg.BPRC, Reg.MPRC, Reg.PRC127),
        tx: (Reg.TPT, Reg.GPTC, Reg.BPTC, Reg.MPTC, Reg.PTC127),
        bad: (Reg.CRCERRS, Reg.RFC, Reg.RJC, Reg.RUC, Reg.ROC, Reg.MPC),
        ("tx_ev_tsctc",): (Reg.TSCTC,),
        ("tx_ev_tsctfc",): (Reg.TSCTFC,),
    }
    for events, registers in cases.items():
        for register in registers:
            await csr.write(Reg.CTRL, CTRL.RST)
            await csr.events(*events, rx_len=70, tx_len=70)
            await csr.events(*events, rx_len=70, tx_len=70)
            assert await csr.read_during(register, *events, rx_len=70, tx_len=70) == 2
            assert await csr.read(register) == 1, register.name
    for events, low in ((rx, Reg.GORCL), (rx, Reg.TORL), (tx, Reg.TOTL), (tx, Reg.GOTCL)):
        high = WIDE[low]
        await csr.write(Reg.CTRL, CTRL.RST)
        assert await csr.read_during(high, *events, rx_len=70, tx_len=70) == 0
        assert await csr.read(low) == 70
    await csr.events(rnbc=5)
    assert await csr.read_during(Reg.RNBC, rnbc=7) == 5
    assert await csr.read(Reg.RNBC) == 7


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def a_reset_clears_all(dut: Any) -> None:
    csr = Csr(dut)
    await csr.power_up()
    await csr.events("rx_ev_valid", "rx_ev_good", "tx_ev_valid", rx_len=100, tx_len=100, rnbc=4)
    await csr.events("tx_ev_tsctc", "tx_ev_tsctfc")
    await csr.write(Reg.CTRL, CTRL.RST)
    assert await counts(csr) == {}
