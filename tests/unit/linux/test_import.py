"""Importing a kernel: every packing, every source of a constant, one line for each file that will not do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.linux.kernel_files import PACKERS, STRUCT, BtfMaker, bzimage, elf, kernel_btf
from tests.unit.linux.support import VMLINUZ
from vnic.errors import UsageError, VnicError
from vnic.linux.arch import L1_BYTES, dma_minalign, kmalloc_min_size
from vnic.linux.btf import BadBtf, Btf, UnknownType
from vnic.linux.bzimage import BadKernelImage
from vnic.linux.kernel_import import import_kernel
from vnic.linux.layout import rx_layout
from vnic.linux.profile import load_profile, profile_names

DEBIAN = """CONFIG_X86_L1_CACHE_SHIFT=6
CONFIG_SLUB=y
# CONFIG_HYPERV_NET is not set
CONFIG_WLAN=y
CONFIG_MAC80211_MESH=y
CONFIG_NET_IPIP=m
"""


def kernel_file(
    folder: Path, data: bytes, name: str = "vmlinuz-6.1.0-9-amd64", config: str | None = DEBIAN
) -> Path:
    path = folder / name
    path.write_bytes(data)
    if config is not None and "vmlinuz" in name:
        path.with_name(name.replace("vmlinuz", "config")).write_text(config)
    return path


@pytest.mark.parametrize("packer", PACKERS)
def test_every_packing(tmp_path: Path, packer: str) -> None:
    # Larger than a block of the legacy LZ4 format.
    kernel = elf(kernel_btf().bytes(), text=os.urandom(1000) + bytes(9 << 20))
    image = kernel_file(tmp_path, bzimage(kernel, packer))
    profile = import_kernel(image, tmp_path / "mine.toml")
    assert (profile.sizeof_sk_buff, profile.sizeof_shinfo, profile.max_skb_frags) == (232, 320, 17)
    assert (profile.version, profile.arch, profile.word_size) == ((6, 1, 0), "x86_64", 8)


def test_an_imported_kernel_lays_out_as_the_profile_of_its_version(tmp_path: Path) -> None:
    image = kernel_file(tmp_path, bzimage(elf(kernel_btf().bytes())))
    path = tmp_path / "mine.toml"
    import_kernel(image, path)
    mine, shipped = rx_layout(load_profile(str(path)), 2048), rx_layout(load_profile("6.1/x86_64"), 2048)
    assert (mine.segments, mine.truesize, mine.decides) == (
        shipped.segments,
        shipped.truesize,
        shipped.decides,
    )


def test_every_constant_says_where_it_is_from(tmp_path: Path) -> None:
    image = kernel_file(tmp_path, bzimage(elf(kernel_btf().bytes())))
    profile = import_kernel(image, tmp_path / "mine.toml")
    assert profile.sources["sizeof_sk_buff"] == "BTF of vmlinuz-6.1.0-9-amd64"
    assert profile.sources["L1_CACHE_BYTES"] == "CONFIG_X86_L1_CACHE_SHIFT=6 in config-6.1.0-9-amd64"
    assert set(profile.unestablished) == {
        "NET_SKB_PAD",
        "NET_IP_ALIGN",
        "KMALLOC_MIN_SIZE",
        "ARCH_DMA_MINALIGN",
    }
    assert profile.max_header == 176


def test_without_a_configuration_more_is_marked(tmp_path: Path) -> None:
    image = kernel_file(tmp_path, bzimage(elf(kernel_btf().bytes())), config=None)
    profile = import_kernel(image, tmp_path / "mine.toml")
    assert {"L1_CACHE_BYTES", "MAX_HEADER"} <= set(profile.unestablished)


@pytest.mark.parametrize(
    ("config", "header"),
    [
        ("CONFIG_SLUB=y\n", 32),
        ("CONFIG_WLAN=y\n", 96),
        ("CONFIG_AX25=m\n", 96),
        ("CONFIG_WLAN=y\nCONFIG_MAC80211_MESH=y\n", 128),
        ("CONFIG_HYPERV_NET=y\n", 128),
        ("CONFIG_HYPERV_NET=m\n", 32),
        ("CONFIG_IPV6_SIT=m\n", 80),
    ],
)
def test_max_header_of_a_configuration(tmp_path: Path, config: str, header: int) -> None:
    image = kernel_file(tmp_path, bzimage(elf(kernel_btf().bytes())), config=config)
    assert import_kernel(image, tmp_path / "mine.toml").max_header == header


def test_debian_names_the_stable_release(tmp_path: Path) -> None:
    banner = "6.1.0-56-amd64 (d@d.org) #1 SMP Debian 6.1.192-2 (2026-11-16)"
    image = kernel_file(tmp_path, bzimage(elf(kernel_btf().bytes()), release=banner))
    assert import_kernel(image, tmp_path / "mine.toml").version == (6, 1, 192)


def test_a_vmlinux_of_another_architecture(tmp_path: Path) -> None:
    data = elf(kernel_btf(">").bytes(), machine=22, text=b"Linux version 6.1.5 (x)", order=">")
    image = kernel_file(tmp_path, data, "vmlinux")
    profile = import_kernel(image, tmp_path / "mine.toml")
    assert (profile.arch, profile.version, profile.l1_cache_bytes, profile.net_skb_pad) == (
        "s390",
        (6, 1, 5),
        256,
        32,
    )


def test_arm64_pages_and_kmalloc(tmp_path: Path) -> None:
    data = elf(kernel_btf().bytes(), machine=183, text=b"Linux version 6.1.5 (x)")
    image = kernel_file(tmp_path, data, "vmlinux")
    config = tmp_path / "my.config"
    config.write_text("CONFIG_ARM64_64K_PAGES=y\nCONFIG_SLUB=y\n")
    profile = import_kernel(image, tmp_path / "mine.toml", config=config)
    assert (profile.page_size, profile.kmalloc_min_size, profile.arch_dma_minalign) == (65536, 128, 128)
    assert profile.net_ip_align == 0


def test_raw_btf_needs_to_be_told(tmp_path: Path) -> None:
    image = kernel_file(tmp_path, kernel_btf().bytes(), "vmlinux.btf", config=None)
    with pytest.raises(UsageError, match="--arch"):
        import_kernel(image, tmp_path / "mine.toml")
    with pytest.raises(UsageError, match="--release"):
        import_kernel(image, tmp_path / "mine.toml", arch="x86_64")
    profile = import_kernel(image, tmp_path / "mine.toml", arch="x86_64", version="6.18.44")
    assert profile.version == (6, 18, 44)


def broken(image: bytes, at: int, value: bytes) -> bytes:
    return image[:at] + value + image[at + len(value) :]


GOOD = bzimage(elf(kernel_btf().bytes()), "xz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "HdrS"),
        (b"\x7fELF", "damaged ELF"),
        (bytes(4096), "HdrS"),
        (GOOD[:0x240], "2.08"),
        (GOOD[:1200], "truncated"),
        (broken(GOOD, 0x206, b"\x05\x02"), "2.08"),
        (broken(GOOD, 1056, b"????"), "unknown way"),
        (broken(GOOD, 1100, bytes(64)), "does not unpack"),
        (bzimage(b"not a kernel" * 10), "no ELF"),
        (elf(None), "CONFIG_DEBUG_INFO_BTF"),
        (elf(b"xx" * 20, text=b"Linux version 6.1.5 "), "not with the magic"),
        (elf(kernel_btf().bytes()[:20], text=b"Linux version 6.1.5 "), "within its header"),
        (elf(kernel_btf().bytes()[:90], text=b"Linux version 6.1.5 "), "truncated"),
        (elf(BtfMaker().bytes(), text=b"Linux version 6.1.5 "), "no struct or union"),
        (bzimage(elf(kernel_btf().bytes()), release="no number"), "not a number"),
        (bzimage(elf(kernel_btf(skb=5000).bytes())), "sizeof_sk_buff is 5000"),
    ],
)
def test_one_line_for_what_cannot_be_read(tmp_path: Path, data: bytes, message: str) -> None:
    image = kernel_file(tmp_path, data)
    target = tmp_path / "mine.toml"
    with pytest.raises(VnicError) as error:
        import_kernel(image, target)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config-6.1.0-9-amd64",
        "vmlinuz-6.1.0-9-amd64",
    ]


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadKernelImage, match="No such file"):
        import_kernel(tmp_path / "vmlinuz", tmp_path / "mine.toml")
    image = kernel_file(tmp_path, GOOD)
    with pytest.raises(VnicError, match="cannot write"):
        import_kernel(image, tmp_path / "nowhere" / "mine.toml")
    with pytest.raises(UsageError, match="CONFIG_"):
        import_kernel(image, tmp_path / "mine.toml", config=kernel_file(tmp_path, b"hello", "x", None))


def test_btf_of_either_byte_order_reads_the_same() -> None:
    small, big = Btf(kernel_btf("<").bytes(), "a"), Btf(kernel_btf(">").bytes(), "b")
    assert small.structure("sk_buff") == big.structure("sk_buff")
    assert small.sizeof(small.find("skb_frag_t", ("typedef",))) == 16


def test_a_name_that_is_not_there_offers_near_ones() -> None:
    btf = Btf(kernel_btf().bytes(), "vmlinux")
    with pytest.raises(UnknownType, match="did you mean sk_buff"):
        btf.structure("sk_bufff")
    with pytest.raises(UnknownType, match="no member tali; it has tail"):
        btf.structure("sk_buff").member("tali")


def test_a_module_refers_to_the_types_of_its_kernel() -> None:
    kernel = Btf(kernel_btf().bytes(), "vmlinux")
    maker = BtfMaker(first=kernel.count, string_base=kernel.string_end)
    maker.structure("e1000_rx_desc", 16, [("buffer_addr", 1, 0), ("length", 2, 8)])
    module = Btf(maker.bytes(), "e1000.ko", kernel)
    assert [m.size for m in module.structure("e1000_rx_desc").members] == [8, 1]
    assert module.structure("sk_buff").size == 232
    with pytest.raises(UnknownType, match="e1000_rx_desc"):
        module.structure("e1000_rx_dsc")


def test_bit_fields_of_a_flagged_structure() -> None:
    maker = BtfMaker()
    word = maker.integer("unsigned int", 4)
    maker.add(STRUCT, "flags", 4, 0, word, 3 << 24 | 0, 0, word, 5 << 24 | 3, vlen=2, flag=1)
    first, second = Btf(maker.bytes(), "x").structure("flags").members
    assert ((first.bits, first.offset), (second.bits, second.offset)) == ((3, 0), (5, 0))


def test_damaged_types() -> None:
    maker = BtfMaker()
    maker.add(31, "what", 0)
    with pytest.raises(BadBtf, match="type 1 is broken"):
        Btf(maker.bytes(), "x")


@pytest.mark.parametrize("name", profile_names())
def test_the_architecture_rules_agree_with_the_profiles(name: str) -> None:
    p = load_profile(name)
    if p.arch in L1_BYTES:
        assert p.l1_cache_bytes == L1_BYTES[p.arch].at(p.version)
    assert p.kmalloc_min_size == kmalloc_min_size(p.version, p.arch, p.l1_cache_bytes, p.allocator)
    assert p.arch_dma_minalign == dma_minalign(p.version, p.arch, p.l1_cache_bytes)


@pytest.mark.parametrize("image", VMLINUZ, ids=lambda image: image.name)
def test_a_real_kernel_imports_in_half_a_gigabyte(tmp_path: Path, image: Path) -> None:
    """`python -m tests.kernels` fetches Debian's; without any the test is skipped, but not in `make test`."""
    # VmHWM, not ru_maxrss: the latter survives exec, so it tells the peak of the test process that forked
    code = (
        "import re, sys; from pathlib import Path; from vnic.linux.kernel_import import import_kernel; "
        "import_kernel(Path(sys.argv[1]), Path(sys.argv[2])); "
        "status = Path('/proc/self/status').read_text(); "
        "print(re.search(r'VmHWM:\\s+(\\d+)', status)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(image), str(tmp_path / "mine.toml")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout.split()[-1]) < 500 << 10
    profile = load_profile(str(tmp_path / "mine.toml"))
    assert profile.sizeof_shinfo == 48 + 16 * profile.max_skb_frags
    assert rx_layout(profile, 1522).request >= 1522


@pytest.mark.skipif(not Path("/sys/kernel/btf/vmlinux").exists(), reason="this kernel has no BTF")
def test_the_running_kernel(tmp_path: Path) -> None:
    profile = import_kernel(Path("/sys/kernel/btf/vmlinux"), tmp_path / "mine.toml")
    assert ".".join(map(str, profile.version)) in os.uname().release
