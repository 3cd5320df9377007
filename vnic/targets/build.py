"""Compiles the bench once: Verilog to a vvp file, hostmem*.c to a VPI module, both kept in the user's cache.

An entry is keyed by the bytes of every source, the parameters and the versions of the tools, so nothing
is ever stale and a second run compiles nothing. Entries are built aside and renamed into place: two runs
may build the same thing at once, and a run that dies leaves nothing half done behind a valid name.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import vnic
from vnic.errors import VnicError

NATIVE_TOP = "vnic_bench"
WITNESS_TOP = "vnic_witness_bench"
PURE_TOP = "vnic_pure_bench"

_BENCH_SOURCES = {
    NATIVE_TOP: ("vnic_bench.v", "hostmem.v", "axis_source.v", "axis_sink.v", "reg_master.v"),
    WITNESS_TOP: ("vnic_witness_bench.v",),
    PURE_TOP: ("vnic_pure_bench.v", "pure_memory.v"),
}
_KEEP_UNUSED_S = 30 * 86400
_INSTALL = {
    "iverilog": "install Icarus Verilog 11 or later (Debian: apt install iverilog)",
    "vvp": "install Icarus Verilog 11 or later (Debian: apt install iverilog)",
    "iverilog-vpi": "install Icarus Verilog 11 or later with its VPI headers (Debian: apt install iverilog)",
    "gcc": "install a C compiler (Debian: apt install gcc libc6-dev)",
}


class BuildError(VnicError):
    """A tool is missing, or a source does not compile."""


@dataclass(frozen=True)
class Sources:
    """Where Verilog and C are: the checkout's `rtl/` and `sim/`, or the copies a wheel carries."""

    rtl: Path
    sim: Path


@dataclass(frozen=True)
class Build:
    """What a simulation is started from. `preload` makes vvp faster (sim/vvp_cast.c); `compiled` is False
    when everything came from the cache."""

    vvp: Path
    vpi: Path
    preload: Path
    top: str
    compiled: bool


def find_sources(rtl_dir: Path | None = None) -> Sources:
    """The source folders; `rtl_dir` stands in for `rtl/` (tests plant faults in a copy).

    Raises:
        BuildError: there is no `rtl/vnic.f` or no `sim/hostmem.c` where they should be.
    """
    package = Path(vnic.__file__).resolve().parent
    root = package / "_data" if (package / "_data").is_dir() else package.parent
    sources = Sources(rtl_dir or root / "rtl", root / "sim")
    for path in (sources.rtl / "vnic.f", sources.sim / "hostmem.c"):
        if not path.is_file():
            raise BuildError(f"{path} is missing: install vnic again, or run from a complete checkout")
    return sources


def read_filelist(path: Path) -> list[Path]:
    """The Verilog files that `path` (rtl/vnic.f) names, relative to its folder, in order.

    Lines that start with `//`, `#`, `+` or `-` are comments and options of other tools.
    """
    files = []
    for line in path.read_text().splitlines():
        name = line.split("//")[0].strip()
        if name and name[0] not in "#+-":
            files.append(path.parent / name.removeprefix("rtl/"))
    return files


