#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inputs to start from, for targets that would take long to find a first good one.

seeds.py DIRECTORY writes DIRECTORY/NAME/seed-…; `make fuzz` runs it for build/fuzz/corpus.
"""
import hashlib
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


def mb2(*modules, cmdline=b'loglevel=debug'):
    mmap = struct.pack('<II', 24, 0) + struct.pack('<QQII', RAM, 0x400000, 1, 0)
    tags = tag(1, cmdline + b'\0') + tag(6, mmap) + tag(15, rsdp())
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
    for size in (2047, 2048, 2500):  # the longest that fits, and too long
        seed('multiboot', bytes(3) + mb2(cmdline=b'x' * size))
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
    for second in (0xff0000, 0x1700000):  # before the first, into the second
        struct.pack_into('<I', desc, 56, 3)
        struct.pack_into('<QQ', desc, 96, second, 0x1000)
        seed('launch', b'\1' + bytes(desc))


def acpi():
    def table(signature, body):
        return signature + struct.pack('<I', 36 + len(body)) + bytes(28) + body
    cpus = b''.join(struct.pack('<BBBBI', 0, 8, i, i, 1) for i in range(10))
    cpus += struct.pack('<BBHIII', 9, 16, 0, 300, 1, 0)
    madt = table(b'APIC', bytes(8) + cpus)
    # Pointers are taken modulo the size of the target's memory, less a header.
    seed('acpi', b'\3\0' + table(b'XSDT', struct.pack('<Q', 44)) + madt)
    few = b'\0\x08\0\0\1\0\0\0' * 2
    whole = table(b'APIC', bytes(8) + few)
    for less in (0, 2, 5):  # its last entry goes on behind the end
        cut = whole[:4] + struct.pack('<I', len(whole) - less) + whole[8:]
        seed('acpi', b'\3\0' + table(b'XSDT', struct.pack('<Q', 44)) + cut)
    seed('acpi', b'\2\0' + table(b'RSDT', struct.pack('<II', 200, 44)) + madt)


def ivrs():
    def block(kind, base, devid=2):
        return struct.pack('<BBHHHQHHI', kind, 0, 24, devid, 64, base, 0, 0, 0)
    one = block(0x10, 0xfeb80000)
    seed('ivrs', one)
    seed('ivrs', one + block(0x11, 0xfeb80000) + block(0x40, 0xfeb84000))
    seed('ivrs', b''.join(block(0x10, 0xf0000000 + 0x4000 * i) for i in range(9)))
    seed('ivrs', one + b'\x20\0\x20\0' + bytes(28) + one[:20])


def images():
    line = b'console=ttyS0 quiet'
    def head(text):
        return struct.pack('<HBBH', 256, 1, 16, len(text)) + b'070701' + bytes(10) + text
    kernel = bytearray(bzimage(0x1000000, 0x200000))
    seed('image', head(line) + bytes(kernel))
    struct.pack_into('<I', kernel, 0x1f4, 33)
    seed('image', head(line) + bytes(kernel) + bytes(512))
    struct.pack_into('<I', kernel, 0x238, 65535)
    for size in (4000, 4090):  # fits into its page with what is added, and does not
        seed('image', head(b'x' * size) + bytes(kernel) + bytes(3000))
    seed('zone_json', b'{"version": 1, "kernel": "k", "initrd": "i", "rootfs": "r", "verity": "v",'
         b' "roothash": "' + b'ab' * 32 + b'", "cmdline": "quiet", "memory": "64M",'
         b' "ports": [6379]}')
    seed('zone_json', b'{"version": 1, "kernel": "out", "initrd": "i", "cmdline": "quiet",'
         b' "memory": "64M"}')
    seed('zone_json', b'{"version": 1, "kernel": "d", "initrd": "../i", "rootfs": "out",'
         b' "verity": "p", "cmdline": "a -- b", "memory": "1G"}')


def texts():
    for text in (b'127.0.0.1:8080:80', b'6379:6379', b'25%', b'512M', b'all', b'/a/b/zone-1/',
                 b'file=/a,x=/ab,y="/a"', b'/a:ro', b'/a', b'8080:192.0.2.1:443'):
        seed('cloister', b'\0' + text)
    process = b'{"pid": 1, "start": 2}'
    for forwards in (1, 16, 17):
        publish = b', '.join([b'{"address": "0.0.0.0", "host_port": 1, "zone_port": 2}'] * forwards)
        connect = b', '.join([b'{"zone_port": 1, "address": "192.0.2.1", "port": 2}'] * forwards)
        seed('cloister', b'\1{"version": 1, "name": "z", "mode": "zone", "phase": "live",'
             b'"supervisor": ' + process + b', "qemu": ' + process + b', "ram_fd": 3,'
             b'"handle": "0f", "instance": 1, "digest": "00", "image": "/x", "memory_bytes": 1,'
             b'"window_pages": 0, "idle_ms": 0, "publish": [' + publish + b'], "connect": [' + connect +
             b'],'
             b'"started": 1, "ended": 0, "reason": "none"}')
    for pieces in (b'\0', b'\7'):
        seed('fetch', b'\1' + pieces + b'HTTP/1.1 200 OK\r\nContent-Type: application/cose\r\n'
             b'Content-Length: 5\r\n\r\nhello')
    seed('fetch', b'\1\0HTTP/1.1 200 OK\r\nContent-Type: application/cose\r\n'
         b'Content-Length: 1000\r\n\r\n' + bytes(1500))
    seed('fetch', b'\0\0GET /report?nonce=' + b'0a' * 32 + b' HTTP/1.1\r\nHost: x\r\n\r\n')
    seed('zone_init', b'quiet cloister.roothash=' + b'0a' * 32 + b' cloister.verity=100:0a0b '
         b'cloister.ip=10.0.0.2/24,10.0.0.1')
    seed('zone_init', b'argv /bin/x a b\nuser redis\nport 80\nenv A=b\n# c\n'
         b'tmpfs /tmp 0700 user 10m\n')
    seed('zone_init', b'root:x:0:0:r:/:/b\nredis:x:107:112::/var:/b\n')
    seed('cbor', b'\1\0\1\2\3abc\0\5\4\2\5\1\6\22')
    seed('cbor', b'\0\xd2\x84\x43abc\xa1\x01\x26\x61a\x20')


def tpm():
    """A TPM that does everything right, as tests/fuzz/tpm.c has it; and with one odd register each."""
    def digest(data):
        return hashlib.sha256(data).digest()

    def answer(body, how=0):
        return struct.pack('<BH', how, len(body)) + body

    def pcrs(mask, values):
        return answer(struct.pack('>IIHB', 7, 1, 0xb, 3) + struct.pack('<I', mask)[:3] +
                      struct.pack('>I', len(values)) + b''.join(b'\0\x20' + v for v in values))

    def sessions(parameters, handle=b''):
        return answer(handle + struct.pack('>I', len(parameters)) + parameters + b'\0\0\1\0\0')

    def made(public):
        return sessions(struct.pack('>H', len(public)) + public + bytes(2 + 2 + 8 + 2),
                        struct.pack('>I', 0x80000001))

    values = [digest(bytes([n])) for n in (0, 2, 4)] + [bytes(32)]
    policy = digest(bytes(32) + bytes.fromhex('0000017f00000001000b03152000') +
                    digest(b''.join(values)))
    hmac_key = struct.pack('>HHIH', 8, 0xb, 0x404b2, 32) + policy + struct.pack('>HH', 5, 0xb)
    storage = struct.pack('>HHIHHHHHHH', 0x23, 0xb, 0x30472, 0, 6, 128, 0x43, 0x10, 3, 0x10)
    closed = digest(digest(bytes(32) + digest(b'\1' + bytes(63))) + digest(b'cloister cap 1'))
    steps = [
        pcrs(0x2015, values),
        made(hmac_key + b'\0\x20' + bytes(32)),
        answer(struct.pack('>I', 0x03000002) + b'\0\x10' + bytes(16)),
        answer(b''),
        sessions(b'\0\x20' + digest(b'root')),
        answer(b''),
        made(storage + (b'\0\x20' + bytes(31) + b'\1') * 2),
        answer(b''),
        sessions(b''), sessions(b''),
        pcrs(0x2000, [closed]),
    ]
    seed('tpm', b'\0' + b''.join(steps))
    # By a FIFO: right, an odd status, a byte at a time, no burst count, a byte too much.
    for odd in (b'\x80', b'\x81\x80', b'\x81\x08', b'\x81\x10', b'\x82\1\0', b'\x82\0\0', b'\x84\1'):
        seed('tpm', odd + b''.join(steps))
    for how in (4, 12):
        seed('tpm', b'\x80' + steps[0] + bytes([how]) + steps[1][1:] + b''.join(steps[8:]))
    for at in range(len(steps)):  # one refused, one lost, one lost for good
        for how in (2, 4, 12):
            odd = bytes([how]) + steps[at][1:]
            for flushes in range(3) if at < 8 else (0,):  # as many as the Core should, or fewer
                rest = steps[7:8] * flushes + steps[max(8, at + 1):]
                seed('tpm', b'\0' + b''.join(steps[:at]) + odd + b''.join(rest))
    for at in (1, 6):  # another key than was asked for
        odd = bytearray(steps[at])
        odd[15] ^= 1
        for flushes in range(2):
            rest = steps[7:8] * flushes + steps[8:]
            seed('tpm', b'\0' + b''.join(steps[:at]) + bytes(odd) + b''.join(rest))
    buffer = struct.pack('<Q', 0xfed40080)
    seed('tpm', b'\5' + buffer + struct.pack('<Q', 0xfed41000) + b''.join(steps))
    seed('tpm', b'\1' + struct.pack('<Q', 0x10001000) + b''.join(steps))
    seed('tpm', b'\1' + struct.pack('<Q', 0xffffff00) + b''.join(steps))
    seed('tpm', b'\x02' + struct.pack('<I', 0xffffffff) + b''.join(steps))
    seed('tpm', b'\x0a' + struct.pack('<II', 64, 64) + b''.join(steps))


def boot_log():
    """The firmware's first event, and some more, behind the byte that says how much to cut off."""
    spec = (b'Spec ID Event03\0' + struct.pack('<IBBBBI', 0, 0, 2, 0, 2, 2) +
            struct.pack('<HHHH', 4, 20, 0xb, 32) + b'\0')
    first = struct.pack('<II', 0, 3) + bytes(20) + struct.pack('<I', len(spec)) + spec

    def event(pcr, data):
        return (struct.pack('<III', pcr, 8, 2) + struct.pack('<H', 4) + bytes(20) +
                struct.pack('<H', 0xb) + bytes(32) + struct.pack('<I', len(data)) + data)

    seed('boot_log', first)
    seed('boot_log', first + event(0, b'version') + event(7, b'') + b'\xff' * 64)
    seed('boot_log', first + event(4, b'x' * 300) + bytes(64))
    seed('boot_log', first + event(9, b'x' * 30)[:-1])


