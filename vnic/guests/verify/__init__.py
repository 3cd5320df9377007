"""The kernel model confronted with a kernel: a guest is asked what it does, our rules what it should."""
