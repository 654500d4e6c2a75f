#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cloister-issuer: its directory, what it refuses, zones with forged evidence and what a reload
# changes for them, the bundle endpoint as curl and openssl see it, and federation with issuers and
# with endpoints that lie.
# Waits.
. tests/host/lib.bash

build=$(realpath "${BUILD:-build}")
issuer=$build/bin/cloister-issuer
spiffe=$build/tests/spiffe
# Debian's own: another Python has not its packages.
parts=(/usr/bin/python3 tests/host/issuer_parts.py)
children=()
end_all() {
	[ "$BASHPID" = "$$" ] || return
	for p in "${children[@]}"; do kill "$p" 2>/dev/null; done
	wait
	cleanup
}
trap end_all EXIT

# exits CODE TEXT ARGUMENT…: how the program ends, with this in what it says
exits() {
	local want=$1 text=$2 code
	shift 2
	timeout 20 "$issuer" "$@" >"$tmp/out" 2>"$tmp/err"
	code=$?
	[ "$code" -eq "$want" ] && grep -qF -- "$text" "$tmp/out" "$tmp/err" && return
	echo "# exit $code, not $want with \"$text\": $(cat "$tmp/out" "$tmp/err")"
	return 1
}
usage() { exits 2 "$@"; }
# logged NAME TEXT [COUNT]: within some seconds
logged() {
	local count=${3:-1}
	for _ in $(seq 150); do
		[ "$(grep -cF -- "$2" "$tmp/$1.log")" -ge "$count" ] && return
		sleep 0.1
	done
	echo "# no \"$2\" in: $(cat "$tmp/$1.log")"
	return 1
}
hasnt() { ! grep -qF -- "$1" "$2"; }
mode() { [ "$(stat -c %a "$2")" = "$1" ] || { echo "# $2: $(stat -c %a "$2")"; return 1; }; }
# serve NAME DIRECTORY OPTION…: in the background, its PID in ${pid[NAME]}, its log in NAME.log
declare -A pid
serve() {
	local name=$1 dir=$2
	shift 2
	: >"$tmp/$name.log"
	"$issuer" serve "$tmp/$dir" --policy "$tmp/$dir.json" --verifier-policy "$tmp/verifier.json" \
		--listen 127.0.0.1:0 "$@" 2>"$tmp/$name.log" &
	pid[$name]=$!
	children+=("$!")
	logged "$name" "serving zones"
}
# stop NAME [SIGNAL]: does it end in good order?
stop() {
	kill "-${2:-TERM}" "${pid[$1]}"
	wait "${pid[$1]}" && grep -q 'cloister-issuer: ended$' "$tmp/$1.log"
}
# bundle_port NAME: of its bundle endpoint
bundle_port() { sed -n 's/.*serving the bundle on .* port \([0-9]*\),.*/\1/p' "$tmp/$1.log"; }
digest() { printf "%096d" "$1"; }
# policy NAME [MEMBERS]: of the trust domain NAME.example
policy() {
	printf '{"version": 1, "trust_domain": "%s.example"%s}\n' "$1" "${2-, \"zones\": []}" \
		>"$tmp/$1.json"
}
echo '{"version": 1}' >"$tmp/verifier.json"

# ---- words
check "no verb" usage "no verb given"
check "unknown verb" usage "no such verb" sing
check "help" exits 0 "make a directory with a trust domain's keys" help
check "version" exits 0 "cloister-issuer $(cat VERSION)" version
for verb in init serve show bundle; do
	check "$verb: help" exits 0 "usage: cloister-issuer $verb DIR" $verb --help
	check "help $verb" exits 0 "usage: cloister-issuer $verb DIR" help $verb
	check "$verb: no directory" usage "$verb: wrong arguments" $verb
	check "$verb: two directories" usage "$verb: wrong arguments" $verb a b
	check "$verb: unknown option" usage "$verb: wrong arguments" $verb a --nope
done
check "full standard output" bash -c '! "$0" help >/dev/full 2>/dev/null' "$issuer"

