#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The life of a zone's supervisor, with a QEMU and a Core that are played (tests/unit/cli_fake_*.c):
# whatever is killed, refused or interrupted, the Core is told before the zone's RAM goes, and no
# process, no file and no control group is left. QEMU's jail is real but for the limits of its
# control group; where no cgroup v2 can be mounted all runs without one.
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

jail=()
mkdir "$tmp/cgroup"
if mount -t cgroup2 cgroup "$tmp/cgroup" 2>/dev/null; then
	export CLOISTER_CGROUP=$tmp/cgroup/cloister-test-$$
else
	jail=(--no-jail)
fi

# Nothing of ours may outlive this script, whatever fails.
end_all() {
	[ "$BASHPID" = "$$" ] || return
	"$cloister" stop --all >/dev/null 2>&1
	[ ${#jail[@]} -gt 0 ] || rmdir "$CLOISTER_CGROUP" 2>/dev/null
	umount "$tmp/cgroup" 2>/dev/null
	cleanup
}
trap end_all EXIT

mkdir -p "$tmp/lib" "$tmp/fake"
make_image "$tmp/img"
: >"$tmp/lib/zone-loader.elf"

fresh() {
	rm -rf "$tmp/fake"
	mkdir -p "$tmp/fake"
	: >"$tmp/fake/announce"
	qemu_is good
}
core_is() { echo "$1" >"$tmp/fake/core"; }
# The name of the file that QEMU announces itself in is replaced by a descriptor's, as with any file.
qemu_is() {
	launch=("$cloister" run --qemu "$fake_qemu" --file "$tmp/fake/announce:rw"
		--qemu-arg "announce=$tmp/fake/announce" --qemu-arg "how=$1" "${jail[@]}")
}
run() { "${launch[@]}" "$@" >"$tmp/out" 2>"$tmp/err"; }

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
# No directory of a zone, no QEMU, supervisor or guardian of this test, no control group.
nothing_left() {
	local left
	left=$(find "$tmp/run" -mindepth 1 ! -name .lock 2>/dev/null
		[ ${#jail[@]} -gt 0 ] || find "$CLOISTER_CGROUP" -mindepth 1 -type d 2>/dev/null
		grep -o 'cloister-jail.*' /proc/mounts)
	[ -z "$left" ] || { echo "# left: $left"; return 1; }
	for p in /proc/[0-9]*/exe; do
		# A jailed program is shown relative to its own root.
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
check "inspect --core counts what was refused" is <("$cloister" inspect --core --json) "j['refused']" 42
check "inspect --core names the reasons, printable" is <("$cloister" inspect --core --json) \
	"'|'.join(j['log'])" "[warn] launch refused|[err] a?b"
check "inspect --core lists the zones" is <("$cloister" inspect --core --json) \
	"len(j['zones']) > 0 and all('refused' in z for z in j['zones'])" True
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

# Without a jail QEMU lives on.
fresh
run --no-jail --name c "$tmp/img"
check "no jail is warned of" says "--no-jail: a workload that breaks out"
check "and inspect shows it" is <("$cloister" inspect c) "j['jail']" None
kill -9 "$(pid_of c supervisor)"
eventually ended "$(pid_of c supervisor)"
check "without its supervisor a zone is orphaned" status_is orphaned
check "an orphan keeps its name" exits 17 run --name c "$tmp/img"
check "an orphan can be stopped" exits 0 "$cloister" stop c
check "the Core was told of the orphan" core_told
check "nothing of the orphan is left" nothing_left

# In a jail it does not.
if [ ${#jail[@]} -eq 0 ]; then
	fresh
	run --name c "$tmp/img"
	supervisor=$(pid_of c supervisor) qemu=$(pid_of c qemu) guardian=$(pid_of c guardian)
	check "inspect shows the jail" is <("$cloister" inspect c) "j['jail']['id'] >= 0x70000000" True
	check "an id that is in use has its control group" test -d "$CLOISTER_CGROUP/$(field "$tmp/run/c/state.json" "j['jail']['id']")"
	kill -9 "$supervisor"
	check "its QEMU dies with a supervisor" eventually ended "$qemu"
	check "the guardian cleans up and ends" eventually ended "$guardian"
	check "it told the Core while it held the RAM" core_told
	check "ps sees that it ended" status_is ended
	check "and why" reason_has "its supervisor was killed"
	check "its control group is gone" test -z "$(find "$CLOISTER_CGROUP" -mindepth 1 -type d)"
	check "its name is free" exits 0 run --name c "$tmp/img"
	"$cloister" stop c 2>/dev/null
	check "nothing of both is left" nothing_left

	fresh
	run --name c "$tmp/img"
	supervisor=$(pid_of c supervisor) qemu=$(pid_of c qemu) guardian=$(pid_of c guardian)
	kill -9 "$guardian" "$supervisor"
	check "without a guardian, too, QEMU dies" eventually ended "$qemu"
	check "what is left then goes with the next stop" exits 0 "$cloister" stop c 2>/dev/null
	check "and nothing is left" nothing_left

	fresh
	run --name c "$tmp/img"
	run --name c2 "$tmp/img"
	a=$(field "$tmp/run/c/state.json" "j['jail']['id']")
	b=$(field "$tmp/run/c2/state.json" "j['jail']['id']")
	check "two zones are two users" test "$a" != "$b"
	"$cloister" stop --all 2>/dev/null
	CLOISTER_JAIL_IDS=70001-70001 run --name c "$tmp/img"
	check "the range of ids is configured" is "$tmp/run/c/state.json" "j['jail']['id']" 70001
	export CLOISTER_JAIL_IDS=70001-70001
	check "a range that is used up" exits 22 run --name c2 "$tmp/img"
	check "is named" says "all user ids of CLOISTER_JAIL_IDS are in use"
	kill -9 "$(pid_of c guardian)" "$(pid_of c supervisor)"
	eventually ended "$(pid_of c qemu)"
	check "an id that was left behind is taken again" exits 0 run --name c2 "$tmp/img"
	check "for one zone" exits 22 run --name c3 "$tmp/img"
	"$cloister" stop --all 2>/dev/null
	for range in 70001 70002-70001 0-5 999-1002 70001- x-y "70001-70002 " 1000-4294967295; do
		CLOISTER_JAIL_IDS=$range run --name c "$tmp/img"
		check "a range that is none: $range" test $? -eq 22
	done
	unset CLOISTER_JAIL_IDS
	check "nothing of all these is left" nothing_left

	CLOISTER_CGROUP=$tmp/none/x run --name c "$tmp/img"
	check "no control groups" test $? -eq 22
	check "no control groups: what to do" says "give --no-jail"
	CLOISTER_CGROUP=$tmp/none run --name c "$tmp/img"
	check "a directory that is none" test $? -eq 22
	check "it was not made" test ! -e "$tmp/none"
	check "the program as it is wants controllers" test \( -e "$tmp/cgroup/pids.max" \) -o \
		"$("$bin/cloister" run --plain --accel tcg --qemu "$fake_qemu" "$tmp/img" 2>&1 |
			grep -c 'lacks the controllers')" = 1
	check "a QEMU that is a script" exits 16 run --qemu /usr/bin/ldd --name c "$tmp/img"
	check "a file that is not given" exits 2 run --qemu-arg "file=$tmp/img/vmlinuz" "$tmp/img"
	check "says how to give it" says "add --file $tmp/img/vmlinuz"
fi
check "a given file that is not there" exits 2 run --file "$tmp/none" "$tmp/img"
check "a given file that is none" exits 2 run --file "$tmp/img" "$tmp/img"
check "a given file with a comma" exits 2 run --file "/a,b" "$tmp/img"
check "a network that is none" exits 2 run --network bridge "$tmp/img"
check "a share of the CPU that is none" exits 2 run --cpu-weight 0 "$tmp/img"

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
	"${launch[@]}" --name f "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
	launcher=$!
	eventually test -S "$tmp/run/f/qmp.sock"
	kill -$signal $launcher
	wait $launcher
	check "SIG$signal while starting: exit code" test $? -eq $((128 + $(kill -l $signal)))
	check "SIG$signal while starting: nothing left" nothing_left
done
"${launch[@]}" --name f "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
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
	"${launch[@]}" --name i "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
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
# The zone is up and the signal has come before the launcher looks at either.
fresh
"${launch[@]}" --name i "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
launcher=$!
until [ -e "$tmp/run/i/state.json" ] || ! kill -0 $launcher; do :; done
check "Ctrl-C just when it is up: the launcher waits" kill -STOP $launcher
check "Ctrl-C just when it is up: it is up" eventually status_is live
kill -INT $launcher
kill -CONT $launcher
check "Ctrl-C just when it is up: the launcher ends" eventually ended $launcher
kill -KILL $launcher 2>/dev/null
wait $launcher
code=$?
check "Ctrl-C just when it is up: exit code" test $code -eq 0
check "Ctrl-C just when it is up: it stays" status_is live
"$cloister" stop i
check "Ctrl-C just when it is up: nothing left" nothing_left

# In the foreground.
fresh
"${launch[@]}" --foreground --name h "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
launcher=$!
check "foreground shows the console" eventually grep -q 'hello' "$tmp/out"
kill -INT $launcher
wait $launcher
check "Ctrl-C in the foreground: exit code" test $? -eq 130
check "Ctrl-C in the foreground: the Core was told" core_told
check "Ctrl-C in the foreground: nothing left" nothing_left
fresh
"${launch[@]}" --foreground --name h "$tmp/img" >"$tmp/out" 2>"$tmp/err" &
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
check "no QEMU" exits 16 run --qemu "$tmp/none" "$tmp/img"
check "no loader" exits 16 run --loader "$tmp/none" "$tmp/img"
check "a port given twice" exits 15 run --publish 18443:1 --publish 18443:2 "$tmp/img"
python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
import signal; signal.pause()' >"$tmp/port" &
victim=$!
eventually test -s "$tmp/port"
check "a busy port" exits 15 run --publish "127.0.0.1:$(cat "$tmp/port"):443" "$tmp/img"
check "names the port" says "port $(cat "$tmp/port") on 127.0.0.1"
reach() { exits 2 run --connect "$1" "$tmp/img" && says "$2"; }
check "nothing to connect to" reach 80 "ZONEPORT:HOST:PORT"
check "a name to connect to" reach 80:localhost:80 "ZONEPORT:HOST:PORT"
check "no port to connect to" reach 80:127.0.0.1:0 "ZONEPORT:HOST:PORT"
check "a way out given twice" exits 2 run --connect 80:192.0.2.1:80 --connect 80:192.0.2.2:80 \
	"$tmp/img"
check "names the zone's port" says "port 80 given twice"
many=()
for i in {1..17}; do many+=(--connect "$i:192.0.2.1:80"); done
check "too many ways out" exits 2 run "${many[@]}" "$tmp/img"
check "says how many there may be" says "at most 16"
check "a way out without a jail" exits 2 run --connect 80:192.0.2.1:80 --no-jail "$tmp/img"
check "says that it needs none" says "with --no-jail a zone connects by itself"
check "a way out beside the host's network" exits 2 run --network host \
	--connect 80:192.0.2.1:80 "$tmp/img"
check "says that it has one" says "--network host"
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
