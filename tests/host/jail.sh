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
	exec 3>&- 4>&-
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
exit "$failed"
