"""The kernel that a module was built for: its BTF holds only what the kernel's own does not."""

from __future__ import annotations

import io
import re
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from vnic.errors import UsageError


def module_kernel(driver: Path, boot: Path = Path("/boot")) -> Path | None:
    """The vmlinuz of a kernel module with BTF: in the tree it was unpacked to, else in `boot`.

    None for what needs none: an object with DWARF, one that is no module, and no object at all.

    Raises:
        UsageError: it is a module, and its kernel is not to be found.
    """
    try:
        data = driver.read_bytes()
        elf = ELFFile(io.BytesIO(data))
        if elf.get_section_by_name(".debug_info") is not None or elf.get_section_by_name(".BTF") is None:
            return None
    except (OSError, ELFError):
        return None  # whoever reads the object says so
    built_for = re.search(rb"\0vermagic=(\S+) ", data)
    if built_for is None:
        return None
    release = built_for[1].decode("utf-8", "replace")
    trees = [folder / "boot" for folder in driver.resolve().parents if (folder / "boot").is_dir()]
    for folder in (*trees, boot):
        image = folder / f"vmlinuz-{release}"
        if image.is_file():
            return image
    raise UsageError(
        f"{driver} is a module of {release}, whose BTF it needs: give --base its vmlinuz or vmlinux"
    )
