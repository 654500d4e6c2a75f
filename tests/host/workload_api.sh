#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The SPIFFE Workload API as others' clients see it: Debian's grpcio, npm's grpc-js, curl, and frames by
# hand. SPIFFE_WORKLOAD_PROTO names the standard's workloadapi.proto for the clients, if it is there.
. tests/host/lib.bash
. tests/host/workload_parts/node.bash

parts=tests/host/workload_parts
build=${BUILD:-build}
server=$build/tests/workload-api
python=/usr/bin/python3 # Debian's, as its grpcio is
chmod 755 "$tmp"

# tap NAME COMMAND…: its lines are cases of this test
tap() {
	local name=$1
	shift
	"$@" 2>"$tmp/err" || failed=1
	if [ -s "$tmp/err" ]; then
		echo "not ok $name: says something"
		sed 's/^/# /' "$tmp/err"
		failed=1
	fi
}
mkdir -m 755 "$tmp/calls" "$tmp/flood" "$tmp/node" "$tmp/dir" "$tmp/curl"
tap calls timeout 120 "$python" "$parts/calls.py" "$server" "$tmp/calls"
tap flood timeout 120 "$python" "$parts/flood.py" "$server" "$tmp/flood"

# start SOCKET: the server; its commands go to descriptor 4
start() {
	mkfifo "$1.in"
	"$server" "$1" <"$1.in" >"$1.out" 2>"$1.err" &
	victim=$!
	exec 4>"$1.in"
	for _ in $(seq 100); do
		[ -s "$1.out" ] || [ -s "$1.err" ] && break
		sleep 0.05
	done
}
stop() {
	exec 4>&-
	wait "$victim" 2>/dev/null
	victim=
}
snapshot() {
	cat <<JSON
{"domain": "spiffe://example.org", "crls": ["CRL"],
 "entries": [{"uid": $(id -u), "id": "spiffe://example.org/first", "hint": "h", "chain": "$1",
              "key": "key of first"}],
 "x509": {"spiffe://example.org": "CAs", "spiffe://other.example": "other CAs"},
 "jwt": {"spiffe://example.org": "{\"keys\":[]}"}}
JSON
}
snapshot chain >"$tmp/first.json"
snapshot 'new chain' >"$tmp/second.json"

grpc_js() {
	install_grpc_js
	start "$tmp/node/api.sock"
	echo "load $tmp/first.json" >&4
	NODE_PATH=$node_modules tap grpc-js timeout 60 node "$parts/calls.cjs" \
		"$tmp/node/api.sock" "${SPIFFE_WORKLOAD_PROTO:-$PWD/$parts/client.proto}" \
		"$tmp/node/api.sock.in" "$tmp/second.json"
	stop
}
if has_node; then
	grpc_js
else
	echo "ok grpc-js # SKIP there is no npm"
fi

# The socket itself.
says() { grep -qF -- "$1" "$tmp/err" || { echo "# $(cat "$tmp/err")"; return 1; }; }
refuses() { ! timeout 5 "$server" "$1" </dev/null >"$tmp/out" 2>"$tmp/err"; }
start "$tmp/dir/api.sock"
check "socket: everybody may connect" test "$(stat -c %a "$tmp/dir/api.sock")" = 666
check "socket: a second server is refused" refuses "$tmp/dir/api.sock"
check "socket: and says so" says "another server has the socket"
kill -9 "$victim"
stop
check "socket: a dead server's is there" test -S "$tmp/dir/api.sock"
rm "$tmp/dir/api.sock".*
start "$tmp/dir/api.sock"
check "socket: and replaced" grep -q ready "$tmp/dir/api.sock.out"
stop
check "socket: gone at the end" test ! -e "$tmp/dir/api.sock"
touch "$tmp/dir/file"
check "socket: a file stays" refuses "$tmp/dir/file"
check "socket: and is named" says "something else is in the socket's place"
mkdir -m 777 "$tmp/open"
check "socket: not in a directory that others may write" refuses "$tmp/open/api.sock"
check "socket: and says so, too" says "only root may write"
ln -s dir "$tmp/link"
check "socket: not through a link" refuses "$tmp/link/api.sock"
check "socket: an absolute path" refuses api.sock

