# SPDX-License-Identifier: Apache-2.0
# Common to tests/host/*.sh.
bin=${BUILD:-build}/bin
tmp=$(mktemp -d)
victim=
# A child that a signal hits before its exec runs its parent's trap.
cleanup() {
	[ "$BASHPID" = "$$" ] || return
	[ -z "$victim" ] || kill "$victim" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
failed=0

# check NAME CONDITION…: one case
check() {
	local name=$1
	shift
	if "$@"; then
		echo "ok $name"
	else
		echo "not ok $name"
		failed=1
	fi
}

# field FILE EXPRESSION: a value out of JSON, as Python prints it
field() {
	python3 -c 'import json, sys; j = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' \
		"$1" "$2"
}

# is FILE EXPRESSION VALUE
is() {
	local got
	got=$(field "$1" "$2") && [ "$got" = "$3" ] && return
	echo "# $2 is $got, not $3"
	return 1
}

# Start the victim: a process with "guest RAM" of 64 MiB in a memfd and a heap. The canary goes
# to RAM (1: whole, page by page with gaps between), to the heap (2: whole, in one piece).
start_victim() {
	mkfifo "$tmp/ready" "$tmp/end"
	python3 tests/host/victim.py "$@" <"$tmp/end" >"$tmp/ready" &
	victim=$!
	exec 3>"$tmp/end"
	read -r ram_address <"$tmp/ready"
}

# A kernel of 64 KiB that has all the right header fields, and no code.
make_kernel() {
	python3 - "$1" <<'PY'
import struct, sys
k = bytearray(512 * 2 + 65536)
k[0x1f1] = 1
struct.pack_into("<I", k, 0x1f4, 65536 // 16)
struct.pack_into("<H", k, 0x1fe, 0xaa55)
k[0x201] = 0x6a
k[0x202:0x206] = b"HdrS"
struct.pack_into("<H", k, 0x206, 0x20f)
k[0x211] = 1
struct.pack_into("<I", k, 0x22c, 0x7fffffff)
struct.pack_into("<H", k, 0x236, 1)
struct.pack_into("<I", k, 0x238, 2047)
struct.pack_into("<Q", k, 0x258, 0x1000000)
struct.pack_into("<I", k, 0x260, 0x100000)
open(sys.argv[1], "wb").write(k)
PY
}

# make_image DIR: a zone image that `cloister run` takes
make_image() {
	mkdir -p "$1"
	make_kernel "$1/vmlinuz"
	printf '070701 not much of an archive' >"$1/initrd.img"
	cat >"$1/zone.json" <<'JSON'
{"version": 1, "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": "console=ttyS0",
 "memory": "64M"}
JSON
}