def pages():
    # Steps as tests/fuzz/page.c reads them; page 0x20 of zone 0 is frame 0x40.
    write, read = b'\x01\x20\x07', b'\x00\x20\x00'
    keep, give_old = b'\x04\x03\x40\0\0', b'\x05\x40\0\x80'
    seed('page', write + keep + read)
    seed('page', write + b'\x05\x40\0\x01' + read)  # one bit
    seed('page', write + keep + read + b'\x01\x20\x09' + give_old + read)  # rollback
    seed('page', write + b'\x01\x21\x08' + keep + b'\x05\x41\0\x80\x00\x21\0')  # swap
    seed('page', write + b'\x06\x30\x03\x40\0\x07\0\x00\x30\0' + read)  # remap
    seed('page', write + b'\x16\x30\x03\x40\0\x07\1\x10\x30\0' + read)  # to the other zone
    seed('page', b'\x02\x20\xff\x02\xb0\x4f\x02\x20\x7f')  # more than the window
    seed('page', write + b'\x0a\xff\xff' * 4 + read)  # idle
    seed('page', write + b'\x03\x20\x02' + read + b'\x03\x20\0')  # shared and back
    for op in (b'\x03\x30', b'\x08\1\1\x30\0'):  # what is shared moves: a TLB may know the old place
        for move in (b'\x06\x30\x03\x50\0\x67\0', b'\x06\x30\x03\x50\0\x67\2'):
            seed('page', op + b'\0' + move + op + b'\2')
    seed('page', b'\x08\1\1\x08\0\x03' * 2 + b'\x01\x28\1\x08\1\1\x08\0\x03')  # guest's
    seed('page', b'\x08\2\0\x40\0\x03' + write + b'\x08\2\0\x40\0\x03' + read)
    seed('page', write + b'\x0c\x0b\x50\x04' + write + b'\x0d\4\0\x02\x40\x7f\x0e' + read)


