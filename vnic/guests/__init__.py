"""A stock operating system on our NIC: QEMU as the machine, this process (or the simulator) as the card."""
