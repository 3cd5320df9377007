"""What a Linux kernel does with memory: constants by version and architecture, allocators, sk_buff.

Nothing here knows a NIC. Import the module you need; this package imports none of them, so that asking for
one buffer's layout stays instant.
"""
