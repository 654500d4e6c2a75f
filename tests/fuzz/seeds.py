#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inputs to start from, for targets that would take long to find a first good one.

seeds.py DIRECTORY writes DIRECTORY/NAME/seed-…; `make fuzz` runs it for build/fuzz/corpus.
"""
import os
import struct
import sys

RAM, CORE = 0x20000000, 0x20200000
SEEDS = {}


def seed(name, data):
    SEEDS.setdefault(name, []).append(data)


def elf32():
    """A Multiboot host of one segment at 1 MiB into RAM."""
    header = struct.pack('<III', 0x1badb002, 0x3, -(0x1badb002 + 3) & 0xffffffff)
    code = header + b'\xf4' * 20
    at = 0x20100000
    ident = b'\x7fELF\1\1\1' + bytes(9)
    eh = ident + struct.pack('<HHIIIIIHHHHHH', 2, 3, 1, at + 12, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    ph = struct.pack('<IIIIIIII', 1, 84, at, at, len(code), 0x1000, 7, 4)
    return eh + ph + code


def bzimage(pref=0x20080000, align=0x1000):
    """A kernel of one setup sector and 512 bytes, relocatable."""
    h = bytearray(1024 + 512)
    h[0x1f1] = 1
    struct.pack_into('<I', h, 0x1f4, 32)
    struct.pack_into('<H', h, 0x1fe, 0xaa55)
    h[0x201] = 0x6a
    h[0x202:0x206] = b'HdrS'
    struct.pack_into('<H', h, 0x206, 0x20f)
    h[0x211] = 1
    struct.pack_into('<I', h, 0x22c, 0x7fffffff)
    struct.pack_into('<IB', h, 0x230, align, 1)
    struct.pack_into('<H', h, 0x236, 0x3f)
    struct.pack_into('<I', h, 0x238, 2047)
    struct.pack_into('<Q', h, 0x258, pref)
    struct.pack_into('<I', h, 0x260, 0x4000)
    return bytes(h)


def rsdp():
    first = bytearray(b'RSD PTR \0CLSTR \2' + struct.pack('<I', 0x1000))
    first[8] = -sum(first) & 255
    both = first + struct.pack('<IQBBBB', 36, 0x2000, 0, 0, 0, 0)
    both[32] = -sum(both) & 255
    return bytes(both)


def tag(kind, body):
    t = struct.pack('<II', kind, 8 + len(body)) + body
    return t + bytes(-len(t) % 8)


def mb2(*modules):
    mmap = struct.pack('<II', 24, 0) + struct.pack('<QQII', RAM, 0x400000, 1, 0)
    tags = tag(1, b'loglevel=debug\0') + tag(6, mmap) + tag(15, rsdp())
    tags += tag(8, struct.pack('<QIIIBB', 0xb8000, 160, 80, 25, 16, 2) + b'\0\0')
    for start, end in modules:
        tags += tag(3, struct.pack('<II', start, end) + b'/boot/x quiet\0')
    tags += tag(0, b'')
    return struct.pack('<II', 8 + len(tags), 0) + tags


def mb1(*modules):
    # Offsets into the block that the target copies these bytes to.
    block = bytearray(1024)
    struct.pack_into('<IQQI', block, 0, 20, RAM, 0x400000, 1)
    block[100:106] = b'quiet\0'
    block[120:125] = b'qemu\0'
    for i, (start, end) in enumerate(modules):
        struct.pack_into('<IIII', block, 256 + 16 * i, start, end, 100, 0)
    flags = 0x1 | 0x4 | 0x8 | 0x40 | 0x200
    info = struct.pack('<IIIIIII16xIIIIII', flags, 640, 3072, 0, 100, len(modules), 256,
                       24, 0, 0, 0, 0, 120)
    return info + bytes(block)


def boots():
    for image in (elf32(), bzimage()):
        where = [(RAM, RAM + len(image)), (RAM + 64, RAM + 100)]
        for many in (1, 2):
            for how, words in ((0, mb2(*where[:many])), (1, mb1(*where[:many]))):
                seed('multiboot', bytes([how]) + struct.pack('<H', len(image)) + image + words)
    seed('payload', elf32())
    seed('payload', bzimage(0x1000000, 0x200000))
    seed('payload', b'\xff/vmlinuz root=/dev/sda quiet -- single')


def launches():
    def segment(gap, size):  # units of 64 KiB and 4 KiB
        return struct.pack('<BHH', 0x4c, gap, size)
    d = b'\0' + struct.pack('<HB', 64, 3) + segment(1, 1) + segment(0x10, 4) + segment(0x100, 16)
    seed('launch', d + (0x10000).to_bytes(5, 'little') + (0x10010).to_bytes(5, 'little') + bytes(10))
    desc = bytearray(4096)
    struct.pack_into('<QIIQQQQQII', desc, 0, 0x314353445a4c4301, 1, 1, 256 << 20, 0, 0x1000200,
                     0x10000, 0x11ff0, 2, 0)
    struct.pack_into('<QQQQ', desc, 64, 0x10000, 0x2000, 0x1000000, 0x800000)
    seed('launch', b'\1' + bytes(desc))


def images():
    line = b'console=ttyS0 quiet'
    head = struct.pack('<HBBH', 256, 1, 16, len(line)) + b'070701' + bytes(10) + line
    kernel = bytearray(bzimage(0x1000000, 0x200000))
    seed('image', head + bytes(kernel))
    struct.pack_into('<I', kernel, 0x1f4, 33)
    seed('image', head + bytes(kernel) + bytes(512))
    seed('zone_json', b'{"version": 1, "kernel": "k", "initrd": "i", "rootfs": "r", "verity": "v",'
         b' "roothash": "' + b'ab' * 32 + b'", "cmdline": "quiet", "memory": "64M",'
         b' "ports": [6379]}')
    seed('zone_json', b'{"version": 1, "kernel": "d", "initrd": "../i", "rootfs": "out",'
         b' "verity": "p", "cmdline": "a -- b", "memory": "1G"}')


def texts():
    for text in (b'127.0.0.1:8080:80', b'6379:6379', b'25%', b'512M', b'all', b'/a/b/zone-1/'):
        seed('cloister', b'\0' + text)
    process = b'{"pid": 1, "start": 2}'
    seed('cloister', b'\1{"version": 1, "name": "z", "mode": "zone", "phase": "live",'
         b'"supervisor": ' + process + b', "qemu": ' + process + b', "ram_fd": 3, "handle": "0f",'
         b'"instance": 1, "digest": "00", "image": "/x", "memory_bytes": 1, "window_pages": 0,'
         b'"idle_ms": 0, "publish": [{"address": "0.0.0.0", "host_port": 1, "zone_port": 2}],'
         b'"started": 1, "ended": 0, "reason": "none"}')
    for pieces in (b'\0', b'\7'):
        seed('fetch', b'\1' + pieces + b'HTTP/1.1 200 OK\r\nContent-Type: application/cose\r\n'
             b'Content-Length: 5\r\n\r\nhello')
    seed('fetch', b'\0\0GET /report?nonce=' + b'0a' * 32 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    seed('zone_init', b'quiet cloister.roothash=' + b'0a' * 32 + b' cloister.verity=100:0a0b '
         b'cloister.ip=10.0.0.2/24,10.0.0.1')
    seed('zone_init', b'argv /bin/x a b\nuser redis\nport 80\nenv A=b\n# c\n'
         b'tmpfs /tmp 0700 user 10m\n')
    seed('zone_init', b'root:x:0:0:r:/:/b\nredis:x:107:112::/var:/b\n')
    seed('cbor', b'\1\0\1\2\3abc\0\5\4\2\5\1\6\22')
    seed('cbor', b'\0\xd2\x84\x43abc\xa1\x01\x26\x61a\x20')


def main():
    boots()
    launches()
    images()
    texts()
    for name, units in SEEDS.items():
        directory = os.path.join(sys.argv[1], name)
        os.makedirs(directory, exist_ok=True)
        for i, unit in enumerate(units):
            with open(os.path.join(directory, f'seed-{i}'), 'wb') as f:
                f.write(unit)


main()
