"""Host memory: one address space with holes, shared by file descriptor."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

from vnic.errors import BadAddress, UsageError
from vnic.memory import HostMemory, Region

PAGE = 4096


def test_bytes_come_back() -> None:
    with HostMemory(16 * PAGE) as memory:
        memory.write(100, b"frame")
        assert memory.read(99, 7) == b"\0frame\0"
        memory.fill(100, 5, 0xA5)
        assert bytes(memory.view(98, 9)) == b"\0\0" + b"\xa5" * 5 + b"\0\0"
        memory.view(100, 2)[:] = b"ab"
        assert memory.read(100, 3) == b"ab\xa5"


@pytest.mark.parametrize(
    ("address", "length"), [(-1, 1), (16 * PAGE, 1), (16 * PAGE - 1, 2), (0, -1), (1 << 40, 4)]
)
def test_outside_is_a_bad_address(address: int, length: int) -> None:
    with HostMemory(16 * PAGE) as memory:
        for access in (memory.read, memory.view, lambda at, n: memory.fill(at, n, 0)):
            with pytest.raises(BadAddress) as error:
                access(address, length)
            assert (error.value.address, error.value.length) == (address, length)
        assert not memory.contains(address, length)
        if length > 0:
            with pytest.raises(BadAddress):
                memory.write(address, bytes(length))


def test_a_hole_splits_the_memory() -> None:
    with HostMemory(8 * PAGE, base=PAGE, holes=[(3 * PAGE, 2 * PAGE)]) as memory:
        assert memory.regions == (Region(PAGE, 2 * PAGE, 0), Region(5 * PAGE, 6 * PAGE, 2 * PAGE))
        assert memory.size == 8 * PAGE
        memory.write(5 * PAGE, b"above")
        assert memory.read(5 * PAGE, 5) == b"above"
        for address, length in (
            (3 * PAGE, 1),
            (3 * PAGE - 1, 2),
            (5 * PAGE - 1, 1),
            (3 * PAGE - 4, 2 * PAGE + 8),
        ):
            with pytest.raises(BadAddress):
                memory.read(address, length)


def test_another_process_sees_the_same_bytes() -> None:
    with HostMemory(4 * PAGE, base=PAGE) as memory:
        code = (
            "import sys; from vnic.memory import HostMemory, Region\n"
            f"regions = {[tuple(region) for region in memory.regions]}\n"
            "with HostMemory.attach(int(sys.argv[1]), [Region(*region) for region in regions]) as twin:\n"
            f"    twin.write({2 * PAGE}, b'from the child')"
        )
        fd = memory.fileno()
        subprocess.run([sys.executable, "-c", code, str(fd)], pass_fds=(fd,), check=True)
        assert memory.read(2 * PAGE, 14) == b"from the child"


def test_after_close_nothing_is_there() -> None:
    memory = HostMemory(4 * PAGE)
    view = memory.view(0, 4)
    fd = memory.fileno()
    memory.close()
    memory.close()
    with pytest.raises(BadAddress):
        memory.read(0, 1)
    with pytest.raises(BadAddress):
        memory.write(0, b"x")
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(fd)
    assert bytes(view) == bytes(4)


@pytest.mark.parametrize(
    ("size", "base", "holes"),
    [
        (0, 0, []),
        (100, 0, []),
        (PAGE, 1, []),
        (-PAGE, 0, []),
        (4 * PAGE, 0, [(PAGE, 0)]),
        (4 * PAGE, 0, [(PAGE, 100)]),
        (4 * PAGE, 0, [(PAGE, 2 * PAGE), (2 * PAGE, PAGE)]),
        (4 * PAGE, PAGE, [(0, 2 * PAGE)]),
    ],
)
def test_bad_shapes(size: int, base: int, holes: list[tuple[int, int]]) -> None:
    with pytest.raises(UsageError):
        HostMemory(size, base=base, holes=holes)


def test_a_hole_beyond_the_memory_changes_nothing() -> None:
    with HostMemory(2 * PAGE, base=4 * PAGE, holes=[(0, PAGE), (100 * PAGE, PAGE)]) as memory:
        assert memory.regions == (Region(4 * PAGE, 2 * PAGE, 0),)


def test_attaching_nothing_or_too_little() -> None:
    with HostMemory(PAGE) as memory:
        with pytest.raises(UsageError, match="no region"):
            HostMemory.attach(memory.fileno(), ())
        with pytest.raises(UsageError, match="cannot be mapped"):
            HostMemory.attach(memory.fileno(), [Region(0, 2 * PAGE, 0)])


def test_a_bad_address_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(BadAddress(16, 4)))
    assert (error.address, error.length, error.exit_code) == (16, 4, 1)
