#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Rewrites a LUKS2 header as whoever has the disk can: luks_header.py FILE OLD NEW replaces text in
both copies of its JSON, and makes their checksums anew (LUKS2 On-Disk Format Specification)."""
import hashlib
import sys

CHECKSUM, CHECKSUM_SIZE, BINARY = 448, 64, 4096


def main():
    name, old, new = sys.argv[1], sys.argv[2].encode(), sys.argv[3].encode()
    with open(name, "r+b") as file:
        header = bytearray(file.read(BINARY))
        size = int.from_bytes(header[8:16], "big")
        for at in (0, size):
            file.seek(at)
            area = bytearray(file.read(size))
            text = bytes(area[BINARY:]).rstrip(b"\0")
            if old not in text:
                sys.exit(f"{old.decode()} is not in the header: {text.decode()}")
            text = text.replace(old, new)
            area[BINARY:] = text.ljust(size - BINARY, b"\0")
            area[CHECKSUM:CHECKSUM + CHECKSUM_SIZE] = bytes(CHECKSUM_SIZE)
            digest = hashlib.sha256(area).digest()
            area[CHECKSUM:CHECKSUM + len(digest)] = digest
            file.seek(at)
            file.write(area)


main()
