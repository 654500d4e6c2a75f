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
