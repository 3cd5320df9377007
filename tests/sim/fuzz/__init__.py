"""Seeded fuzz: the behavioural NIC and the Verilog NIC side by side, compared after every step."""