def guests():
    nothing = b'\0\x80'  # no event was cut short

    def vmrun(rip, event, rax=0x1122334455667788):
        return b'\0\0\0' + bytes([rip]) + struct.pack('<HQ', event, rax) + b'\0'
    hlt = b'\x06' + nothing
    for event in (0x8000, 0x25, 0x05, 0x80, 0x202, 0x30d, 0x30e, 0x480):
        seed('guest', hlt + vmrun(1, event) + hlt)
    for code, rip in ((b'\x8b\x07', 2), (b'\x48\x89\x07', 3), (b'\x8a\x67\x01', 2),
                      (b'\x44\x0f\xb6\x07', 2), (b'\xc7\x07\1\2\3\4', 2)):
        for rip in (rip, 0):
            seed('guest', b'\x50' + nothing + b'\x02\x01\x30\0' + code.ljust(15, b'\x90') +
                 vmrun(rip, 0x8000) + hlt)
    for how in (b'\x02', b'\x52'):  # OUT and IN
        for size in range(3):
            seed('guest', how + nothing + b'\xf8\x03' + bytes([size]) + vmrun(2, 0x8000) + hlt)
    for op in range(3):  # calls
        seed('guest', b'\x8e' + nothing + b'\0\0\0' + bytes([op]) + b'\0\0\1' + hlt)
    for how in (b'\x54', b'\x90'):  # MSRs
        for msr in range(8):
            seed('guest', how + nothing + bytes([msr]) + bytes(8) + vmrun(2, 0x30d) + hlt)
    # The zone starts its second vCPU: page 0x20, INIT, start-up interrupt, and the host's VMCB.
    def command(how, value):
        code = b'\x89\x07'.ljust(15, b'\x90')
        return how + nothing + b'\2\1\0\0' + code + struct.pack('<I', value)
    other = b'\0\3\0\x08' + bytes(11)
    start = b'\x8c' + nothing + b'\0\4\x20\0'
    for value in (0x1000000, 0x4500, 0x4620):
        start += command(b'\x78' if value == 0x1000000 else b'\x64', value) + vmrun(2, 0x8000)
    seed('guest', start[:-15])
    seed('guest', start + hlt + other + hlt)
    seed('guest', start + hlt + other + hlt + other + hlt + vmrun(1, 0x25) + hlt)
    seed('guest', start + hlt + other + b'\x52' + nothing + b'\xf8\x03\0' +
         b'\0\3\0\2' + struct.pack('<HQ', 0x8000, 77) + b'\0' + hlt)
    guest = b'\0\1\0\0'
    for how in range(12):
        seed('guest', hlt + guest + bytes([how]) + nothing + bytes(4) + b'\4\x10\0' + bytes(8))
    for op in range(9):
        seed('guest', hlt + b'\3' + bytes([op]) + struct.pack('<QQ', 1, 0) + bytes(16))


