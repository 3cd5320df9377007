"""The controller's statistics registers, added up: 8254x SDM 13.7. They clear when read."""

from __future__ import annotations

from typing import Final

from vnic.driver.options import DriverStats
from vnic.nic.port import Nic
from vnic.nic.registers import Reg

# In the order e1000_update_stats reads them. What counts half-duplex and fibre events stays 0 here and is
# read too, so that a controller that counts there is found out.
COUNTERS: Final = (
    Reg.CRCERRS, Reg.GPRC, Reg.BPRC, Reg.MPRC, Reg.ROC,
    Reg.PRC64, Reg.PRC127, Reg.PRC255, Reg.PRC511, Reg.PRC1023, Reg.PRC1522,
    Reg.SYMERRS, Reg.MPC, Reg.SCC, Reg.ECOL, Reg.MCC, Reg.LATECOL, Reg.DC, Reg.SEC, Reg.RLEC,
    Reg.XONRXC, Reg.XONTXC, Reg.XOFFRXC, Reg.XOFFTXC, Reg.FCRUC,
    Reg.GPTC, Reg.RNBC, Reg.RUC, Reg.RFC, Reg.RJC, Reg.TPR, Reg.TPT,
    Reg.PTC64, Reg.PTC127, Reg.PTC255, Reg.PTC511, Reg.PTC1023, Reg.PTC1522, Reg.MPTC, Reg.BPTC,
    Reg.COLC, Reg.ALGNERRC, Reg.RXERRC, Reg.TNCRS, Reg.CEXTERR, Reg.TSCTC, Reg.TSCTFC,
)  # fmt: skip
# 64-bit counters: the low half first, because reading the high half clears both (13.7.22).
WIDE: Final = (
    ("GORC", Reg.GORCL, Reg.GORCH),
    ("GOTC", Reg.GOTCL, Reg.GOTCH),
    ("TOR", Reg.TORL, Reg.TORH),
    ("TOT", Reg.TOTL, Reg.TOTH),
)


async def collect(nic: Nic, totals: dict[str, int]) -> None:
    """Reads every counter and adds it to `totals`, by the register's name (GORC, GOTC, TOR, TOT for the wide
    ones).
    """
    for register in COUNTERS:
        totals[register.name] = totals.get(register.name, 0) + await nic.read32(register)
    for name, low, high in WIDE:
        value = await nic.read32(low)
        totals[name] = totals.get(name, 0) + (value | await nic.read32(high) << 32)


def fold(totals: dict[str, int], stats: DriverStats) -> None:
    """Sets what `struct net_device_stats` takes from the controller (e1000_update_stats, "Fill out the OS
    statistics").
    """
    stats.rx_errors = sum(totals[name] for name in ("RXERRC", "CRCERRS", "ALGNERRC", "RUC", "ROC", "CEXTERR"))
    stats.rx_missed = totals["MPC"]
