#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program that plays a compromised QEMU, in QEMU's jail, and without it for control. What this
# machine's kernel has not got (control groups' limits, port I/O) is in tests/node/test_jail.py.
. tests/host/lib.bash

build=${BUILD:-build}
cloister=$PWD/$build/tests/cloister breakout=$PWD/$build/node/payload/usr/lib/cloister-tests/cl-breakout
[[ $build = /* ]] && cloister=$build/tests/cloister \
	breakout=$build/node/payload/usr/lib/cloister-tests/cl-breakout
export CLOISTER_RUN_DIR=$tmp/run CLOISTER_FAKE_DIR=$tmp CLOISTER_CGROUP=$tmp/cgroup/cloister-jail-$$
unset XDG_RUNTIME_DIR
mkdir "$tmp/cgroup"
if [ "$(id -u)" -ne 0 ] || ! mount -t cgroup2 cgroup "$tmp/cgroup" 2>/dev/null; then
	echo "ok jail # SKIP needs root and cgroup v2"
	exit 0
fi
end_all() {
	[ "$BASHPID" = "$$" ] || return
	"$cloister" stop --all >/dev/null 2>&1
	rmdir "$CLOISTER_CGROUP" 2>/dev/null
	umount "$tmp/cgroup"
	exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-
	cleanup
}
trap end_all EXIT

# The image is not looked at: what is in QEMU's place boots nothing.
mkdir "$tmp/img"
head -c 4096 /dev/zero >"$tmp/img/vmlinuz"
cp "$tmp/img/vmlinuz" "$tmp/img/initrd.img"
cat >"$tmp/img/zone.json" <<'JSON'
{"version": 1, "kernel": "vmlinuz", "initrd": "initrd.img", "cmdline": "x", "memory": "64M"}
JSON

mkfifo "$tmp/hold" "$tmp/port"
python3 tests/jail/service.py <"$tmp/hold" >"$tmp/port" &
exec 3>"$tmp/hold" 4<"$tmp/port"
read -r service <&4
free_ports() {
	python3 -c 'import socket
s = [socket.socket() for _ in range(2)]
[x.bind(("127.0.0.1", 0)) for x in s]
print(*[x.getsockname()[1] for x in s])'
}
install -m 4755 "$breakout" "$tmp/suid"
chmod 711 "$tmp"
sleep 600 &
victim=$! # lib.bash ends it

# try NAME OPTION…: what it got goes to the file NAME, what its user is told to NAME.said. It has a
# descriptor more than it should.
try() {
	local name=$1 published other code=15
	shift
	# Someone else on this machine may take a port between our looking and our using it.
	while [ $code -eq 15 ]; do
		read -r published other < <(free_ports)
		"$cloister" run --quiet --plain --accel tcg --name "$name" --qemu "$breakout" "$@" \
			--publish "127.0.0.1:$published:80" --qemu-arg "victim=$victim" \
			--qemu-arg "service=$service" --qemu-arg "published=$published" \
			--qemu-arg "other=$other" --qemu-arg "suid@$tmp/suid" "$tmp/img" \
			>"$tmp/out" 2>&1 9</etc/shadow
		code=$?
	done
	[ $code -eq 0 ] || sed 's/^/# /' "$tmp/out"
	cp "$tmp/run/$name/qemu.log" "$tmp/$name" 2>/dev/null
	mv "$tmp/out" "$tmp/$name.said"
	"$cloister" stop "$name" >"$tmp/out" 2>&1
}

try jail
try control --no-jail
check "the jailed program got to its end" grep -q '^breakout: done' "$tmp/jail"
check "the control got to its end" grep -q '^breakout: done' "$tmp/control"
while read -r _ name got _; do
	case $name in
	done | threads) continue ;;
	net-published) check "$name: designed" grep -q "^breakout: $name got" "$tmp/jail" && continue ;;
	esac
	if [ "$got" != got ]; then
		case $name in
		port-* | device-*) echo "ok $name # SKIP this machine does not let root do it" ;;
		*) check "$name: the control must succeed" false ;;
		esac
		continue
	fi
	check "$name is refused" grep -q "^breakout: $name no," "$tmp/jail"
done <"$tmp/control"
# QEMU chooses the words of this, and a terminal may show them.
check "a path that was refused is shown without control characters" \
	grep -qF 'QEMU may not listen on /tmp/?]0;breakout?;' "$tmp/jail.said"

# The host's network is a choice, and shown.
try host --network host
check "with the host's network it reaches the host's services" grep -q '^breakout: net-connect got' "$tmp/host"
check "and nothing else" test "$(grep -c ' got$' "$tmp/host")" -le 8
check "no other than sockets" test -z "$(grep ' got$' "$tmp/host" | grep -v ' net-')"

# What a zone may reach (--connect): a QEMU that was taken over reaches it as well, and no more.
outward=${cloister%/*}/outward
mkfifo "$tmp/echo-hold" "$tmp/echo-port"
python3 tests/jail/echo.py <"$tmp/echo-hold" >"$tmp/echo-port" &
exec 5>"$tmp/echo-hold" 6<"$tmp/echo-port"
read -r echo <&6
# Bound and no more: nobody else's, and nobody answers.
mkfifo "$tmp/dead-hold" "$tmp/dead-port"
python3 -c 'import socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
sys.stdin.read()' <"$tmp/dead-hold" >"$tmp/dead-port" &
exec 7>"$tmp/dead-hold" 8<"$tmp/dead-port"
read -r dead <&8
connect=(--connect "80:127.0.0.1:$echo" --connect "81:127.0.0.1:$dead")
start_outward() {
	local name=$1
	shift
	"$cloister" run --quiet --plain --accel tcg --name "$name" --qemu "$outward" "$@" \
		--qemu-arg "zone=${zone_port:-80}" --qemu-arg "dead=${zone_dead:-81}" \
		--qemu-arg "service=$echo" "$tmp/img" \
		>"$tmp/out" 2>&1 || { sed 's/^/# /' "$tmp/out"; return 1; }
}
# ask NAME WORD: and wait until it was done
ask() {
	python3 - "$tmp/run/$1/qmp.sock" "$2" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(120)
s.connect(sys.argv[1])
s.recv(4096)
s.sendall(b'{"execute": "%s"}' % sys.argv[2].encode())
assert b"return" in s.recv(4096)
PY
}
# got NAME ATTEMPT RESULT
got() {
	grep -qxF "outward: $2 $3" "$tmp/$1" && return
	grep "^outward: $2 " "$tmp/$1" | sed 's/^/# /'
	return 1
}
pid_of() { field "$tmp/run/$1/state.json" "j['supervisor']['pid']"; }
descriptors() { find "/proc/$1/fd" -mindepth 1 | wc -l; }
turns=(turn-connect turn-disconnect turn-reconnect)

check "a zone with something to reach starts" start_outward out "${connect[@]}"
before=$(descriptors "$(pid_of out)")
check "and tries" ask out go
check "the supervisor has kept no descriptor" test "$(descriptors "$(pid_of out)")" -eq "$before"
"$cloister" inspect out >"$tmp/inspect"
check "inspect shows what it reaches" is "$tmp/inspect" "j['connect']" \
	"[{'zone_port': 80, 'address': '127.0.0.1', 'port': $echo}, {'zone_port': 81, 'address': '127.0.0.1', 'port': $dead}]"
check "and that it is live" is "$tmp/inspect" "j['status']" plain
cp "$tmp/run/out/qemu.log" "$tmp/out-said"
check "what it may reach answers" got out-said allowed ok
check "whatever socket it asks with" got out-said allowed-datagram ok
check "where nobody listens it is refused" got out-said refused "Connection refused"
for name in direct other-address outside abstract "${turns[@]}"; do
	check "$name: not allowed" got out-said "$name" "Permission denied"
done
for name in turn-fast-open turn-listen late-bind late-listen late-exec; do
	check "$name: no such call" got out-said "$name" "Function not implemented"
done
check "datagram: into an empty network" got out-said datagram "Network is unreachable"
check "200 connections in turn" got out-said in-turn ok
check "50 connections at once" got out-said at-once ok
check "and one after all that" got out-said allowed-still ok
check "what was refused is told" grep -q 'QEMU may not connect to 192.0.2.1 port 80; see --connect' \
	"$tmp/out-said"

# A QEMU that asks without end keeps its supervisor from nothing.
check "a flood of connections begins" ask out flood
sleep 3
check "it is told of a few times" test "$(grep -c 'may not connect' "$tmp/run/out/qemu.log")" -eq 16
check "the supervisor goes on" is <("$cloister" inspect out) "j['status']" plain
supervisor=$(pid_of out)
begin=$(date +%s)
check "it stops as ever" timeout 60 "$cloister" stop out
check "and soon" test $(($(date +%s) - begin)) -lt 30
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*Z' "/proc/$1/status"; }
for _ in $(seq 100); do
	gone "$supervisor" && break
	sleep 0.1
done
check "its supervisor has ended" gone "$supervisor"

# As before without --connect, and with nothing between.
start_outward none && ask none go
cp "$tmp/run/none/qemu.log" "$tmp/none-said"
"$cloister" inspect none >"$tmp/inspect"
check "inspect shows that it reaches nothing" is "$tmp/inspect" "j['connect']" "[]"
for name in allowed refused direct other-address outside abstract "${turns[@]}" late-bind late-listen \
	late-exec; do
	check "$name: not without --connect" got none-said "$name" "Function not implemented"
done
check "nothing is told of that" test "$(grep -c 'may not' "$tmp/none-said")" -eq 0
"$cloister" stop none
zone_port=$echo zone_dead=$dead start_outward free --no-jail && ask free go
cp "$tmp/run/free/qemu.log" "$tmp/free-said"
for name in direct abstract datagram turn-disconnect late-bind late-listen; do
	check "$name: the control succeeds" got free-said "$name" ok
done
check "late-exec: the control is let to look for it" got free-said late-exec "No such file or directory"
"$cloister" stop free
exit "$failed"
