"""Where a driver meets a NIC: the behavioural model, the Verilog NIC in Icarus, QEMU."""
