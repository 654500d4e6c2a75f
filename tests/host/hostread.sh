#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cl-hostread finds what stands in a process, and nothing that does not.
. tests/host/lib.bash

head -c 1048576 /dev/urandom >"$tmp/canary"
head -c 1048576 /dev/urandom >"$tmp/absent"
"$bin/cl-search" --split "$tmp/canary" "$tmp/shares"
start_victim "$tmp/canary" ram heap

read_victim() {
	"$bin/cl-hostread" --json --ram-name guest-ram "$@" "$victim"
}

read_victim --canary "$tmp/canary" --frames-out "$tmp/frames" >"$tmp/out"
# In RAM: 256 pieces of 4096 bytes, each over two frames (byte 7 on); on the heap all at once.
check "finds the canary in guest RAM" is "$tmp/out" 'j["ram"]["fragments"]' $((256 * 128))
check "counts the frames of guest RAM" is "$tmp/out" 'j["ram"]["frames"]' 512
check "counts the bytes" is "$tmp/out" 'j["ram"]["matched_bytes"]' 1048576
check "finds the canary on the heap" is "$tmp/out" 'j["rest"]["fragments"]' 32768
check "adds up" is "$tmp/out" 'j["fragments"]' 65536
check "reads all of guest RAM" is "$tmp/out" 'j["ram"]["bytes"]' $((64 << 20))
check "guest RAM is readable" is "$tmp/out" 'j["ram"]["errors"]' 0
check "tells what is unreadable" is "$tmp/out" \
	'sum(u["pages"] for u in j["unreadable"]) == j["errors"]' True
check "lists frames by guest address" \
	test "$(head -n 2 "$tmp/frames" | tr '\n' ' ')" = "0x10 4089 0x11 7 "

read_victim --canary "$tmp/shares" >"$tmp/out"
check "finds the same by shares" is "$tmp/out" 'j["fragments"]' 65536

printf 'shared 0x10-0x11\n' >"$tmp/classes"
read_victim --canary "$tmp/shares" --classify "$tmp/classes" >"$tmp/out"
check "tells hits by class" is "$tmp/out" 'j["ram"]["classes"]["shared"]["frames"]' 2

read_victim --canary "$tmp/absent" >"$tmp/out"
check "finds nothing that is not there" is "$tmp/out" 'j["fragments"]' 0
check "reads as much for nothing" is "$tmp/out" 'j["ram"]["bytes"]' $((64 << 20))

"$bin/cl-hostread" --json --canary "$tmp/canary" --range "${ram_address#0x}-$(printf '%x' \
	$((ram_address + 0x12000)))" "$victim" >"$tmp/out"
check "keeps to a range" is "$tmp/out" '(j["bytes"], j["fragments"])' "(73728, 128)"

head -c 1048576 /dev/zero >"$tmp/zero"
check "refuses a canary of zeros" \
	bash -c "! $bin/cl-hostread --canary $tmp/zero $victim 2>/dev/null"
check "refuses a process that is not there" bash -c "! $bin/cl-hostread 4194304 2>/dev/null"
check "refuses unknown guest RAM" \
	bash -c "! $bin/cl-hostread --ram-name no-such-thing $victim 2>/dev/null"
exit $failed
