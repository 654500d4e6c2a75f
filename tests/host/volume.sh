#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Volumes without a Core: the PostgreSQL image as an ordinary guest, whose key is no secret, and a
# swtpm. All of the rest is as in a zone: the disk's checks, the counter, the relay, the order of
# things. Takes some minutes; needs the image (make image-postgres).
. tests/host/lib.bash

build=${BUILD:-build}
cloister=$PWD/$build/bin/cloister image=$build/images/postgres clients=$build/postgres/clients
[[ $build = /* ]] && cloister=$build/bin/cloister
export CLOISTER_RUN_DIR=$tmp/run
if [ ! -f "$image/zone.json" ] || ! command -v swtpm >/dev/null; then
	echo "ok volume # SKIP needs swtpm, and an image: make image-postgres"
	exit 0
fi
tpm=
end_all() {
	[ "$BASHPID" = "$$" ] || return
	"$cloister" stop --all >/dev/null 2>&1
	"$cloister" stop --all >/dev/null 2>&1
	[ -z "$tpm" ] || kill "$tpm" 2>/dev/null
	cleanup
}
trap end_all EXIT

start_tpm() {
	mkdir -p "$tmp/tpm"
	swtpm socket --tpm2 --tpmstate "dir=$tmp/tpm" --server "type=unixio,path=$tmp/tpm.sock" \
		--flags not-need-init,startup-clear >/dev/null 2>&1 &
	tpm=$!
	until [ -S "$tmp/tpm.sock" ]; do sleep 0.1; done
}
# A TPM of a guest that was killed has its sessions left: what /dev/tpmrm0 flushes.
restart_tpm() {
	kill "$tpm"
	wait "$tpm" 2>/dev/null
	start_tpm
}
start_tpm
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
truncate -s 128M "$tmp/disk"

# run DISK OPTION…: a guest called pg
run() {
	local disk=$1
	shift
	"$cloister" run --quiet --plain --accel tcg --no-jail --name pg --volume "data=$disk" \
		--tpm "$tmp/tpm.sock" --publish "127.0.0.1:$port:5432" "$@" "$image" >/dev/null 2>"$tmp/err"
}
# Wait until it is ready or has ended; its console is then in the file log.
settle() { settle_at 'cloister-zone: ready'; }
settle_at() {
	local ended
	for _ in $(seq 600); do
		ended=
		! "$cloister" inspect pg | grep -q '"status": "ended"' || ended=yes
		"$cloister" logs pg >"$tmp/log" 2>/dev/null
		! grep -q "$1" "$tmp/log" || return 0
		[ -z "$ended" ] || return 1
		sleep 0.5
	done
	return 1
}
up() { run "$@" && settle; }
# refused WORDS DISK OPTION…: it must not get as far as its workload
refused() {
	local words=$1
	shift
	run "$@" && ! settle && grep -q "$words" "$tmp/log" && ! grep -q 'TLS key' "$tmp/log"
	local rc=$?
	[ "$rc" -eq 0 ] || sed 's/^/# /' "$tmp/log"
	"$cloister" stop pg >/dev/null 2>&1
	return "$rc"
}
# It listens before it has replayed its log.
sql() {
	until try_sql "$1"; do
		grep -q 'the database system is' "$tmp/err" || return 1
		sleep 0.5
	done
}
try_sql() {
	psql -XAtq "host=127.0.0.1 port=$port user=postgres dbname=postgres sslmode=require \
sslcert=$clients/postgres.crt sslkey=$clients/postgres.key connect_timeout=60" -c "$1" 2>"$tmp/err"
}
rows() { [ "$(sql "select count(*) from t where v like 'canary-row-%'")" = "$1" ]; }
add() { sql "insert into t select 'canary-row-' || i from generate_series(1, $1) i"; }
not() { ! "$@"; }
says() { grep -q -e "$1" "$tmp/err"; }

"$cloister" run --quiet --plain --accel tcg --no-jail "$image" 2>"$tmp/err"
check "image without its volume: 23" test $? -eq 23
check "and what to do" says "--volume data=FILE"
run "$tmp/nothing"
check "no such file: 23" test $? -eq 23
check "and what to do" says "--volume-size"
mkdir "$tmp/small"
truncate -s 1M "$tmp/small/disk"
run "$tmp/small/disk"
check "too small a file: 23" test $? -eq 23
run "$tmp/disk" --tpm "$tmp/no-tpm"
check "no TPM: 23" test $? -eq 23

head -c 128M /dev/urandom >"$tmp/strange"
check "somebody's file is refused" refused "not empty, and not this image's" "$tmp/strange"
check "a new volume" up "$tmp/disk"
check "a table" sql "create table t (v text)"
check "rows" add 1000
check "with a password" test "$(sql "create role app login password 'app'; grant all on t to app" &&
	PGPASSWORD=app psql -XAtq "host=127.0.0.1 port=$port user=app dbname=postgres sslmode=require" \
		-c 'select count(*) from t')" = 1000
check "superuser without a certificate is refused" not psql -XAtq \
	"host=127.0.0.1 port=$port user=postgres dbname=postgres sslmode=require" -c 'select 1' 2>/dev/null
check "without TLS all are refused" not psql -XAtq \
	"host=127.0.0.1 port=$port user=postgres dbname=postgres sslmode=disable" -c 'select 1' 2>/dev/null
sql checkpoint
check "no row is readable in the file" not grep -aq canary-row- "$tmp/disk"
"$cloister" run --quiet --plain --accel tcg --no-jail --name twin --volume "data=$tmp/disk" \
	--tpm "$tmp/tpm.sock" "$image" 2>"$tmp/err"
check "two guests on one file: 23" test $? -eq 23
check "and what to do" says "in use; stop the zone"
cp --sparse=always "$tmp/disk" "$tmp/live"
"$cloister" stop pg >/dev/null 2>&1
cp --sparse=always "$tmp/disk" "$tmp/closed"
check "a copy of the session, after a clean stop, is refused" \
	refused "rolled back: the file is an older copy" "$tmp/live"
truncate -s 128M "$tmp/empty"
check "an empty file is refused" refused "rolled back: the file is empty" "$tmp/empty"

check "after a clean stop" up "$tmp/disk"
check "rows are there" rows 1000
check "more rows" add 500
kill -9 "$(field <("$cloister" inspect pg) 'j["qemu"]["pid"]')"
"$cloister" stop pg >/dev/null 2>&1
restart_tpm
check "after a SIGKILL" up "$tmp/disk"
check "rows are there" rows 1500
"$cloister" stop pg >/dev/null 2>&1
check "an older copy, closed, is refused" refused "rolled back: the file is an older copy" "$tmp/closed"

# Headers that open the device with less than it was made with. The host can make their checksums.
weaken() { # JSON's OLD and NEW of the same length
	cp --sparse=always "$tmp/disk" "$tmp/weak"
	python3 tests/host/luks_header.py "$tmp/weak" "$@"
}
weaken '"encryption":"aes-xts-random"' '"encryption":"cipher_null-ecb"'
check "a header with no cipher is refused" refused "names another cipher" "$tmp/weak"
weaken '"type":"hmac(sha256)"' '"type":"none"'
check "a header without integrity is refused" refused "not this image's volume" "$tmp/weak"
weaken '"encryption":"aes-xts-random"' '"encryption":"aes-xts-plain64"'
check "a header with another mode is refused" refused "names another cipher" "$tmp/weak"
weaken '"sector_size":4096' '"sector_size":512'
check "a header with other sectors is refused" refused "not this image's volume" "$tmp/weak"

cp --sparse=always "$tmp/disk" "$tmp/flipped"
head -c 100M /dev/urandom | dd of="$tmp/flipped" bs=1M seek=24 conv=notrunc iflag=fullblock status=none
check "a changed sector is an error, and not data" refused "AEAD ERROR" "$tmp/flipped"
check "the newest file still opens" up "$tmp/disk"
check "rows are there" rows 1500
"$cloister" stop pg >/dev/null 2>&1
rm -rf "$tmp/tpm"
restart_tpm
check "with another TPM it is refused" refused "the TPM has no counter" "$tmp/disk"

# The host has removed the counter: the zone makes a new volume in an empty file. What of it carries the
# generation, in the older file, must not make the old contents those of the new volume.
truncate -s 128M "$tmp/new"
check "an empty file and no counter" run "$tmp/new"
check "a new volume" settle_at 'volume data: open'
kill -9 "$(field <("$cloister" inspect pg) 'j["qemu"]["pid"]')"
"$cloister" stop pg >/dev/null 2>&1
restart_tpm
dd if="$tmp/new" of="$tmp/disk" bs=1M skip=64 seek=64 conv=notrunc,sparse status=none
check "its second half in the older file is refused" refused "generation was changed" "$tmp/disk"
check "it opens itself" up "$tmp/new"
exit "$failed"
