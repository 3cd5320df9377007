"""`python -m tests.kernels`: Debian's kernels for the tests on real ones; prints the folder they are in.

Package by package, by `apt-get download` and `dpkg-deb -x`, so root is not needed and nothing is installed.
Kept are the image, its configuration and Intel's drivers: 15 MB of 400. What the present apt sources do not
carry is said on stderr; without any kernel at all the exit code is 1.
"""

from __future__ import annotations

import lzma
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from vnic.errors import VnicError
from vnic.guests.kernel import fetch_package
from vnic.targets.build import cache_dir

METAS = ("linux-image-amd64", "linux-image-6.12-amd64")
DRIVERS = ("e1000", "e1000e")
INTEL = "kernel/drivers/net/ethernet/intel"


def package_of(meta: str) -> str | None:
    """The kernel package that a meta-package stands for; None where apt knows no such name."""
    done = subprocess.run(
        ["apt-cache", "depends", meta], capture_output=True, text=True, timeout=60, check=False
    )
    names = (line.split()[-1] for line in done.stdout.splitlines() if "Depends: linux-image-" in line)
    return next(names, None)


def fetch(package: str, kernels: Path) -> None:
    """Puts what the tests need of `package` into a folder of its name. Raises VnicError."""
    if (kernels / package).is_dir():
        return
    whole = cache_dir() / "kernels" / package
    with tempfile.TemporaryDirectory(dir=kernels, prefix=".fetch-") as scratch:
        source = whole if whole.is_dir() else fetch_package(package, Path(scratch))
        ready = Path(scratch) / "ready"
        _keep(source, ready)
        try:
            ready.rename(kernels / package)
        except OSError:
            # Another run has put the same there meanwhile; anything else is an error.
            if not (kernels / package).is_dir():
                raise


def _keep(source: Path, target: Path) -> None:
    (target / "boot").mkdir(parents=True)
    for image in (source / "boot").glob("vmlinuz-*"):
        release = image.name.removeprefix("vmlinuz-")
        for name in (image.name, f"config-{release}"):
            shutil.copy(source / "boot" / name, target / "boot")
        # Where /lib is a link to usr/lib, the package has its modules there
        roots = (source / "lib/modules", source / "usr/lib/modules")
        modules = next(root for root in roots if root.is_dir()) / release / INTEL
        for driver in DRIVERS:
            folder = target / "lib/modules" / release / INTEL / driver
            folder.mkdir(parents=True)
            (folder / f"{driver}.ko").write_bytes(_module(modules / driver / f"{driver}.ko"))


def _module(path: Path) -> bytes:
    packed = path.with_suffix(".ko.xz")
    return lzma.decompress(packed.read_bytes()) if packed.is_file() else path.read_bytes()


def main() -> int:
    """Fetch what is missing, print the folder."""
    kernels = cache_dir() / "test-kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    for meta in METAS:
        package = package_of(meta)
        try:
            if package is None:
                raise VnicError(f"{meta} is not in the present apt sources")
            fetch(package, kernels)
        except VnicError as error:
            print(f"no kernel of {meta} for the tests: {error}", file=sys.stderr)
    found = sorted(path.name for path in kernels.glob("*/boot/vmlinuz-*"))
    if not found:
        print("no kernel for the tests at all: run apt-get update, or set VNIC_KERNELS", file=sys.stderr)
        return 1
    print(f"kernels for the tests: {', '.join(found)}", file=sys.stderr)
    print(kernels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
