"""vnic: a simulated Intel 8254x network card, and the Linux memory that its DMA writes into."""

__version__ = "0.1.0"