def tool(name: str) -> str:
    """The path of an external program. Raises BuildError saying how to install it."""
    path = shutil.which(name)
    if path is None:
        raise BuildError(f"{name} is not on PATH: {_INSTALL[name]}")
    return path


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/vnic`, or `~/.cache/vnic`."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vnic"


def build(
    parameters: Mapping[str, int],
    *,
    top: str = NATIVE_TOP,
    rtl_dir: Path | None = None,
) -> Build:
    """Compiles what is not in the cache and returns the paths.

    Args:
        parameters: of the bench top, for example `{"DATA_WIDTH": 64}`.
        top: one of the tops above.
        rtl_dir: read the NIC from here instead of `rtl/`.

    Raises:
        BuildError: a tool is missing, a source does not compile, a parameter is unknown, or the cache is not
            writable.
    """
    sources = find_sources(rtl_dir)
    iverilog = tool("iverilog")
    memory = sorted(sources.sim.glob("hostmem*.c"))
    vpi, vpi_compiled = _build_c(memory, [sources.sim / "hostmem.h"], "hostmem.vpi", for_vpi=True)
    preload, preload_compiled = _build_c([sources.sim / "vvp_cast.c"], [], "vvp_cast.so", for_vpi=False)
    rtl = read_filelist(sources.rtl / "vnic.f")
    bench = [sources.sim / name for name in _BENCH_SOURCES[top]]
    headers = sorted(sources.rtl.glob("*.vh"))
    for path in (*rtl, *bench):
        if not path.is_file():
            raise BuildError(f"{path} is missing, though a source list names it")
    key = _key([*rtl, *bench, *headers], [top, _version(iverilog), *sorted(map(repr, parameters.items()))])
    command = [iverilog, "-g2005", "-Wall", "-s", top, f"-I{sources.rtl}"]
    command += [f"-P{top}.{name}={value}" for name, value in sorted(parameters.items())]

    def compile_verilog(folder: Path) -> None:
        output = folder / "sim.vvp"
        messages = _run(
            [*command, "-o", str(output), *map(str, rtl), *map(str, bench)], "the Verilog sources"
        )
        # Icarus only warns of a parameter it does not find, and the NIC would silently have its default.
        unknown = [line for line in messages.splitlines() if "warning: parameter" in line]
        if unknown:
            raise BuildError(f"{top} does not take a parameter: {unknown[0]}")

    folder, compiled = _cached("icarus", key, compile_verilog)
    return Build(folder / "sim.vvp", vpi, preload, top, compiled or vpi_compiled or preload_compiled)


def _build_c(
    files: Sequence[Path], headers: Sequence[Path], name: str, *, for_vpi: bool
) -> tuple[Path, bool]:
    """The library of C sources as `name`, a VPI module or not, and whether it had to be compiled."""
    helper = tool("iverilog-vpi")
    compiler = tool("gcc")
    key = _key([*files, *headers], [_version(compiler), _version(tool("iverilog"))])

    def compile_c(folder: Path) -> None:
        def flags(kind: str) -> list[str]:
            return _run([helper, f"--{kind}"], "iverilog-vpi").split()

        if for_vpi:
            options = [*flags("cflags"), "-fvisibility=hidden"]
            libraries = [*flags("ldflags"), *flags("ldlibs")]
        else:
            options, libraries = ["-O2", "-fPIC", "-ftls-model=initial-exec"], ["-shared", "-ldl"]
        command = [compiler, *options, "-std=gnu11", *map(str, files), *libraries]
        _run([*command, "-o", str(folder / name)], str(files[0]))

    folder, compiled = _cached(name.split(".")[0], key, compile_c)
    return folder / name, compiled


def _key(files: Iterable[Path], words: Sequence[str]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode())
        digest.update(content)
    for word in words:
        digest.update(f"{word}\n".encode())
    return digest.hexdigest()[:32]


def _version(program: str) -> str:
    """What tells one version of a program from the next without running it, which would cost 20 ms."""
    path = Path(program).resolve()
    info = path.stat()
    return f"{path} {info.st_size} {info.st_mtime_ns}"


def _run(command: Sequence[str], what: str) -> str:
    """Runs a compiler; returns what it said. Raises BuildError with its first error line."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = [
            line for line in done.stdout.splitlines() if "error" in line.lower()
        ] or done.stdout.splitlines()
        first = lines[0] if lines else f"exit code {done.returncode}"
        raise BuildError(f"{Path(command[0]).name} does not take {what}: {first}")
    return done.stdout


def _cached(kind: str, key: str, fill: Callable[[Path], None]) -> tuple[Path, bool]:
    """The cache folder of `key`, filled by `fill` if it is not there yet, and whether it had to be."""
    parent = cache_dir() / kind
    folder = parent / key
    try:
        os.utime(folder)  # in use: the age below counts from the last use
        return folder, False
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BuildError(f"cache folder {folder}: {error.strerror}; set XDG_CACHE_HOME elsewhere") from error
    try:
        parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=parent))
    except OSError as error:
        raise BuildError(f"cache folder {parent}: {error.strerror}; set XDG_CACHE_HOME elsewhere") from error
    try:
        fill(aside)
        try:
            aside.rename(folder)
        except OSError as error:
            if not folder.is_dir():
                raise BuildError(
                    f"cache folder {folder}: {error.strerror}; set XDG_CACHE_HOME elsewhere"
                ) from error
            # Another run was quicker; its result is the same.
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _prune(parent)
    return folder, True


def _prune(parent: Path) -> None:
    """Drops entries that nothing has used for a month. Another run may do the same at the same time."""
    oldest = time.time() - _KEEP_UNUSED_S
    for entry in parent.iterdir():
        try:
            if entry.stat().st_mtime < oldest:
                shutil.rmtree(entry, ignore_errors=True)
        except FileNotFoundError:
            continue
