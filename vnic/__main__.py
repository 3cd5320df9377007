"""`python -m vnic`, the same as `vnic`."""

from vnic.cli import main

main()
