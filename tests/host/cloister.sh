#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a zone's supervisor, with a QEMU and a Core that are played (tests/unit/cli_fake_*.c):
# whatever is killed, refused or interrupted, the Core is told before the zone's RAM goes, and no
# process and no file is left.
. tests/host/lib.bash

build=${BUILD:-build}
cloister=$PWD/$build/tests/cloister
[[ $build = /* ]] && cloister=$build/tests/cloister
fake_qemu=${cloister%/*}/fake-qemu
export CLOISTER_RUN_DIR=$tmp/run CLOISTER_FAKE_DIR=$tmp/fake CLOISTER_LIBDIR=$tmp/lib
unset XDG_RUNTIME_DIR

if [ "$(id -u)" -ne 0 ]; then
	echo "ok supervisor # SKIP needs root (locked memory)"
	exit 0
fi

# Nothing of ours may outlive this script, whatever fails.
end_all() {
	"$cloister" stop --all >/dev/null 2>&1
	cleanup
}
trap end_all EXIT

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

mkdir -p "$tmp/img" "$tmp/lib" "$tmp/fake"
make_kernel "$tmp/img/vmlinuz"
printf '070701 not much of an archive' >"$tmp/img/initrd.img"
: >"$tmp/lib/zone-loader.elf"
cat >"$tmp/img/zone.json" <<'JSON'
{"version": 1, "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": "console=ttyS0",
 "memory": "64M"}
JSON

fresh() {
	rm -rf "$tmp/fake"
	mkdir -p "$tmp/fake"
}
core_is() { echo "$1" >"$tmp/fake/core"; }
qemu_is() { echo "$1" >"$tmp/fake/qemu"; }
run() { "$cloister" run --qemu "$fake_qemu" "$@" >"$tmp/out" 2>"$tmp/err"; }

# exits CODE COMMAND…
exits() {
	local want=$1 got
	shift
	"$@"
	got=$?
	[ "$got" -eq "$want" ] && return
	echo "# exit code $got, not $want"
	sed 's/^/# /' "$tmp/err"
	return 1
}
says() { grep -q -- "$1" "$tmp/err" || { sed 's/^/# /' "$tmp/err"; return 1; }; }
# No directory of a zone, no QEMU, no supervisor of this test.
nothing_left() {
	local left
	left=$(find "$tmp/run" -mindepth 1 ! -name .lock 2>/dev/null)
	[ -z "$left" ] || { echo "# left: $left"; return 1; }
	for p in /proc/[0-9]*/exe; do
		case $(readlink "$p") in
		"$fake_qemu" | "$cloister")
			echo "# left: ${p%/exe}"
			return 1
			;;
		esac
	done
}
core_told() { grep -q "^end .* ram=held$" "$tmp/fake/log" 2>/dev/null && ! grep -q gone "$tmp/fake/log"; }
core_untold() { [ ! -e "$tmp/fake/log" ]; }
status_is() { [ "$("$cloister" ps --json >"$tmp/ps" && field "$tmp/ps" "j[0]['status']")" = "$1" ]; }
reason_has() { field "$tmp/ps" "j[0]['reason']" | grep -q "$1"; }
pid_of() { field "$tmp/run/$1/state.json" "j['$2']['pid']"; }
# eventually CONDITION…: within 10 s
eventually() {
	for _ in $(seq 100); do
		"$@" >/dev/null 2>&1 && return
		sleep 0.1
	done
	"$@"
}
ended() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }

# A whole life.
fresh
check "run comes back once the zone is up" exits 0 run --name a "$tmp/img"
digest=$("$cloister" measure "$tmp/img")
check "run prints the digest that measure computes" grep -q "^a instance [0-9]* digest $digest\$" "$tmp/out"
check "ps lists it as live" status_is live
check "ps has a table" grep -q '^a .* live ' <("$cloister" ps)
check "inspect shows the Core's counters" is <("$cloister" inspect a) "j['core']['open_pages']" 17
check "logs shows the console" grep -q 'hello .* from the console' <("$cloister" logs a)
check "the same name is refused" exits 17 run --name a "$tmp/img"
check "another name is found by itself" exits 0 run "$tmp/img"
check "it is the image's" grep -q '^img instance' "$tmp/out"
check "and the next is numbered" exits 0 run "$tmp/img"
check "it is img-2" grep -q '^img-2 instance' "$tmp/out"
"$cloister" stop img img-2 2>/dev/null
check "state directories are private" test "$(stat -c %a "$tmp/run/a")" = 700
check "stop ends it" exits 0 "$cloister" stop a
check "the Core was told while the RAM was held" core_told
check "stop leaves nothing" nothing_left
"$cloister" stop a 2>"$tmp/err"
check "stop again is no error" exits 0 "$cloister" stop a
check "and says so" says "a: not running"
check "logs of no zone" exits 21 "$cloister" logs a 2>/dev/null