# ---- init
a=$tmp/a
check "init: no trust domain" usage "init: wrong arguments" init "$a"
check "init: no name" usage "--trust-domain Bad" init "$a" --trust-domain Bad
check "init: short life" usage "--life 359" init "$a" --trust-domain a.example --life 359
check "init: no number" usage "--life week" init "$a" --trust-domain a.example --life week
check "init has made nothing so far" [ ! -e "$a" ]
check "init" exits 0 "new keys of the trust domain a.example" init "$a" --trust-domain a.example
pin=$(head -n 1 "$tmp/out")
check "it prints the channel key's hash" [ "$pin" = "$(openssl pkey -in "$a/channel.key" -pubout \
	-outform DER | sha256sum | cut -d' ' -f1)" ]
check "the directory is the owner's" mode 700 "$a"
check "the channel key is, too" mode 600 "$a/channel.key"
check "and the signing keys" mode 600 "$a/keys.json"
check "init: not twice" exits 1 "not empty" init "$a" --trust-domain a.example
check "it has the same key" exits 0 "$pin" show "$a"
mkdir -m 700 "$tmp/nothing"
mkdir "$tmp/empty" "$tmp/full" && touch "$tmp/full/x" && chmod 755 "$tmp/empty"
check "init: somebody's directory" exits 1 "not empty" init "$tmp/full" --trust-domain a.example
check "it is left alone" [ "$(ls -A "$tmp/full")" = x ]
check "init: an empty one" exits 0 "new keys" init "$tmp/empty" --trust-domain a.example
check "it is closed to others now" mode 700 "$tmp/empty"
check "init: a file" exits 1 "Not a directory" init "$tmp/full/x" --trust-domain a.example

# ---- show, bundle
check "show: JSON" exits 0 '"trust_domain": "a.example"' show "$a" --json
cp "$tmp/out" "$tmp/show.json"
check "its pin" is "$tmp/show.json" 'j["channel_key"]' "$pin"
check "its keys" is "$tmp/show.json" '[k["kind"] + " " + k["state"] for k in j["keys"]]' \
	"['x509 signs', 'jwt signs']"
check "bundle" exits 0 '"spiffe_sequence"' bundle "$a"
cp "$tmp/out" "$tmp/a.bundle"
check "nothing else is printed" [ ! -s "$tmp/err" ]
check "our library reads it" [ "$("$spiffe" counts a.example "$tmp/a.bundle")" = "1 1 1" ]
field "$tmp/show.json" '"\n".join(k["kind"] + " " + k["thumbprint"] for k in j["keys"])' >"$tmp/thumbs"
check "jwcrypto reads it, and its keys are those" \
	diff <(sort "$tmp/thumbs") <("${parts[@]}" jwks "$tmp/a.bundle" | sort)
check "it has no private key" hasnt '"d"' "$tmp/a.bundle"
check "show: no directory" exits 1 "No such file" show "$tmp/none"
check "show: no keys" exits 1 "there are no keys" show "$tmp/nothing"
chmod 750 "$a"
for verb in show bundle; do check "$verb: open to others" exits 1 "open to others" $verb "$a"; done
chmod 700 "$a"
cp -a "$a" "$tmp/bad"
rm "$tmp/bad/channel.key"
check "show: no channel key" exits 1 "there are no keys" show "$tmp/bad"
echo x >"$tmp/bad/channel.key"
check "show: damaged channel key" exits 1 "no private key" show "$tmp/bad"
cp "$a/channel.key" "$tmp/bad" && echo '{' >"$tmp/bad/keys.json"
check "show: damaged keys" exits 1 "damaged" show "$tmp/bad"
check "they are left as they are" [ "$(cat "$tmp/bad/keys.json")" = '{' ]

# ---- serve: what it refuses
policy a
good=(serve "$a" --policy "$tmp/a.json" --verifier-policy "$tmp/verifier.json" --listen 127.0.0.1:0)
check "serve: no policies" usage "--policy and --verifier-policy are needed" serve "$a"
check "serve: no policy" usage "are needed" serve "$a" --verifier-policy "$tmp/verifier.json"
check "serve: listen" usage "ADDRESS:PORT expected" "${good[@]}" --listen ::::
check "serve: least" usage "affirming or warning" "${good[@]}" --least contraindicated
check "serve: life" usage "--life 1" "${good[@]}" --life 1
for bad in "--bundle-listen 127.0.0.1:0" "--bundle-listen 127.0.0.1:0 --bundle-cert x" \
	"--bundle-listen 127.0.0.1:0 --bundle-key x" \
	"--bundle-listen 127.0.0.1:0 --bundle-cert x --bundle-key x --bundle-spiffe x" \
	"--bundle-spiffe spiffe://a.example/x" "--bundle-cert x --bundle-key x"; do
	# shellcheck disable=SC2086
	check "serve: $bad" usage "--bundle-listen" "${good[@]}" $bad
