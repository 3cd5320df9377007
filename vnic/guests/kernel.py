"""Kernels to boot: a stock one from the distribution's archive, unpacked and not installed, or the user's."""

from __future__ import annotations

import lzma
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vnic.errors import UsageError, VnicError
from vnic.targets.build import cache_dir

META_PACKAGE: Final = "linux-image-amd64"
FETCH_S: Final = 600


@dataclass(frozen=True)
class GuestKernel:
    """An image that QEMU boots, and the folder its modules are under (any depth)."""

    image: Path
    modules: Path

    def module_files(self, names: Iterable[str]) -> dict[str, bytes]:
        """Module name to content, each after those it depends on, unpacked.

        Raises:
            UsageError: a module is not there.
        """
        loaded: dict[str, bytes] = {}
        for name in names:
            self._load(name, loaded)
        return loaded

    def _load(self, name: str, loaded: dict[str, bytes]) -> None:
        if name in loaded:
            return
        # The kernel takes - and _ in a module's name for the same.
        pattern = re.sub("[-_]", "[-_]", name)
        found = next(
            (path for end in ("ko", "ko.xz") for path in self.modules.rglob(f"{pattern}.{end}")), None
        )
        if found is None:
            raise UsageError(f"{self.modules}: has no module {name}; give --modules the kernel's own folder")
        content = found.read_bytes()
        if found.suffix == ".xz":
            content = lzma.decompress(content)
        for needed in dependencies(content):
            self._load(needed, loaded)
        loaded[name] = content


def dependencies(module: bytes) -> list[str]:
    """What a module says it depends on (`depends=` in its .modinfo)."""
    found = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in found[1].decode().split(",") if name] if found else []


def given_kernel(image: Path, modules: Path) -> GuestKernel:
    """The user's kernel. Raises UsageError when image or folder is not there."""
    if not image.is_file():
        raise UsageError(f"{image}: no such kernel image; give --kernel-image a bzImage or vmlinuz")
    if not modules.is_dir():
        raise UsageError(f"{modules}: no such folder; give --modules the /lib/modules/VERSION of the image")
    return GuestKernel(image, modules)


def stock_kernel(package: str | None = None) -> GuestKernel:
    """The distribution's current kernel, or the one in `package`, from the cache or fetched into it (70 MB).

    Raises:
        VnicError: it cannot be fetched or unpacked.
    """
    cache = cache_dir() / "kernels"
    if package is None:
        ready = [folder for folder in cache.glob("linux-image-*") if (folder / "boot").is_dir()]
        if ready:
            return _unpacked(max(ready, key=lambda folder: folder.stat().st_mtime))
        package = _current_package()
    folder = cache / package
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
            fetched = fetch_package(package, Path(scratch))
            try:
                fetched.rename(folder)
            except OSError:
                # Another run has put the same there meanwhile; anything else is an error.
                if not folder.is_dir():
                    raise
    return _unpacked(folder)


def fetch_package(package: str, folder: Path) -> Path:
    """Download a Debian package into `folder` and unpack it there; returns where. Raises VnicError."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise VnicError("no apt-get here to fetch a kernel; give --kernel-image and --modules")
    # Without a sandbox user apt needs no folder that the user _apt can write.
    _run(["apt-get", "-o", "APT::Sandbox::User=root", "-q", "download", package], folder)
    archive = next(folder.glob("*.deb"), None)
    if archive is None:
        raise VnicError(f"apt-get download {package} left no file; give --kernel-image and --modules")
    _run(["dpkg-deb", "-x", str(archive), "unpacked"], folder)
    archive.unlink()
    return folder / "unpacked"


def _current_package() -> str:
    said = _run(["apt-cache", "depends", META_PACKAGE], Path("/"))
    found = re.search(r"Depends: (linux-image-\S+)", said)
    if found is None:
        raise VnicError(f"apt knows no {META_PACKAGE}; apt-get update, or give --kernel-image and --modules")
    return found[1]


def _run(command: list[str], folder: Path) -> str:
    try:
        return subprocess.run(
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=FETCH_S
        ).stdout
    except subprocess.CalledProcessError as error:
        said = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise VnicError(f"{' '.join(command[:2])}: {said}; give --kernel-image and --modules") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VnicError(f"{command[0]}: {error}; give --kernel-image and --modules") from error


def _unpacked(folder: Path) -> GuestKernel:
    image = next((folder / "boot").glob("vmlinuz-*"), None)
    modules = next((folder / "lib" / "modules").glob("*"), None)
    if image is None or modules is None:
        raise VnicError(f"{folder}: holds no kernel with modules; remove it and try again")
    return GuestKernel(image, modules)