def vmcbs():
    seed('vmcb', b'\xff')
    for which in range(14):
        for bit in (0, 8, 12, 31, 32, 45, 63):
            seed('vmcb', b'\0' + bytes([which, bit]))
    for event in (0x80000025, 0x80000202, 0x8000030d, 0x80000302, 0x80000321, 0x80000480,
                  0x80000500, 0x80000100):
        seed('vmcb', b'\0' + bytes([64 + 12]) + struct.pack('<Q', event))
    for asid in (0, 7, 8):
        seed('vmcb', b'\0\x80' + bytes([asid]))


def walks():
    def entry(frame, index, to, low=0, kind=0):
        return struct.pack('<HBBB', frame * 512 + index, kind, to, low)
    for last in (0, 1, 2, 4, 0x80):  # present, not, read-only, supervisor, reserved
        path = entry(0, 0, 1) + entry(1, 0, 2) + entry(2, 0, 3) + entry(3, 0, 5, last) + \
            entry(3, 1, 6)
        for access in range(4):
            seed('walk', b'\5' + path + b'\0\0' + (0x123).to_bytes(6, 'little') +
                 bytes([access * 2]))
        for how in (0x0b, 0x2b, 0x4b, 0x6b):
            seed('walk', b'\5' + path + b'\1' + bytes([how, 0]) + struct.pack('<QH', 0xff0, 64))
        seed('walk', b'\5' + path + b'\2\7\0' + struct.pack('<Q', 0xffa))