# curl speaks HTTP/2 and no gRPC: each field left out or bad, one at a time.
start "$tmp/curl/api.sock"
echo "load $tmp/first.json" >&4
printf '\0\0\0\0\0' >"$tmp/empty"
printf '\1\0\0\0\0' >"$tmp/compressed"
url=http://localhost/SpiffeWorkloadAPI/FetchJWTSVID
# ask BODY CURL-ARGUMENT…: head and trailers in $tmp/answer
ask() {
	local body=$1
	shift
	timeout 10 curl -s --http2-prior-knowledge --unix-socket "$tmp/curl/api.sock" -D "$tmp/answer" \
		-o "$tmp/body" --data-binary "@$body" "$@"
	tr -d '\r' <"$tmp/answer" >"$tmp/head"
}
good=(-H 'content-type: application/grpc' -H 'te: trailers' -H 'workload.spiffe.io: true')
# answers STATUS GRPC-STATUS
answers() {
	grep -q "^HTTP/2 $1" "$tmp/head" && grep -qx "grpc-status: $2" "$tmp/head" && return
	sed 's/^/# /' "$tmp/head"
	return 1
}
has() { grep -qix -- "$1" "$tmp/head"; }
ask "$tmp/empty" "${good[@]}" "$url"
check "curl: a good call, but for its audience" answers 200 3
check "curl: content-type" has 'content-type: application/grpc'
check "curl: message" has 'grpc-message: there has to be an audience, at most 32, and none may be empty'
printf '\0\0\0\0\6\12\4fail' >"$tmp/fail"
ask "$tmp/fail" "${good[@]}" "$url"
check "curl: a message percent-encoded" has \
	'grpc-message: the CA is away: 100 %25 of it, gr%C3%B6%C3%9Ftenteils'
printf '\0\0\0\0\5\12\3aud' >"$tmp/aud"
ask "$tmp/aud" "${good[@]}" "$url"
check "curl: status in the trailers" answers 200 0
check "curl: the token in the body" grep -q 'token:spiffe://example.org/first:aud' "$tmp/body"
ask "$tmp/aud" -H 'content-type: application/grpc+proto' "${good[@]:2}" "$url"
check "curl: application/grpc+proto" answers 200 0
ask "$tmp/empty" -H 'content-type: application/json' "${good[@]:2}" "$url"
check "curl: another content-type" answers 415 13
ask "$tmp/empty" -H 'content-type: application/grpcx' "${good[@]:2}" "$url"
check "curl: one that only begins so" answers 415 13
ask "$tmp/empty" "${good[@]}" -X PUT "$url"
check "curl: PUT" answers 405 13
ask "$tmp/empty" "${good[@]:0:2}" "${good[@]:4}" "$url"
check "curl: no te" answers 400 13
ask "$tmp/empty" "${good[@]:0:4}" "$url"
check "curl: no metadata" answers 200 3
ask "$tmp/empty" "${good[@]}" "${url%/*}/Nothing"
check "curl: no such method" answers 200 12
ask "$tmp/empty" "${good[@]}" "http://localhost/spiffe.SpiffeWorkloadAPI/FetchJWTSVID"
check "curl: no such service" answers 200 12
ask "$tmp/compressed" "${good[@]}" "$url"
check "curl: compressed" answers 200 12
check "curl: what is not" has 'grpc-accept-encoding: identity'
ask "$tmp/empty" "${good[@]}" -H 'grpc-encoding: gzip' "$url"
check "curl: an encoding" answers 200 12
ask /dev/null "${good[@]}" "$url"
check "curl: no message" answers 200 12
ask "$tmp/empty" "${good[@]}" -H 'grpc-timeout: 1x' "$url"
check "curl: a bad timeout" answers 200 3
ask "$tmp/empty" "${good[@]}" -H 'grpc-timeout: 50m' "${url%/*}/FetchX509SVID"
check "curl: a timeout" test -s "$tmp/body"
check "curl: and its status" answers 200 4
stop
exit $failed