# Deaths.
fresh
run --name b "$tmp/img"
kill -9 "$(pid_of b qemu)"
check "a killed QEMU is noticed" eventually status_is ended
check "with a reason" reason_has "killed by signal 9"
check "the Core was told of it" core_told
check "its console can still be read" grep -q hello <("$cloister" logs b)
check "its name can be used again" exits 0 run --name b "$tmp/img"
check "and is live" status_is live
qemu_is stubborn
"$cloister" stop b 2>/dev/null
run --name b "$tmp/img"
check "a QEMU that does not quit is killed" exits 0 "$cloister" stop b
check "nothing of it is left" nothing_left

fresh
run --name c "$tmp/img"
kill -9 "$(pid_of c supervisor)"
eventually ended "$(pid_of c supervisor)"
check "without its supervisor a zone is orphaned" status_is orphaned
check "an orphan keeps its name" exits 17 run --name c "$tmp/img"
check "an orphan can be stopped" exits 0 "$cloister" stop c
check "the Core was told of the orphan" core_told
check "nothing of the orphan is left" nothing_left

fresh
run --name d "$tmp/img"
supervisor=$(pid_of d supervisor) qemu=$(pid_of d qemu)
kill -9 "$supervisor" "$qemu"
eventually ended "$supervisor"
eventually ended "$qemu"
check "both killed: ps sees that it ended" status_is ended
check "and tells the Core" test -s "$tmp/fake/log"
check "and stop removes the rest" exits 0 "$cloister" stop d
check "both killed: nothing left" nothing_left

# Ended by the Core.
fresh
run --name e "$tmp/img"
for zone in "$tmp"/fake/zone-*; do
	read -r instance measured _ <"$zone"
	echo "$instance $measured 2 page tampered with" >"$zone"
done
check "a zone that the Core killed takes its QEMU along" eventually ended "$(pid_of e qemu)"
check "it is seen as ended" eventually status_is ended
check "with the Core's reason" reason_has "page tampered with"
check "the Core need not be told" core_untold
"$cloister" stop e 2>/dev/null

# Interrupted and failed starts.
fresh
qemu_is stall
for signal in INT TERM HUP; do
	"$cloister" run --qemu "$fake_qemu" --name f "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
	launcher=$!
	eventually test -S "$tmp/run/f/qmp.sock"
	kill -$signal $launcher
	wait $launcher
	check "SIG$signal while starting: exit code" test $? -eq $((128 + $(kill -l $signal)))
	check "SIG$signal while starting: nothing left" nothing_left
done
"$cloister" run --qemu "$fake_qemu" --name f "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
launcher=$!
eventually test -S "$tmp/run/f/qmp.sock"
kill -9 $launcher
wait $launcher 2>/dev/null
check "a killed launcher leaves nothing" eventually nothing_left
check "a zone that does not come up" exits 18 run --timeout 1 --name f "$tmp/img"
check "says how long it waited" says "not up after 1 s"
check "and is cleaned up" nothing_left

fresh
qemu_is fail
check "a QEMU that fails" exits 18 run --name g "$tmp/img"
check "is quoted" says "told to fail"
check "and leaves nothing" nothing_left
fresh
core_is wrong
check "another digest is an error" exits 19 run --name g "$tmp/img"
check "another digest: the Core was told" core_told
check "another digest: nothing left" nothing_left

fresh
rounds=0
for delay in 0 0.005 0.01 0.02 0.03 0.05 0.08 0.12 0.2 0.3; do
	"$cloister" run --qemu "$fake_qemu" --name i "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
	launcher=$!
	sleep $delay
	kill -INT $launcher 2>/dev/null
	wait $launcher
	code=$?
	# Up before the signal came, or nothing at all.
	if [ $code -eq 0 ]; then
		"$cloister" stop i 2>/dev/null
	elif [ $code -ne 130 ]; then
		echo "# delay $delay: exit code $code"
		continue
	fi
	nothing_left && rounds=$((rounds + 1))
