#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cl-kcoreread reads RAM, all of it and each page once, out of a file in the form of /proc/kcore.
. tests/host/lib.bash

head -c 65536 /dev/urandom >"$tmp/canary"
head -c 65536 /dev/urandom >"$tmp/absent"
"$bin/cl-search" --split "$tmp/canary" "$tmp/shares"

# Segments: RAM at 0x1000 (canary at 0x3000) and at 4 GiB (canary again, at its end), a mapping
# without physical address (canary; not RAM), the kernel's text (RAM seen twice), one cut short.
python3 - "$tmp/canary" "$tmp/kcore" <<'P'
import struct, sys
canary = open(sys.argv[1], "rb").read()
direct = 0xffff888000000000
segs = [
    (direct + 0x100000000, 0x100000000, bytes(0x8000) + canary, None),
    (direct + 0x1000, 0x1000, bytes(0x2000) + canary + bytes(0x3000), None),
    (0xffffc90000000000, 0xffffffffffffffff, canary, None),
    (0xffffffff81000000, 0x3000, canary, None),
    (direct + 0x200000000, 0x200000000, canary[:0x2000], 0x5000),
]
at = 64 + 56 * len(segs)
head, body = b"", b""
for vaddr, paddr, data, size in segs:
    head += struct.pack("<IIQQQQQQ", 1, 7, at + len(body), vaddr, paddr, size or len(data),
                        size or len(data), 4096)
    body += data
elf = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack(
    "<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segs), 0, 0, 0)
open(sys.argv[2], "wb").write(elf + head + body)
P
read_core() {
	"$bin/cl-kcoreread" --kcore "$tmp/kcore" "$@" >"$tmp/out"
}

check "reads" read_core --canary "$tmp/shares" --frames-out "$tmp/frames"
check "finds the canary in all RAM, and there only" is "$tmp/out" 'j["fragments"]' \
	$((2 * 2048 + 256))
check "counts frames" is "$tmp/out" 'j["frames"]' $((16 + 16 + 2))
check "counts what is unreadable" is "$tmp/out" 'j["errors"] >= 3' True
check "reads each byte once" is "$tmp/out" 'j["bytes"]' \
	$((0x8000 + 65536 + 0x5000 + 65536 + 0x2000))
check "names physical frames" test "$(head -n 1 "$tmp/frames")" = "0x3 4096"
read_core --canary "$tmp/absent"
check "finds nothing that is not there" is "$tmp/out" 'j["fragments"]' 0
head -c 40 "$tmp/kcore" >"$tmp/cut"
check "refuses what is no core" \
	bash -c "! $bin/cl-kcoreread --kcore $tmp/cut 2>/dev/null"
exit $failed
