#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cl-poke changes what it says, and only that.
. tests/host/lib.bash

head -c 65536 /dev/urandom >"$tmp/canary"
start_victim "$tmp/canary" ram

hits() {
	"$bin/cl-hostread" --json --canary "$tmp/canary" --ram-name guest-ram "$victim" >"$tmp/out"
	is "$tmp/out" 'j["ram"]["matched_bytes"]' "$1"
}

poke() {
	"$bin/cl-poke" --ram-name guest-ram "$@" >"$tmp/poked"
}

check "the canary is whole at first" hits 65536
poke "$victim" $((ram_address + 0x10000 + 7 + 100))
check "changes a byte by its address" hits 65535
poke "$victim" $((ram_address + 0x10000 + 7 + 100))
check "flips it back" hits 65536
poke "$victim" --gpa $((0x12000 + 1007))
check "changes a byte by its guest address" hits 65535
check "says where" is "$tmp/poked" 'j["gpa"]' 0x123ef
poke "$victim" --random-page-of-ram --count 3
check "changes random pages" test "$(wc -l <"$tmp/poked")" = 3

# The frame of page 0x14, by the kernel's page map; needs CAP_SYS_ADMIN.
pfn=$(python3 - "$victim" "$ram_address" <<'P'
import sys
f = open(f"/proc/{sys.argv[1]}/pagemap", "rb")
f.seek((int(sys.argv[2], 16) + 0x14000) // 4096 * 8)
print(int.from_bytes(f.read(8), "little") & ((1 << 55) - 1))
P
)
if [ "$pfn" != 0 ]; then
	poke "$victim" --pfn "$pfn"
	check "changes a page by its frame" is "$tmp/poked" 'j["gpa"]' 0x14000
fi
check "refuses a guest address outside RAM" \
	bash -c "! $bin/cl-poke --ram-name guest-ram $victim --gpa 0x4000000 2>/dev/null"
check "refuses the hole below 4 GiB" \
	bash -c "! $bin/cl-poke --ram-name guest-ram $victim --gpa 0xfee00000 2>/dev/null"
check "refuses nonsense" bash -c "! $bin/cl-poke $victim 12x 2>/dev/null"
exit $failed