done
check "Ctrl-C at any moment leaves nothing" test $rounds -eq 10

# In the foreground.
fresh
"$cloister" run --foreground --qemu "$fake_qemu" --name h "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
launcher=$!
check "foreground shows the console" eventually grep -q 'hello' "$tmp/out"
kill -INT $launcher
wait $launcher
check "Ctrl-C in the foreground: exit code" test $? -eq 130
check "Ctrl-C in the foreground: the Core was told" core_told
check "Ctrl-C in the foreground: nothing left" nothing_left
fresh
"$cloister" run --foreground --qemu "$fake_qemu" --name h "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
launcher=$!
eventually grep -q '^h instance' "$tmp/out"
read -r instance measured _ <"$(echo "$tmp"/fake/zone-*)"
echo "$instance $measured 2 page tampered with" >"$(echo "$tmp"/fake/zone-*)"
wait $launcher
check "killed by the Core in the foreground: exit code" test $? -eq 20
check "killed by the Core in the foreground: reason" says "page tampered with"
check "killed by the Core in the foreground: nothing left" nothing_left

# Refused before anything is made.
fresh
core_is absent
check "no Core" exits 12 run "$tmp/img"
check "a plain guest needs none" exits 0 run --plain --name p "$tmp/img"
check "and is shown as plain" status_is plain
check "and can be stopped" exits 0 "$cloister" stop p
core_is old
check "a Core of another version" exits 12 run "$tmp/img"
fresh
touch "$tmp/fake/no-kvm"
check "no KVM" exits 11 run "$tmp/img"
fresh
check "no image" exits 13 run "$tmp/none"
check "a file for an image" exits 13 run "$tmp/img/zone.json"
check "too much memory" exits 14 run --memory 64G "$tmp/img"
check "impossible memory" exits 2 run --memory 65M "$tmp/img"
check "impossible window" exits 2 run --window 101% "$tmp/img"
check "impossible idle time" exits 2 run --idle 99 "$tmp/img"
check "no QEMU" exits 16 "$cloister" run --qemu "$tmp/none" "$tmp/img" 2>"$tmp/err"
check "no loader" exits 16 run --loader "$tmp/none" "$tmp/img"
check "a port given twice" exits 15 run --publish 18443:1 --publish 18443:2 "$tmp/img"
python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
import signal; signal.pause()' >"$tmp/port" &
victim=$!
eventually test -s "$tmp/port"
check "a busy port" exits 15 run --publish "127.0.0.1:$(cat "$tmp/port"):443" "$tmp/img"
check "names the port" says "port $(cat "$tmp/port") on 127.0.0.1"
check "a bad name" exits 2 run --name ../x "$tmp/img"
check "an unknown option" exits 2 run --frobnicate "$tmp/img"
check "no verb" exits 2 "$cloister" 2>"$tmp/err"
check "an unknown verb" exits 2 "$cloister" frobnicate 2>"$tmp/err"
check "nothing was made by all that" nothing_left

# Verification that cannot happen.
port=$(cat "$tmp/port")
kill "$victim"
wait "$victim" 2>/dev/null
victim=
check "verify: nobody there" exits 4 "$cloister" verify --timeout 1 --report-port "$port" 127.0.0.1 2>"$tmp/err"
check "verify: names the port" says "127.0.0.1 port $port: no report"
check "verify: bad digest" exits 2 "$cloister" verify --digest 12 127.0.0.1 2>"$tmp/err"
check "verify: bad key" exits 2 "$cloister" verify --core-key 12 127.0.0.1 2>"$tmp/err"
check "verify: bad image" exits 13 "$cloister" verify --image "$tmp/none" 127.0.0.1 2>"$tmp/err"
check "measure: bad image" exits 13 "$cloister" measure "$tmp/none" 2>"$tmp/err"

# What a start that was killed early leaves.
mkdir -p "$tmp/run/stale"
check "ps lives with a broken state" exits 0 "$cloister" ps >/dev/null 2>"$tmp/err"
check "and says so" says "remains of a start"
check "its name can be taken" exits 0 run --name stale "$tmp/img"
"$cloister" stop --all 2>/dev/null
check "stop --all leaves nothing" nothing_left
exit "$failed"
