"""`vnic kernels`: the profiles and where their constants come from."""

from __future__ import annotations

from rich.markup import escape

from vnic.cli.console import console, plain_table, print_json
from vnic.linux.profile import KernelProfile, load_profile, profile_names

_CONSTANTS = (
    ("PAGE_SIZE", "page_size"),
    ("L1_CACHE_BYTES", "l1_cache_bytes"),
    ("SMP_CACHE_BYTES", "smp_cache_bytes"),
    ("NET_SKB_PAD", "net_skb_pad"),
    ("NET_IP_ALIGN", "net_ip_align"),
    ("MAX_SKB_FRAGS", "max_skb_frags"),
    ("sizeof_skb_shared_info", "sizeof_shinfo"),
    ("sizeof_sk_buff", "sizeof_sk_buff"),
    ("KMALLOC_MIN_SIZE", "kmalloc_min_size"),
    ("ARCH_DMA_MINALIGN", "arch_dma_minalign"),
)


def kernels_command(name: str | None, *, as_json: bool) -> int:
    """Print all profiles, or one in full. Raises UsageError for an unknown one."""
    if name is not None:
        profile = load_profile(name)
        if as_json:
            print_json(profile_json(profile))
        else:
            show_profile(profile)
        return 0
    profiles = [load_profile(each) for each in profile_names()]
    if as_json:
        print_json([profile_json(profile) for profile in profiles])
        return 0
    sizes_of = ("page#", "L1#", "pad#", "ip#", "shinfo#", "sk_buff#")
    table = plain_table("kernel", *sizes_of, "kmalloc", "what it stands for")
    for p in profiles:
        sizes = (
            p.page_size,
            p.l1_cache_bytes,
            p.net_skb_pad,
            p.net_ip_align,
            p.sizeof_shinfo,
            p.sizeof_sk_buff,
        )
        table.add_row(p.name, *map(str, sizes), p.allocator.upper(), escape(p.summary))
    out = console()
    out.print(table)
    out.print("\n`vnic kernels NAME` shows where each constant was read; sizes in bytes.")
    return 0


def show_profile(profile: KernelProfile) -> None:
    """Print the constants of one profile and where each was read."""
    out = console()
    kind = f"Linux {profile.release}, {profile.arch}, {profile.allocator.upper()}"
    out.print(f"[bold]{escape(profile.name)}[/]  {kind}")
    if profile.summary:
        out.print(escape(profile.summary))
    table = plain_table("constant", "value#", "source")
    for constant, field in _CONSTANTS:
        source = profile.sources.get(constant, "default of the architecture")
        mark = " (not seen in this very kernel)" if constant in profile.unestablished else ""
        table.add_row(constant, str(getattr(profile, field)), escape(source + mark))
    out.print(table)


def profile_json(profile: KernelProfile) -> dict[str, object]:
    """The profile under the documented keys of ``vnic kernels --json``."""
    return {
        "name": profile.name,
        "version": profile.release,
        "arch": profile.arch,
        "allocator": profile.allocator,
        "summary": profile.summary,
        "constants": {
            constant: {
                "value": getattr(profile, field),
                "source": profile.sources.get(constant),
                "established": constant not in profile.unestablished,
            }
            for constant, field in _CONSTANTS
        },
    }
