"""What the hardware promises: register map, descriptors, events and the behavioural 82540EM.

This room knows physical memory and nothing of kernels: no module here imports ``vnic.linux``.
"""
