"""A user's own description of a structure, for comparing a driver with hardware that is not ours.

`file.py:NAME` is a construct Struct in a Python file; `file.rdl:NAME` a SystemRDL component, whose registers
are the fields of the structure.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from vnic.errors import UsageError
from vnic.linux.abi import Layout, Leaf, from_construct


def load_description(reference: str) -> Layout:
    """The layout that `file.py:NAME` or `file.rdl:NAME` describes. A Python file is run to read it.

    Raises:
        UsageError: no such file or name, or it describes no structure of fixed size.
    """
    file, colon, name = reference.rpartition(":")
    path = Path(file)
    if not colon or path.suffix not in (".py", ".rdl"):
        raise UsageError(f"{reference!r}: give a description as file.py:NAME or file.rdl:NAME")
    if not path.is_file():
        raise UsageError(f"{file}: no such file; give the description of the structure")
    return _rdl(path, name) if path.suffix == ".rdl" else _construct(path, name)


def _construct(path: Path, name: str) -> Layout:
    try:
        found = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        raise UsageError(f"{path} does not run: {type(error).__name__}: {error}") from error
    if name not in found:
        raise UsageError(f"{path} defines no {name}")
    return from_construct(name, found[name], str(path))


def _rdl(path: Path, name: str) -> Layout:
    try:
        from systemrdl.compiler import RDLCompiler
        from systemrdl.messages import MessagePrinter, RDLCompileError
        from systemrdl.node import AddressableNode, FieldNode, RegNode
    except ImportError as error:
        raise UsageError(
            "SystemRDL descriptions need systemrdl-compiler: pip install systemrdl-compiler"
        ) from error

    class Collect(MessagePrinter):
        """Keeps the compiler's messages, of which the first is told."""

        def print_message(self, _severity: Any, text: str, _src_ref: Any) -> None:
            messages.append(text)

    messages: list[str] = []
    compiler = RDLCompiler(message_printer=Collect())
    try:
        compiler.compile_file(str(path))
        root = compiler.elaborate(name).find_by_path(name)
    except RDLCompileError as error:
        raise UsageError(f"{path}: {messages[0] if messages else error}") from error
    if not isinstance(root, AddressableNode):
        raise UsageError(f"{path}: {name} is no addrmap or regfile with registers")
    leaves: list[Leaf] = []
    for node in root.descendants(unroll=True):
        if isinstance(node, RegNode):
            leaves.append(_leaf(node.get_rel_path(root), node.absolute_address, node.size))
        elif isinstance(node, FieldNode) and node.width % 8 == 0 and node.low % 8 == 0:
            register = node.parent
            if node.width < register.size * 8:
                leaves = [leaf for leaf in leaves if leaf.name != register.get_rel_path(root)]
                at = register.absolute_address + node.low // 8
                leaves.append(_leaf(node.get_rel_path(root), at, node.width // 8))
    start = root.absolute_address
    moved = tuple(
        sorted((leaf._replace(offset=leaf.offset - start) for leaf in leaves), key=lambda leaf: leaf.offset)
    )
    return Layout(name, root.size, moved, str(path))


def _leaf(name: str, offset: int, size: int) -> Leaf:
    """A register or field; SystemRDL numbers bytes from the least significant one."""
    return Leaf(name, offset, size, "<" if size > 1 else "")