done
for id in spiffe://b.example/x spiffe://a.example x; do
	check "serve: as $id" usage "--bundle-spiffe $id" "${good[@]}" --bundle-listen 127.0.0.1:0 \
		--bundle-spiffe "$id"
done
web=b.example=https_web:https://localhost/
for bad in "" b.example "$web,"  "B=https_web:https://localhost/" "b.example=https:https://localhost/" \
	"b.example=https_web:http://localhost/" "b.example=https_web:https://u@localhost/" \
	"b.example=https_web:https://u:p@localhost/" "b.example=https_web:https:///x" \
	"b.example=https_web:https://localhost:0/" "b.example=https_web:https://localhost:65536/" \
	"b.example=https_web:https://[::1/" "b.example=https_web:https://localhost/#x" \
	"b.example=https_web:https://localhost/a b" "b.example=https_web:https://a:b:1/" \
	"b.example=https_spiffe:https://localhost/" \
	"b.example=https_spiffe:https://localhost/,spiffe://b.example/x" \
	"b.example=https_spiffe:https://localhost/,spiffe://b.example,$tmp/a.bundle" \
	"b.example=https_spiffe:https://localhost/,spiffe://B/x,$tmp/a.bundle"; do
	check "serve: federate '${bad/$tmp\//}'" usage "--federate" "${good[@]}" --federate "$bad"
done
check "serve: federate twice" usage "is there twice" "${good[@]}" --federate "$web" --federate "$web"
check "serve: federate with itself" usage "itself" "${good[@]}" --federate "${web/b./a.}"
check "serve: federate, no bundle" exits 1 "No such file" "${good[@]}" --federate \
	"b.example=https_spiffe:https://localhost/,spiffe://b.example/x,$tmp/none"
check "serve: no directory" exits 1 "No such file" serve "$tmp/none" "${good[@]:2}"
check "serve: damaged keys" exits 1 "damaged" serve "$tmp/bad" "${good[@]:2}"
check "serve: no policy file" exits 1 "No such file" "${good[@]}" --policy "$tmp/none"
check "serve: no verifier's policy" exits 1 "none: " "${good[@]}" --verifier-policy "$tmp/none"
check "serve: the two exchanged" exits 1 "a.json" "${good[@]}" --verifier-policy "$tmp/a.json"
policy b
check "serve: another trust domain's policy" exits 1 "the keys are those of a.example" "${good[@]}" \
	--policy "$tmp/b.json"
check "serve: life too short for the policy" exits 1 "needs signing keys that live 21600" \
	"${good[@]}" --life 21599
chmod 710 "$a"
check "serve: open to others" exits 1 "open to others" "${good[@]}"
chmod 700 "$a"
python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True)
import time; time.sleep(900)' >"$tmp/port" &
children+=("$!")
for _ in $(seq 50); do [ -s "$tmp/port" ] && break; sleep 0.1; done
check "serve: port taken" exits 15 "free port" "${good[@]}" --listen "127.0.0.1:$(cat "$tmp/port")"
check "serve: no address of ours" exits 1 "--listen 192.0.2.1" "${good[@]}" --listen 192.0.2.1:0

