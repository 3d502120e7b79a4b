# SPDX-License-Identifier: GPL-2.0
"""A look into pinned maps. bpftool copies whole values, and the tables are megabytes in
one value: here a map is memory, as it is for limpetd."""

import ctypes
import mmap
import os
import platform
import sys

SYS_BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "ppc64le": 361, "s390x": 351}
BPF_OBJ_GET = 7


class _Object(ctypes.Structure):
    """union bpf_attr, as BPF_OBJ_GET reads it."""

    _fields_ = [
        ("pathname", ctypes.c_uint64),
        ("bpf_fd", ctypes.c_uint32),
        ("file_flags", ctypes.c_uint32),
    ]


def _open(path):
    libc = ctypes.CDLL(None, use_errno=True)
    name = ctypes.create_string_buffer(os.fsencode(path))
    attributes = _Object(ctypes.addressof(name), 0, 0)
    fd = libc.syscall(
        SYS_BPF[platform.machine()], BPF_OBJ_GET,
        ctypes.byref(attributes), ctypes.sizeof(attributes),
    )  # fmt: skip
    if fd < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), str(path))
    return fd


def swap_word(pin_dir, offset, value):
    """Writes a 32-bit word into the control block, which is the beginning of the map
    `tables`, as another version would; what was there."""
    fd = _open(pin_dir / "maps" / "tables")
    try:
        with mmap.mmap(fd, mmap.PAGESIZE) as memory:
            old = int.from_bytes(memory[offset : offset + 4], sys.byteorder)
            memory[offset : offset + 4] = value.to_bytes(4, sys.byteorder)
    finally:
        os.close(fd)
    return old
