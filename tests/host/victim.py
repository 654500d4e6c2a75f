# SPDX-License-Identifier: Apache-2.0
"""A process to attack: victim.py CANARY WHERE…

Has 64 MiB of "guest RAM" in a memfd named guest-ram and, by request, holds the canary:
  ram    its 4 KiB pieces, at byte 7 of every other page from page 16 on
  heap   in one piece on the heap
Prints the address of its RAM, and waits for standard input to end. Never holds the canary
otherwise: it reads the file straight to its place.
"""
import ctypes
import mmap
import os
import sys

RAM = 64 << 20
path, where = sys.argv[1], sys.argv[2:]
size = os.path.getsize(path)
memfd = os.memfd_create("guest-ram")
os.ftruncate(memfd, RAM)
ram = mmap.mmap(memfd, RAM)
ram_view = memoryview(ram)
heap = bytearray(size + 5)
with open(path, "rb", buffering=0) as f:
    fd = f.fileno()
    if "ram" in where:
        for piece in range(0, size, 4096):
            at = (16 + 2 * (piece // 4096)) * 4096
            n = min(4096, size - piece)
            f.readinto(ram_view[at + 7 : at + 7 + n])
            # What stands beside a piece must not happen to go on like the canary.
            if piece > 0:
                ram[at + 6] = os.pread(fd, 1, piece - 1)[0] ^ 1
            if piece + n < size:
                ram[at + 7 + n] = os.pread(fd, 1, piece + n)[0] ^ 1
        f.seek(0)
    if "heap" in where:
        f.readinto(memoryview(heap)[5:])
address = ctypes.addressof(ctypes.c_char.from_buffer(ram))
print(hex(address), flush=True)
sys.stdin.read()