# ---- serve: lock, reload, keys
check "serve" serve a a
check "it says what" logged a "trust domain a.example: serving zones on 127.0.0.1 port"
check "it holds the directory" exits 1 "another process serves it" "${good[@]}"
check "show does not need it" exits 0 "$pin" show "$a"
check "nor does bundle" exits 0 '"keys"' bundle "$a"
printf secret >"$tmp/token"
policy a ", \"zones\": [{\"digest\": \"$(digest 1)\", \"identities\": [{\"id\":
	\"spiffe://a.example/web\", \"hint\": \"web\", \"users\": [\"www-data\"], \"dns\":
	[\"web.a.example\"]}], \"files\": [{\"name\": \"token\", \"from\": \"token\"}]}]"
cp "$tmp/a.json" "$tmp/a.good"
kill -HUP "${pid[a]}"
check "reload" logged a "policies read: 1 launch digests have grants"
n=0
for bad in '{' ', "zones": [], "more": 1' ", \"zones\": [{\"digest\": \"x\", \"identities\": []}]" \
	', "x509_ttl": 2592000, "zones": []' ', "x509_ttl": 59, "zones": []' \
	", \"zones\": [{\"digest\": \"$(digest 1)\", \"identities\": [], \"files\": [{\"name\": \"x\", \"from\": \"none\"}]}]"; do
	policy a "$bad"
	kill -HUP "${pid[a]}"
	n=$((n + 1))
	check "reload: bad policy $n is not taken" logged a "the old policies stay" $n
done
policy b
cp "$tmp/b.json" "$tmp/a.json" && kill -HUP "${pid[a]}"
check "reload: nor another trust domain's" logged a "the old policies stay" $((n + 1))
cp "$tmp/a.good" "$tmp/a.json"
echo '{"version": 2}' >"$tmp/verifier.json" && kill -HUP "${pid[a]}"
check "reload: nor a bad verifier's policy" logged a "the old policies stay" $((n + 2))
echo '{"version": 1}' >"$tmp/verifier.json" && kill -HUP "${pid[a]}"
check "reload: good ones are taken again" logged a "policies read: 1 launch" 2
check "one line each" [ "$(grep -vc '^cloister-issuer: ' "$tmp/a.log")" -eq 0 ]
check "SIGTERM ends it in good order" stop a
serve a a
check "the lock is free then" [ "$(grep -c "serving zones" "$tmp/a.log")" -eq 1 ]
check "SIGINT does, too" stop a INT
serve a a
{ kill -9 "${pid[a]}" && wait "${pid[a]}"; } 2>/dev/null
check "SIGKILL leaves no lock" serve a a
stop a >/dev/null
"${parts[@]}" older "$a/keys.json" 302401
check "old keys" serve a a
check "they get successors" exits 0 '"sequence": 2' show "$a" --json
check "which do not sign yet" is "$tmp/out" \
	'[k["kind"] + " " + k["state"] for k in j["keys"]]' \
	"['x509 signs', 'x509 next', 'jwt signs', 'jwt next']"
check "but are in the bundle" [ "$("$issuer" bundle "$a" | "$spiffe" counts a.example /dev/stdin)" = "2 2 2" ]
stop a >/dev/null
cp -a "$a" "$tmp/late"
"${parts[@]}" older "$tmp/late/keys.json" 700000
check "keys that are over are in none" exits 0 "all keys are over" bundle "$tmp/late"

# ---- the policy's schema
check "the schema takes what the program takes" \
	[ "$("${parts[@]}" policy share/schema/issuer-policy.schema.json "$tmp/a.good")" = good ]
n=0
for bad in ', "zones": [], "more": 1' '' ', "x509_ttl": 59, "zones": []' \
	', "zones": [{"digest": "x", "identities": []}]' \
	", \"zones\": [{\"digest\": \"$(digest 1)\", \"identities\": [{\"id\": \"spiffe://a.example\"}]}]" \
	", \"zones\": [{\"digest\": \"$(digest 1)\", \"identities\": [], \"files\": [{\"name\": \"../x\", \"from\": \"x\"}]}]"; do
	policy a "$bad"
	n=$((n + 1))
	check "the program refuses bad policy $n" exits 1 "a.json" "${good[@]}"
	check "and so does the schema" \
		[ "$("${parts[@]}" policy share/schema/issuer-policy.schema.json "$tmp/a.json")" = bad ]
done
cp "$tmp/a.good" "$tmp/a.json"

# ---- the bundle endpoint
# cert NAME SAN: by the CA "web"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/web.key" \
	-out "$tmp/web.pem" -subj "/CN=A public CA" -days 2 2>/dev/null
cert() {
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/$1.key" \
		-subj / -out "$tmp/$1.csr" 2>/dev/null
	openssl x509 -req -in "$tmp/$1.csr" -CA "$tmp/web.pem" -CAkey "$tmp/web.key" -CAcreateserial \
		-days 1 -extfile <(echo "subjectAltName=$2") -out "$tmp/$1.pem" 2>/dev/null
}
cert local DNS:localhost
cert local2 DNS:localhost
cert address IP:127.0.0.1
b=$tmp/b
"$issuer" init "$b" --trust-domain b.example >/dev/null 2>&1
endpoint=(--bundle-listen 127.0.0.1:0)
by_files=("${endpoint[@]}" --bundle-cert "$tmp/server.pem" --bundle-key "$tmp/server.key")
cp "$tmp/local.pem" "$tmp/server.pem" && cp "$tmp/address.key" "$tmp/server.key"
check "endpoint: another's key" exits 1 "belongs to the certificate" serve "$b" --policy "$tmp/b.json" \
	"${good[@]:4}" "${by_files[@]}"
openssl pkey -in "$tmp/local.key" -aes256 -passout pass:x -out "$tmp/server.key"
check "endpoint: an encrypted key" exits 1 "no private key" serve "$b" --policy "$tmp/b.json" \
	"${good[@]:4}" "${by_files[@]}"
cp "$tmp/local.key" "$tmp/server.key"
check "endpoint: port taken" exits 15 "--bundle-listen" serve "$b" --policy "$tmp/b.json" \
	"${good[@]:4}" "${by_files[@]}" --bundle-listen "127.0.0.1:$(cat "$tmp/port")"
check "https_web" serve b b "${by_files[@]}"
b_port=$(bundle_port b)
b_url=https://localhost:$b_port/bundle.json
get() { curl -s --max-time 25 --cacert "$tmp/web.pem" "$@"; }
# status CODE ARGUMENT…: what curl is answered
status() {
	local want=$1 got
	shift
	got=$(get -o "$tmp/body" -w '%{http_code}' "$@")
	[ "$got" = "$want" ] || { echo "# $got, not $want"; return 1; }
}
"$issuer" bundle "$b" >"$tmp/b.bundle"
check "curl gets the bundle" status 200 "$b_url"
check "it is that of \`bundle\`" diff "$tmp/body" <(tr -d '\n' <"$tmp/b.bundle")
check "its type" [ "$(get -o /dev/null -w '%{content_type}' "$b_url")" = application/json ]
check "a query does no harm" status 200 "$b_url?x=y"
check "there is nothing else" status 404 "https://localhost:$b_port/"
check "also not with a slash more" status 404 "$b_url/"
check "POST" status 405 -d x "$b_url"
check "a long POST" status 405 --data-binary "@$issuer" "$b_url"
check "DELETE" status 405 -X DELETE "$b_url"
check "the answer names the method" grep -q '^Allow: GET' <(get -i -X PUT "$b_url")
check "a head without end" [ "$(get -o /dev/null -w '%{http_code}' -H "X: $(printf '%09000d' 0)" "$b_url")" = 000 ]
# said TEXT: what it answers to this
said() { (printf '%b' "$1"; sleep 1) | openssl s_client -quiet -connect "127.0.0.1:$b_port" 2>/dev/null | head -n 1; }
check "no HTTP" [ "$(said 'hello\r\n\r\n' | tr -d '\r')" = "HTTP/1.1 400 Bad Request" ]
check "HTTP/2" [ "$(said 'PRI * HTTP/2.0\r\n\r\n' | tr -d '\r')" = "HTTP/1.1 400 Bad Request" ]
check "HTTP/1.0" [ "$(said 'GET /bundle.json HTTP/1.0\r\n\r\n' | tr -d '\r')" = "HTTP/1.1 200 OK" ]
check "HTTP without TLS" [ "$(curl -s --max-time 15 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$b_port/bundle.json")" = 000 ]
# tls OPTION…: does a handshake come about?
tls() { openssl s_client -connect "127.0.0.1:$b_port" "$@" </dev/null 2>&1 | grep -q 'Cipher is [TE]'; }
check "TLS 1.3" tls -tls1_3
check "TLS 1.2" tls -tls1_2
not() { ! "$@"; }
check "not TLS 1.1" not tls -tls1_1 -cipher DEFAULT@SECLEVEL=0
check "not CBC" not tls -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256
served() { openssl s_client -connect "127.0.0.1:$1" </dev/null 2>/dev/null | openssl x509 -noout "${@:2}"; }
cp "$tmp/local2.pem" "$tmp/server.pem" && kill -HUP "${pid[b]}"
check "reload: a certificate without its key is not taken" logged b "the old certificate stays"
check "and the old one is served" [ "$(served "$b_port" -serial)" = "$(openssl x509 -in "$tmp/local.pem" -noout -serial)" ]
cp "$tmp/local2.key" "$tmp/server.key" && kill -HUP "${pid[b]}"
check "reload: with its key it is" logged b "policies read" 2
sleep 0.3
check "and served" [ "$(served "$b_port" -serial)" = "$(openssl x509 -in "$tmp/local2.pem" -noout -serial)" ]

a_id=spiffe://a.example/bundle-endpoint
check "https_spiffe" serve a a "${endpoint[@]}" --bundle-spiffe $a_id
a_port=$(bundle_port a)
"$issuer" bundle "$a" >"$tmp/a.bundle"
openssl s_client -connect "127.0.0.1:$a_port" -showcerts </dev/null 2>/dev/null |
	openssl x509 -out "$tmp/svid.pem"
"${parts[@]}" x5c "$tmp/a.bundle" >"$tmp/a.pem"
openssl x509 -in "$tmp/svid.pem" -outform DER -out "$tmp/svid.der"
check "it is an X509-SVID" [ "$("$spiffe" x509 a.example "$tmp/a.bundle" "$tmp/svid.der" "$(date +%s)")" = $a_id ]
check "openssl takes it by the bundle" openssl verify -x509_strict -purpose sslserver -CAfile \
	"$tmp/a.pem" "$tmp/svid.pem" >/dev/null
check "not by another's" not openssl verify -CAfile "$tmp/web.pem" "$tmp/svid.pem" 2>/dev/null >&2
check "it lives for a day" openssl x509 -in "$tmp/svid.pem" -noout -checkend 86000 >/dev/null
check "and no longer" not openssl x509 -in "$tmp/svid.pem" -noout -checkend 86500 >/dev/null
check "curl gets the bundle with it" diff <(curl -s --insecure "https://127.0.0.1:$a_port/bundle.json") \
	<(tr -d '\n' <"$tmp/a.bundle")

# ---- federation
c=$tmp/c
"$issuer" init "$c" --trust-domain c.example >/dev/null 2>&1
policy c
a_url=https://127.0.0.1:$a_port/bundle.json
from_a=a.example=https_spiffe:$a_url,$a_id,$tmp/a.bundle
from_b=b.example=https_web:$b_url,$tmp/web.pem
check "federate" serve c c --federate "$from_a" --federate "$from_b"
check "https_spiffe: the bundle's endpoint answers" logged c "a.example: the endpoint answers"
check "https_web: a bundle" logged c "b.example: a new bundle, sequence number 1: 1 X.509 and 1 JWT"
check "it is kept" is "$c/foreign.json" 'sorted(j["trust_domains"])' "['a.example', 'b.example']"
check "whole" diff <(field "$c/foreign.json" 'j["trust_domains"]["b.example"]') <(field "$tmp/b.bundle" j)
check "for the owner" mode 600 "$c/foreign.json"
stop a >/dev/null
"${parts[@]}" older "$a/keys.json" 302401
check "keys change at the endpoint" serve a a --bundle-listen "127.0.0.1:$a_port" --bundle-spiffe $a_id
sequence=$("$issuer" show "$a" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["sequence"])')
kill -HUP "${pid[c]}"
check "SIGHUP fetches the new bundle" logged c "a.example: a new bundle, sequence number $sequence"
stop a >/dev/null
kill -HUP "${pid[c]}"
check "an endpoint that is gone" logged c "a.example: cannot connect"
check "is asked again soon" grep -q 'a.example.*trying again in [56] seconds' "$tmp/c.log"
check "what is known stays" is "$c/foreign.json" 'len(j["trust_domains"]["a.example"]["keys"])' 4
check "it ends in good order" stop c
check "federate, with nobody there" serve c c --federate "$from_a"
check "it begins with what it knew" logged c "a.example: begins with the bundle in foreign.json, sequence number $sequence"
check "and asks" logged c "a.example: cannot connect"
stop c >/dev/null
sed -i "s/\"spiffe_sequence\": *[0-9]*/\"spiffe_sequence\":99/" "$tmp/a.bundle"
check "a newer bundle by hand" serve c c --federate "$from_a"
check "is taken" logged c "a.example: begins with the bundle in $tmp/a.bundle, sequence number 99"
stop c >/dev/null
echo '[' >"$c/foreign.json"
check "a damaged file" exits 1 "foreign.json: this is no SPIFFE Bundle Map" serve "$c" --policy \
	"$tmp/c.json" "${good[@]:4}" --federate "$from_a"
rm "$c/foreign.json"
"$issuer" bundle "$a" >"$tmp/a.bundle"

# ---- zones
mkdir "$tmp/zone"
coproc ZONE { "$build/tests/issuer-zone" "$tmp/zone"; }
children+=("$ZONE_PID")
# zone WANT LINE: what the zone has to say to this (a pattern)
zone() {
	local got=
	[ -z "$2" ] || echo "$2" >&"${ZONE[1]}"
	IFS= read -r -t 30 got <&"${ZONE[0]}"
	# shellcheck disable=SC2053
	[[ $got == $1 ]] || { echo "# \"$got\", not \"$1\""; return 1; }
}
# grant BYTE ID…: an entry of a policy; everyone gets the token
grant() {
	local ids
	printf -v ids ', {"id": "spiffe://a.example/%s"}' "${@:2}"
	printf '{"digest": "%s", "identities": [%s], "files": [{"name": "token", "from": "token"}]}' \
		"$(digest "$1")" "${ids#, }"
}
check "a zone" zone ready ""
cp "$tmp/zone/verifier.json" "$tmp/verifier.json"
policy a ", \"zones\": [$(grant 1 web), $(grant 2 db db/backup)]"
# zones_port NAME
zones_port() { sed -n 's/.*serving zones on .* port \([0-9]*\);.*/\1/p' "$tmp/$1.log"; }
serve a a --federate "$from_b"
logged a "b.example: a new bundle"
at="$(zones_port a) $pin"
check "no zone of a digest that the verifier does not know" zone "*digest: *" "open $at 9"
check "nobody else's channel key" zone "*" "open $(zones_port a) $(printf '%064d' 0) 1"
check "a zone comes in" zone open "open $at 1"
check "it gets what it is granted" \
	zone "given spiffe://a.example/web token secret a.example b.example" ask
check "its X509-SVID" [ "$("$spiffe" x509 a.example "$tmp/zone/bundle.a.example" "$tmp/zone/svid.der" "$(date +%s)")" = spiffe://a.example/web ]
check "its JWT-SVID, for jwcrypto" grep -q '^spiffe://a.example/web ' <(/usr/bin/python3 \
	tests/host/spiffe_jose.py check "$tmp/zone/bundle.a.example" "$(cat "$tmp/zone/token")" reports "$(date +%s)")
check "the other domain's bundle" [ "$("$spiffe" counts b.example "$tmp/zone/bundle.b.example")" = "1 1 1" ]
printf renewed >"$tmp/token"
policy a ", \"zones\": [$(grant 1 web web/logs), $(grant 3 x)]"
kill -HUP "${pid[a]}"
logged a "policies read: 2 launch digests have grants"
check "after a reload its channel has what it had" zone "given spiffe://a.example/web token secret*" ask
zone closed close
zone open "open $at 1"
check "and its next one what there is now" \
	zone "given spiffe://a.example/web spiffe://a.example/web/logs token renewed*" ask
zone closed close
zone open "open $at 2"
check "who is not there any more gets nothing" zone nothing ask
zone closed close
policy a ', "zones": 1'
kill -HUP "${pid[a]}"
logged a "the old policies stay"
zone open "open $at 3"
check "a bad policy takes nothing from anybody" zone "given spiffe://a.example/x token renewed*" ask
zone closed close
policy a ", \"zones\": [$(grant 1 web)]"
python3 -c 'import json, sys
policy = json.load(sys.stdin)
del policy["nodes"]["crl"]
json.dump(policy, sys.stdout)' <"$tmp/zone/verifier.json" >"$tmp/verifier.json"
kill -HUP "${pid[a]}"
logged a "policies read: 1 launch"
check "without a revocation list no zone is affirmed" zone "*the peer refuses*" "open $at 1"
stop a >/dev/null
serve a a --least warning
check "and a warning is enough if that was said" zone open "open $(zones_port a) $pin 1"
check "an end of the issuer ends its channels" stop a
check "for the zone, too" zone "@(no answer|cannot send)" ask

# Who is not who it should be.
check "endpoint again" serve a a --bundle-listen "127.0.0.1:$a_port" --bundle-spiffe $a_id
# refused NAME TEXT RELATION: is this why nothing is fetched?
refused() {
	serve c c --federate "$3" && logged c "$2" && [ ! -e "$c/foreign.json" ]
	local rc=$?
	stop c >/dev/null
	[ "$rc" -eq 0 ] || { echo "# $1: $(cat "$tmp/c.log")"; rm -f "$c/foreign.json"; }
	return "$rc"
}
fails() { check "federate: $1" refused "$@"; }
fails "another SPIFFE ID" "another SPIFFE ID" "${from_a/-endpoint/}"
"$issuer" init "$tmp/a2" --trust-domain a.example >/dev/null 2>&1
"$issuer" bundle "$tmp/a2" >"$tmp/a2.bundle"
fails "not signed by who is known" "issuer certificate" "${from_a/a.bundle/a2.bundle}"
fails "a web certificate for https_spiffe" "key usage" "${from_a/$a_port/$b_port}"
fails "an X509-SVID for https_web" "not accepted" "a.example=https_web:$a_url,$tmp/web.pem"
fails "another host name" "IP address mismatch" "${from_b/localhost/127.0.0.1}"
fails "a CA that is not known" "not accepted" "b.example=https_web:$b_url"
fails "no CA" "no certificates in PEM" "b.example=https_web:$b_url,$tmp/a.bundle"
fails "not self-serving, by the wrong bundle" "issuer certificate" \
	"b.example=https_spiffe:$a_url,$a_id,$tmp/a2.bundle"
serve c c --federate "b.example=https_spiffe:$a_url,$a_id,$tmp/a.bundle"
check "not self-serving, by the right one" logged c "b.example: a new bundle"
stop c >/dev/null
rm "$c/foreign.json"

# Who lies.
"${parts[@]}" liar "$tmp/address.pem" "$tmp/address.key" "$tmp/b.bundle" >"$tmp/liar" &
children+=("$!")
for _ in $(seq 50); do [ -s "$tmp/liar" ] && break; sleep 0.1; done
lie() { echo "b.example=https_web:https://127.0.0.1:$(cat "$tmp/liar")/$1,$tmp/web.pem"; }
for good_way in good unsized; do
	serve c c --federate "$(lie $good_way)"
	check "federate: $good_way" logged c "b.example: a new bundle, sequence number 1"
	stop c >/dev/null
	[ $good_way = unsized ] || rm "$c/foreign.json"
done
serve c c --federate "$(lie old)"
check "federate: an older bundle is taken, and that is said" logged c "goes back, from 1 to 0"
stop c >/dev/null
serve c c --federate "$(lie empty)"
check "federate: one without keys" logged c "nobody there is believed any more"
check "is kept as such" is "$c/foreign.json" 'j["trust_domains"]["b.example"]["keys"]' "[]"
stop c >/dev/null
rm "$c/foreign.json"
fails "a redirect" "it is a redirect (302)" "$(lie redirect)"
fails "not found" "status 404" "$(lie missing)"
fails "chunks" "transfer encoding" "$(lie chunked)"
fails "gzip" "content encoding" "$(lie packed)"
fails "shorter than it says" "cut off" "$(lie short)"
fails "cut off" "cut off" "$(lie cut)"
fails "two lengths" "two lengths" "$(lie lengths)"
fails "a length in words" "no number" "$(lie words)"
fails "too long" "longer than" "$(lie long)"
fails "a head too long" "there is no answer" "$(lie longhead)"
fails "no JSON" "no JSON" "$(lie text)"
fails "a member twice" "b.example: " "$(lie twice)"
fails "no HTTP" "no answer of HTTP" "$(lie other)"
fails "a byte now and then" "cut off" "$(lie slow)"

# Who is silent is hung up on, and keeps nobody else from being served.
"${parts[@]}" silent "$b_port" 40 >"$tmp/silent" &
children+=("$!")
for _ in $(seq 50); do [ -s "$tmp/silent" ] && break; sleep 0.1; done
check "behind silent peers others are served" status 200 "$b_url"
for _ in $(seq 300); do grep -q closed "$tmp/silent" && break; sleep 0.1; done
check "who are hung up on" grep -q closed "$tmp/silent"
check "the endpoints end in good order" stop a
check "both" stop b
exit $failed
