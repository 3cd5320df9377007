"""`vnic doctor`: what the machine has, as a table."""

from __future__ import annotations

from rich.markup import escape

from vnic.cli.console import console, plain_table, print_json
from vnic.doctor import examine


def doctor_command(*, as_json: bool) -> int:
    """Print what was found; 1 if something is missing that `vnic sim` needs."""
    findings = list(examine())
    lacking = any(finding.required and finding.found is None for finding in findings)
    if as_json:
        print_json([finding.as_json() for finding in findings])
        return int(lacking)
    table = plain_table("", "what", "found", "needed for", "how to get it")
    for finding in findings:
        if finding.found is not None:
            mark, remedy = "[green]ok[/]", ""
        else:
            mark, remedy = ("[red]missing[/]" if finding.required else "[yellow]absent[/]"), finding.remedy
        words = (finding.name, finding.found or "-", finding.needed_for, remedy)
        table.add_row(mark, *map(escape, words))
    out = console()
    out.print(table)
    out.print("\nvnic sim can run." if not lacking else "\nvnic sim lacks what is marked missing.")
    return int(lacking)