def cbor(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    return bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + n.to_bytes(2, 'big')


def text(value):
    return cbor(3, len(value)) + value.encode()


def block(size):
    return cbor(2, size) + bytes(size)


def bundle(ak=700, quote=400, report=None, log=100):
    def record(label, kind, size):
        return text(label) + b'\x82' + text(kind) + block(size)
    parts = record('ak', 'application/pkix-cert', ak)
    parts += record('quote', 'application/vnd.cloister.tpm-quote+cbor', quote)
    if report is not None:
        parts += record('report', 'application/eat+cwt', report)
    parts += text('__cmwc_t') + text('tag:cloister.example,2026:evidence:1')
    parts += record('boot-log', 'application/vnd.cloister.tcg-log', log)
    return cbor(5, 4 if report is None else 5) + parts


def nodes(*certs):
    cert = '{"serial":"%s","not_before":1,"not_after":2}' % ('a' * 32)
    return ('{"version":1,"crl_number":1,"nodes":[' + ','.join(
        '{"name":"n%d","ek":"%s","ek_type":"ecc","test_tpm":false,"enrolled":1,"revoked":0,'
        '"certificates":[%s]}' % (min(i, 1), '%064x' % i, ','.join([cert] * n))
        for i, n in enumerate(certs)) + ']}').encode()


def enrolments():
    for what in b'\x08\x09\x0b':
        seed('enrol', bytes([what]) + b'\0\0')
        for at in (3, 30, 105, 120, 200, 400, 440, 600):
            seed('enrol', bytes([what, 1]) + struct.pack('<H', at) + b'\x55\0')
        seed('enrol', bytes([what]) + b'\0\6')
        seed('enrol', bytes([what]) + b'\0\7' + struct.pack('<H', 300))
    for size in (68, 256, 257, 300):
        seed('enrol', b'\4\xa2' + text('seed') + block(size) + text('credential') + block(68))
    seed('enrol', b'\4\xa2' + text('seed') + block(68) + text('credential') + block(90))
    for size in (88, 600):
        seed('enrol', b'\4\xa3' + text('ak-public') + block(size) + text('ek-public') + block(122) +
             text('ek-certificate') + block(200))
    seed('enrol', b'\4' + block(32))
    seed('enrol', b'\4' + block(31))
    seed('enrol', b'\4' + block(40))
    for b in (bundle(), bundle(report=400), bundle(report=1025), bundle(ak=4097)):
        seed('enrol', b'\5' + b)
    for n in (nodes(), nodes(1), nodes(0, 2), nodes(65), nodes(0, 0, 0)):
        seed('enrol', b'\6' + n)
    for path in (b'/enrol', b'/evidence', b'/activate', b'/ak', b'/'):
        seed('enrol', b'\7' + path)


def policies():
    lists = ('digests', 'nodes.ca', 'nodes.crl', 'boot.firmware', 'boot.option_roms',
             'boot.images', 'boot.commands', 'core.builds')
    for name in lists:
        for entry in ('""', '1', 'null', '"a",""'):
            at = '{"%s":[%s]}' % (name.split('.')[-1], entry)
            if '.' in name:
                at = '{"%s":%s}' % (name.split('.')[0], at)
            seed('policy', b'{"version":1,' + at[1:].encode())


def spiffe():
    web = b'spiffe://example.org/web'
    for text in (web, b'spiffe://example.org', b'spiffe://a.b-c_d/X/y.z', b'spiffe://a/../b',
                 b'spiffe://a//b', b'spiffe://a/b/', b'spiffe://' + b'a' * 256):
        seed('spiffe_id', b'\0' + text)
    for text in (b'Zg==', b'Zm8=', b'Zm9v', b'Zg', b'_-_-', b'/+/+'):
        seed('spiffe_id', b'\1' + text)
        seed('spiffe_id', b'\2' + text)
    for text in (b'{"a":[1,{"b":"\\"[{"}],"c":null}', b'{"a":1,"a":2}',
                 b'{"a":' + b'[' * 15 + b']' * 15 + b'}', b'{"a":' + b'[' * 16 + b']' * 16 + b'}'):
        seed('spiffe_id', b'\3' + text)

    for text in (b'GET /bundle.json HTTP/1.1\r\nHost: x\r\n\r\n', b'POST /bundle.json?x HTTP/1.0\r\n\r\n'):
        seed('issuer_http', b'\0' + text)
    for text in (b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\nX: \ty \r\n\r\n',
                 b'HTTP/1.0 302\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n'):
        seed('issuer_http', b'\1' + text)
    for text in (b'b.org=https_web:https://b.org:8443/x?y=z,/etc/ca.pem', b'b=https_web:https://[::1]',
                 b'b.org=https_spiffe:https://192.0.2.1/,spiffe://b.org/x,b.json'):
        seed('issuer_http', b'\2' + text)

    # A leaf: flags, usage, number of URIs, purposes; then of each URI its size and beginning.
    for flags, usage, uris, purposes in ((1, 1, 1, 0), (1, 1, 1, 11), (2, 1, 1, 0), (1, 33, 1, 0),
                                         (1, 65, 1, 0), (5, 1, 1, 0), (9, 1, 1, 0), (1, 1, 2, 0),
                                         (1, 1, 1, 9), (33, 5, 1, 11)):
        name = b'\2\1/a' * uris
        seed('spiffe_x509', struct.pack('<BBHBB', 4, flags, usage, uris, purposes) + name)
    seed('spiffe_x509', b'\4\1\1\0\1\0\x20\0' + web)
    for what in (2, 3):
        seed('spiffe_x509', bytes([what]) + b'\0\0')
        for at in (5, 40, 100, 200, 300):
            seed('spiffe_x509', bytes([what, 1]) + struct.pack('<H', at) + b'\x55\0')
    for name in (b'\x82\x0fweb.example.org', b'\x86\x18' + web):
        seed('spiffe_x509', b'\5\x30' + bytes([len(name)]) + name)

    seed('spiffe_jwt', b'\1\0\0')
    seed('spiffe_jwt', b'\5\0\0')
    claims = b'{"sub":"%s","aud":["reports"],"exp":1800000060,"nbf":1799999999,"iat":1}' % web
    for header in (b'{"alg":"ES256"}', b'{"alg":"ES256","kid":"k","typ":"JWT"}', b'{"alg":"none"}',
                   b'{"alg":"ES256","crit":["exp"]}', b'{"alg":"HS256","kid":"k","typ":"JOSE"}'):
        seed('spiffe_jwt', b'\2' + header + b'\0' + claims)
    for claims in (b'{"sub":"%s","aud":"reports","exp":1.8e9}' % web, b'{"sub":"%s"}' % web,
                   b'{"sub":"spiffe://other.org/web","aud":[],"exp":"1"}'):
        seed('spiffe_jwt', b'\2{"alg":"ES256"}\0' + claims)
    # RFC 7517, appendix A.1
    ec = (b'"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",'
          b'"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"')
    rsa = b'"kty":"RSA","n":"%s","e":"AQAB"' % (b'_' * 342)
    for key in (ec, rsa[:-3] + b'g"', rsa.replace(b'_"', b'w"')):
        seed('spiffe_jwt', b'\3{' + key + b'}')
        seed('spiffe_bundle', b'\1{"keys":[{"use":"jwt-svid","kid":"a",' + key + b'}],'
             b'"spiffe_sequence":1,"spiffe_refresh_hint":300}')
        seed('spiffe_bundle', b'\1{"keys":[{"use":"x509-svid","x5c":["AAAA"],' + key + b'}]}')
    seed('spiffe_jwt', b'\3{' + rsa.replace(b'_"', b'w"').replace(b'AQAB', b'AQAAAAAAAAAB') + b'}')
    for kids in ((b'',), (b'a', b'a'), (b'a', b'b')):
        keys = b','.join(b'{"use":"jwt-svid","kid":"%s",%s}' % (kid, ec) for kid in kids)
        for sequence in (1, -1):
            seed('spiffe_bundle', b'\1{"keys":[%s],"spiffe_sequence":%d}' % (keys, sequence))
    seed('spiffe_bundle', b'\0\0\0')
    for at in (40, 200, 400, 700, 1000):
        seed('spiffe_bundle', b'\0\1' + struct.pack('<H', at) + b'A\0')


def item(value):
    """Deterministic CBOR (RFC 8949, section 4.2) of what channels say."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        return bytes([major << 5 | 24, n]) if n < 256 else bytes([major << 5 | 25]) + struct.pack('>H', n)
    if value is None:
        return b'\xf6'
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, list):
        return head(4, len(value)) + b''.join(map(item, value))
    text = value.encode() if isinstance(value, str) else value
    return head(3 if isinstance(value, str) else 2, len(text)) + text


def channels():
    web, nonce = b'spiffe://example.org/web', bytes(range(32))
    grant = [web, b'hint', [b'www-data', b'app'], [b'web.example.org']]
    hellos = [[1, nonce, 'svid/1'], [1, nonce, 'x' * 32], [1, nonce, 'x' * 33], [1, nonce[1:], 'x'],
              [1, nonce, '\x07']]
    proofs = [[2, None], [2, b'evidence' * 40], [2, b''], [3, 'no'], [3, 'x' * 255], [3, 'x' * 256],
              [3, 'a\nb'], [3, '']]
    requests = [[1], [4], [5], [2, [[0, b'csr' * 50], [15, b'']]], [2, [[i, b''] for i in range(17)]],
                [3, 0, [b'audience', b'b']], [3, 0, [b'a'] * 17], [3, 0, []]]
    answers = [[0, 7, b'denied'], [0, 5, b'x'], [0, 3, b'\x07'], [1, b'example.org', [grant], []],
               [1, b'example.org', [grant] * 17, []],
               [1, b'', [], [[b'password', b'', b's3cret'], [b'b', b'app', b'']]],
               [1, b'', [[web, b'', [b'u'] * 9, []]], []], [1, b'', [[web, b'', [], [b'n'] * 17]], []],
               [2, [[0, b'chain' * 60]]], [3, b'token'], [4, [[b'example.org', b'{"keys":[]}']]],
               [4, [[b'a', b'']] * 33]]
    for kind, values in enumerate((hellos, proofs, requests, answers)):
        for value in values:
            seed('channel', bytes([kind]) + item(value))
        seed('channel', bytes([kind]) + item(values[0]) + b'\0')
        seed('channel', bytes([kind]) + item(values[-1])[:-1])


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack('>I', stream) + payload


def fields(path, *more):
    """A header block, each field literal and never indexed (RFC 7541, section 6.2.3)."""
    block = b''
    for name, value in ((b':method', b'POST'), (b':scheme', b'http'), (b':path', path),
                        (b':authority', b'localhost'), (b'te', b'trailers'),
                        (b'content-type', b'application/grpc'),
                        (b'workload.spiffe.io', b'true'), *more):
        block += b'\x10' + bytes([len(name)]) + name + bytes([len(value)]) + value
    return block


def message(body=b''):
    return b'\0' + struct.pack('>I', len(body)) + body


def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


def workload_api():
    start = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0)
    small = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(4, 0, 0, struct.pack('>HI', 4, 7))

    def call(stream, path, *bodies):
        if b'.' not in path:
            path = b'/SpiffeWorkloadAPI/' + path
        return frame(1, 4, stream, fields(path)) + \
            frame(0, 1, stream, b''.join(message(b) for b in bodies))
    reflection = b'/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
    calls = [(b'FetchX509SVID', b''), (b'FetchX509Bundles', b''), (b'FetchJWTBundles', b''),
             (b'FetchJWTSVID', field(1, b'audience')), (b'FetchJWTSVID', field(1, b'later')),
             (b'FetchJWTSVID', field(1, b'no') + field(2, b'spiffe://example.org/own')),
             (b'ValidateJWTSVID', field(1, b'a') + field(2, b'{"sub":["x",1,{"y":null}]}')),
             (b'FetchWITSVID', b''), (b'Nothing', b''), (b'FetchX509SVID', b'', b''),
             (reflection, field(7, b''), field(3, b'workload.proto'),
              field(4, b'SpiffeWorkloadAPI.FetchX509SVID')),
             (reflection.replace(b'v1', b'v1alpha'), field(4, b'google.protobuf.Struct'))]
    for how in (0, 5, 14, 31):
        for c in calls:
            seed('workload_api', bytes([how, 7]) + start + call(1, *c))
        seed('workload_api', bytes([how, 63]) + start +
             b''.join(call(2 * i + 1, *c) for i, c in enumerate(calls)) + frame(6, 0, 0, bytes(8)) +
             frame(3, 0, 1, bytes(4)))
        seed('workload_api', bytes([how, 9]) + small + call(1, *calls[0]) +
             frame(8, 0, 1, b'\0\0\0\7') * 3 + frame(8, 0, 1, b'\0\1\0\0') + frame(7, 0, 0, bytes(8)))
    # A message that says it is longer than what comes of it.
    seed('workload_api', b'\0\0' + start + frame(1, 4, 1, fields(reflection)) +
         frame(0, 1, 1, b'\0\0\0\0\xfd\x3a\xfa\1' + b'x' * 20))
    head = fields(b'/SpiffeWorkloadAPI/FetchX509SVID', (b'grpc-timeout', b'1m'),
                  (b'grpc-encoding', b'gzip'))
    seed('workload_api', b'\0\0' + start + frame(1, 0, 1, head[:40]) + frame(9, 0, 1, head[40:80]) +
         frame(9, 4, 1, head[80:]) + frame(0, 1, 1, b'\1' + message()[1:]))


def main():
    spiffe()
    channels()
    workload_api()
    enrolments()
    policies()
    pages()
    guests()
    vmcbs()
    walks()
    boots()
    launches()
    acpi()
    ivrs()
    tpm()
    boot_log()
    images()
    texts()
    for name, units in SEEDS.items():
        directory = os.path.join(sys.argv[1], name)
        os.makedirs(directory, exist_ok=True)
        for i, unit in enumerate(units):
            with open(os.path.join(directory, f'seed-{i}'), 'wb') as f:
                f.write(unit)


main()
