"""What a user may ask for, and what he is told when he may not."""

from __future__ import annotations

from typing import Any

import pytest

from vnic.driver import DriverOptions
from vnic.errors import UsageError
from vnic.targets.session import SessionOptions


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mtu": 45}, "mtu 45: the e1000 driver takes 46 to 16110 bytes"),
        ({"mtu": 16111}, "46 to 16110"),
        ({"rx_ring": 100}, "rx_ring of 100 descriptors: RDLEN and TDLEN are multiples of 128 bytes"),
        ({"tx_ring": 4}, "multiple of 8 from 8 to 4096"),
        ({"rx_ring": 4104}, "multiple of 8 from 8 to 4096"),
        ({"buffer": 3000}, "give one of 256, 512, 1024, 1522, 2048"),
        ({"strategy": "packet-split"}, "the 82540EM has no packet-split descriptors"),
        ({"strategy": "page"}, "strategy page: give one of skb, jumbo, build_skb"),
        ({"copybreak": -1}, "copybreak of -1 bytes"),
        ({"napi_budget": 0}, "napi_budget of 0"),
        ({"needed_headroom": 2000}, "needed_headroom of 2000 bytes"),
        ({"mac": "82599"}, "mac 82599"),
        ({"eeprom": "spi"}, "eeprom spi"),
    ],
)
def test_a_value_out_of_range_is_one_line_that_says_what_to_give(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        DriverOptions(**options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_ring_takes_every_multiple_of_eight() -> None:
    for count in (8, 80, 256, 4096):
        assert DriverOptions(rx_ring=count, tx_ring=count).rx_ring == count


@pytest.mark.parametrize(
    ("mode", "loopback", "batch"),
    [("echo", False, 256), ("receive", False, 0), ("loopback", False, 256), ("receive", True, 256)],
)
def test_a_session_refuses_modes_that_do_not_fit(mode: Any, loopback: bool, batch: int) -> None:
    with pytest.raises(UsageError):
        SessionOptions(DriverOptions(loopback=loopback), mode, batch)
