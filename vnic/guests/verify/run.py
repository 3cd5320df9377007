"""`vnic boot --verify`: a stock kernel is asked, the model predicts, and both are compared."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from vnic.errors import UsageError, VnicError
from vnic.guests.boot import boot
from vnic.guests.kernel import GuestKernel
from vnic.guests.script import MARK, BootOptions, BootResult
from vnic.guests.verify.facts import Facts, Phase, Row, compare
from vnic.guests.verify.plan import FIRST_MTU, KEY, MTUS, answers, guest_script
from vnic.guests.verify.predict import (
    MAX_SKB_FRAGS,
    OBJECT_SIZE,
    RX_DESC,
    SHINFO,
    SK_BUFF,
    TX_DESC,
    predict,
)
from vnic.guests.verify.ring import Opening
from vnic.guests.verify.trace import TraceReader, cpu_count, slab_shapes
from vnic.linux.btf import Btf
from vnic.linux.kernel_import import kernel_btf
from vnic.linux.profile import load_profile

TABLE: Final = "verify.parquet"
ANSWERS: Final = "answers"
RINGS: Final = "rings"


class Types:
    """The types of the kernel to be booted and of its e1000, as its files say.

    Raises:
        UsageError: the files cannot be read, or have no BTF.
    """

    def __init__(self, kernel: GuestKernel) -> None:
        where = str(kernel.image)
        whole = kernel_btf(kernel.image)
        module = _module_btf(kernel.module_files(["e1000"])["e1000"])
        base = Btf(whole, where)
        self._types = Btf(module, "e1000.ko", base)
        self._sums = {"btf-vmlinux": _sha256(whole), "btf-e1000": _sha256(module)}

    def offsets(self) -> dict[str, int]:
        """Where the guest's probes find `head`, `data` and `end` of an skb, and a napi's `skb`."""
        skb = self._types.structure("sk_buff")
        # Members of unnamed unions have no place in the list; these four are plain.
        offsets = {name: skb.member(name).offset for name in ("head", "data", "end")}
        return {**offsets, "skb": self._types.structure("napi_struct").member("skb").offset}

    def sizes(self) -> dict[str, int]:
        """What the kernel's side of the table says of structures."""
        types = self._types
        info = types.structure("skb_shared_info")
        return {
            SK_BUFF: types.structure("sk_buff").size,
            SHINFO: info.size,
            MAX_SKB_FRAGS: types.array_length(info.member("frags").type_id),
            RX_DESC: types.structure("e1000_rx_desc").size,
            TX_DESC: types.structure("e1000_tx_desc").size,
        }

    def check(self, found: Mapping[str, str]) -> None:
        """Raises VnicError unless the guest, by its own sums, runs the kernel that these types are of."""
        for name, expected in self._sums.items():
            if found.get(name, "").split(" ")[0] != expected:
                raise VnicError(f"{name}: the guest's /sys/kernel/btf is not that of the files; give its own")


def verify(
    options: BootOptions, kernel: GuestKernel, out: Path, show: Callable[[bytes], object] | None = None
) -> tuple[BootResult, list[Row]]:
    """Boot the kernel, put it to the question, and compare.

    Args:
        options: as for `boot`; the wire and the guest's commands are not the user's.
        kernel: image and modules. out: an existing folder. show: gets the console as it comes.

    Raises:
        UsageError: options that do not go together, or a kernel without BTF.
        VnicError: the guest failed, or did not answer.
    """
    _refuse(options)
    profile = load_profile(options.profile)
    types = Types(kernel)
    script = guest_script(MARK, types.offsets())
    asked = replace(options, mtu=FIRST_MTU, netdev="none", commands=(script,), verify=True)
    result = boot(asked, kernel, out, show)
    if result.status is None:
        raise VnicError("the guest ended before it had answered; what it said is in its console.log")
    if result.status:
        raise VnicError("the guest did not get all its frames; what it said is in its console.log")
    found = answers(mark for mark, _ in result.marks)
    types.check(found)
    figures = dict(result.figures)
    watched = RINGS in figures
    if watched:
        found[RINGS] = json.dumps(figures.pop(RINGS))
    _keep(out / ANSWERS, found)
    facts = kernel_facts(found, types.sizes())
    prediction = predict(profile, cpu_count(found["cpus"]), facts.heads)
    if not watched:
        # What QEMU's own e1000 is told, nobody hears.
        for phase in prediction.phases.values():
            phase.ring = None
    rows = compare(prediction, facts)
    _write(out / TABLE, rows)
    marks = tuple(mark for mark in result.marks if not mark[0].startswith(KEY))
    return replace(result, marks=marks, figures=figures), rows


def _refuse(options: BootOptions) -> None:
    """The user's wishes that leave no room for the questions."""
    default = BootOptions()
    for name, flag in {"commands": "run", "replay": "replay", "mtu": "mtu", "netdev": "netdev"}.items():
        if getattr(options, name) != getattr(default, name):
            raise UsageError(f"--verify has frames, MTUs and commands of its own: leave --{flag} out")


def kernel_facts(found: Mapping[str, str], sizes: Mapping[str, int]) -> Facts:
    """The kernel's side of the table.

    Args:
        found: the answers by name, with what the NIC was told under `rings` if somebody listened.
        sizes: of structures, from its BTF.

    Raises:
        VnicError: its receive ring was set up more often or less than it was asked to.
    """
    rings: list[dict[str, Any] | None] = [None] * (1 + len(MTUS))
    if RINGS in found:
        rings = json.loads(found[RINGS])
    if len(rings) != 1 + len(MTUS):
        raise VnicError(f"the guest set up its receive ring {len(rings)} times, not {1 + len(MTUS)}")
    heads: dict[int, int] = {}
    phases: dict[int, Phase] = {}
    for mtu, ring in zip(MTUS, rings[1:], strict=True):
        reader = TraceReader()
        reader.read(found[f"trace-{mtu}"].splitlines())
        reader.phase.ring = None if ring is None else Opening.from_json(ring)
        phases[mtu] = reader.phase
        heads.update(reader.heads)
    known = {**sizes, OBJECT_SIZE: int(found["object_size"])}
    return Facts(known, slab_shapes(found["slabinfo"]), heads, phases)


def _keep(folder: Path, found: Mapping[str, str]) -> None:
    """What the guest said, for whoever wants to look."""
    folder.mkdir()
    for name, text in found.items():
        (folder / f"{name}.txt").write_text(text)


def _write(path: Path, rows: Sequence[Row]) -> None:
    """The table; numbers and sets of them as text."""
    columns = {
        "where": [row.where for row in rows],
        "what": [row.what for row in rows],
        "prediction": [shown(row.prediction) for row in rows],
        "kernel": [shown(row.kernel) for row in rows],
        "equal": [row.equal for row in rows],
    }
    pq.write_table(pa.table(columns), path)


def shown(value: object) -> str | None:
    """A value in the table; a set in full."""
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def _module_btf(module: bytes) -> bytes:
    try:
        section = ELFFile(io.BytesIO(module)).get_section_by_name(".BTF")
    except ELFError as error:
        raise UsageError(f"e1000.ko is no ELF file: {error}") from error
    if section is None:
        raise UsageError("e1000.ko has no .BTF section: --verify needs a kernel with CONFIG_DEBUG_INFO_BTF")
    return bytes(section.data())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
