#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A zone's identity from end to end: the agent's program and cloister-issuer, with nothing played but
# the zone and its evidence (zone_played.c); who uses it are others' programs: OpenSSL, two gRPC
# clients, jwcrypto, nginx, PostgreSQL, curl. Lines "# figure …" are measured.
# Waits.
. tests/host/lib.bash
. tests/host/workload_parts/node.bash

[ "$(id -u)" = 0 ] || { echo "ok identity # SKIP needs root: users and mounts"; exit 0; }
for program in /usr/sbin/nginx /usr/lib/postgresql/*/bin/postgres psql curl protoc \
	/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1; do
	[ -e "$program" ] || command -v "$program" >/dev/null || {
		echo "ok identity # SKIP there is no $program"
		exit 0
	}
done
unshare -m true 2>"$tmp/err" || { echo "ok identity # SKIP no mounts: $(cat "$tmp/err")"; exit 0; }
chmod 755 "$tmp"
mkdir -m 755 "$tmp/zones"
modules=()
if has_node; then
	install_grpc_js
	modules=("$(realpath "$node_modules")")
else
	echo "ok identity: grpc-js # SKIP there is no npm"
fi
# Debian's Python, as its grpcio is.
PYTHONDONTWRITEBYTECODE=1 timeout -k 10 280 /usr/bin/python3 tests/host/identity_parts/run.py \
	"$tmp/zones" "${modules[@]}" 2>"$tmp/err" || failed=1
sed 's/^/# /' "$tmp/err"
exit $failed
