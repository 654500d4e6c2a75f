#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Enrolment of nodes, against real software TPMs and a Core that is played: what is enrolled, what is
# refused and why, what a node that lies can do (nothing), and evidence that OpenSSL verifies.
. tests/host/lib.bash

build=$(realpath "${BUILD:-build}")
cloister=$build/tests/cloister
parts=tests/host/enrol_parts.py
adm=$tmp/adm
export CLOISTER_FAKE_DIR=$tmp/fake
unset TPM2TOOLS_TCTI
children=()
end_all() {
	[ "$BASHPID" = "$$" ] || return
	for p in "${children[@]}"; do kill "$p" 2>/dev/null; done
	cleanup
}
trap end_all EXIT

# port_of FILE: where somebody has said that it listens
port_of() {
	for _ in $(seq 100); do
		grep -oE '[0-9]+$' "$1" 2>/dev/null | head -n 1 | grep . && return
		sleep 0.1
	done
	return 1
}
# background COMMAND…: it ends with this script; its PID is in $started
background() {
	"$@" &
	started=$!
	children+=("$started")
}

# TPMs. Their maker's CA is swtpm's own; a maker of "hardware" is made below.
mkdir -p "$tmp/maker" "$tmp/fake" "$tmp/hw"
cat >"$tmp/localca.conf" <<EOF
statedir = $tmp/maker
signingkey = $tmp/maker/signkey.pem
issuercert = $tmp/maker/issuercert.pem
certserial = $tmp/maker/certserial
EOF
: >"$tmp/localca.options"
cat >"$tmp/setup.conf" <<EOF
create_certs_tool = $(command -v swtpm_localca)
create_certs_tool_config = $tmp/localca.conf
create_certs_tool_options = $tmp/localca.options
active_pcr_banks = sha256
EOF
# tpm NAME: one with an RSA EK that has a certificate
tpm() {
	mkdir "$tmp/$1"
	swtpm_setup --tpm2 --tpmstate "dir://$tmp/$1" --create-ek-cert --config "$tmp/setup.conf" \
		>"$tmp/$1.setup" 2>&1 || { cat "$tmp/$1.setup"; return 1; }
	background swtpm socket --tpm2 --tpmstate "dir=$tmp/$1" --flags startup-clear,not-need-init \
		--server "type=unixio,path=$tmp/$1/s" --ctrl "type=unixio,path=$tmp/$1/s.ctrl" \
		>"$tmp/$1.log" 2>&1
	for _ in $(seq 100); do
		[ -S "$tmp/$1/s" ] && return
		sleep 0.1
	done
	return 1
}
# on TPM COMMAND…: with tpm2-tools
on() {
	local name=$1
	shift
	TPM2TOOLS_TCTI="swtpm:path=$tmp/$name/s" "$@" >"$tmp/tools.out" 2>&1 ||
		{ sed 's/^/# /' "$tmp/tools.out"; return 1; }
}
# serve NAME TPM [OPTION…]: an evidence service; its port is in $NAME
node_a='' node_b='' node_c='' node_d='' node_e='' node_f='' strict='' told='' moved=''
pid_node_b='' pid_strict=''
serve() {
	local name=$1 tpm=$2
	shift 2
	background "$cloister" evidence serve --listen 127.0.0.1:0 --tcti "swtpm:path=$tmp/$tpm/s" \
		--state "$tmp/state-$name" "$@" 2>"$tmp/serve-$name"
	declare -g "$name=$(port_of "$tmp/serve-$name")"
	declare -g "pid_$name=$started"
}
# liar HOW UPSTREAM [OTHER]: a node that lies; its port is in $liar
liar() {
	background python3 "$parts" node "$@" >"$tmp/liar-$1"
	liar=$(port_of "$tmp/liar-$1")
}

# A maker of TPMs with a root and an intermediate, and its certificate for an ECC EK.
maker() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-keyout "$tmp/hw/root.key" -out "$tmp/hw/root.crt" -subj "/CN=Maker's root" \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$tmp/hw/between.key" -out "$tmp/hw/between.csr" -subj "/CN=Maker's works"
	printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n' >"$tmp/hw/between.ext"
	openssl x509 -req -in "$tmp/hw/between.csr" -CA "$tmp/hw/root.crt" -CAkey "$tmp/hw/root.key" \
		-days 3650 -extfile "$tmp/hw/between.ext" -out "$tmp/hw/between.crt"
	: >"$tmp/hw/index"
	cat >"$tmp/hw/ca.conf" <<EOF
[ca]
default_ca = c
[c]
database = $tmp/hw/index
new_certs_dir = $tmp/hw
rand_serial = yes
unique_subject = no
default_md = sha256
policy = p
[p]
[ek]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyAgreement
extendedKeyUsage = 2.23.133.8.1
subjectAltName = critical,dirName:tpm
[ekwrong]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyAgreement
extendedKeyUsage = serverAuth
subjectAltName = critical,dirName:tpm
[tpm]
0.2.23.133.2.1 = id:54455354
EOF
} >"$tmp/hw/log" 2>&1
# ek_cert TPM EXTENSIONS FROM TO: a certificate for its ECC EK, in its NV
ek_cert() {
	on "$1" tpm2_createek -G ecc -c "$tmp/hw/ek.ctx" -u "$tmp/hw/ek.pem" -f pem || return
	on "$1" tpm2_flushcontext -t
	openssl req -new -key "$tmp/hw/root.key" -subj "/" -out "$tmp/hw/ek.csr" 2>/dev/null
	openssl x509 -req -in "$tmp/hw/ek.csr" -force_pubkey "$tmp/hw/ek.pem" -CA "$tmp/hw/between.crt" \
		-CAkey "$tmp/hw/between.key" -extfile "$tmp/hw/ca.conf" -extensions "$2" \
		-outform der -out "$tmp/hw/ek.der" "${@:3}" 2>"$tmp/hw/log" ||
		{ cat "$tmp/hw/log"; return 1; }
	on "$1" tpm2_nvundefine -C p 0x01c0000a >/dev/null
	on "$1" tpm2_nvdefine -C p -s 1200 \
		-a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate' 0x01c0000a || return
	on "$1" tpm2_nvwrite -C p -i "$tmp/hw/ek.der" 0x01c0000a
}

exits() {
	local want=$1 got
	shift
	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" -eq "$want" ] && return
	echo "# exit code $got, not $want"
	sed 's/^/# /' "$tmp/err"
	return 1
}
says() { grep -q -- "$1" "$tmp/err" || { sed 's/^/# /' "$tmp/err"; return 1; }; }
# refused WHY COMMAND…
refused() {
	local why=$1
	shift
	exits 1 "$@" && says "$why"
}
usage() {
	local why=$1
	shift
	exits 2 "$@" && says "$why"
}
enroll() {
	local name=$1 port=$2
	shift 2
	"$cloister" node enroll --ca "$adm" --test-ek-roots "$tmp/roots.pem" --timeout 20 \
		--name "$name" --ek rsa "$@" "127.0.0.1:$port"
}
renew() {
	local name=$1 port=$2
	shift 2
	"$cloister" node renew --ca "$adm" --test-ek-roots "$tmp/roots.pem" --timeout 20 \
		--name "$name" "$@" "127.0.0.1:$port"
}
revoke() { "$cloister" node revoke --ca "$adm" --name "$1"; }
list() { "$cloister" node list --ca "$adm" --json >"$tmp/list"; }
listed() { list && is "$tmp/list" "[(n['name'], n['state']) for n in j]" "$1"; }
fetch() {
	"$cloister" evidence fetch --node "127.0.0.1:$1" -o "$tmp/bundle" "${@:2}" 2>"$tmp/err" ||
		{ sed 's/^/# /' "$tmp/err"; return 1; }
}
bundle_is() { [ "$(python3 "$parts" bundle "$tmp/bundle" "$1" "$tmp/fake/boot-log")" = "$2" ]; }
# http STATUS TEXT CURL-ARGUMENTS…
http() {
	local status=$1 text=$2 got
	shift 2
	got=$(curl -s -m 60 -o "$tmp/answer" -w '%{http_code}' "$@")
	[ "$got" = "$status" ] && grep -q -- "$text" "$tmp/answer" && return
	echo "# status $got: $(head -c 200 "$tmp/answer" | tr -d '\0')"
	return 1
}
ak_cert() { openssl x509 -inform der -in "$tmp/state-$1/ak.crt" "${@:2}"; }
chains() {
	"$cloister" node ca --ca "$adm" >"$tmp/ca.pem" &&
		ak_cert "$1" -out "$tmp/ak.pem" &&
		openssl verify -crl_check -CAfile "$tmp/ca.pem" "$tmp/ak.pem" >/dev/null 2>&1
}
nothing_loaded() {
	on "$1" tpm2_getcap handles-transient && [ ! -s "$tmp/tools.out" ] &&
		on "$1" tpm2_getcap handles-loaded-session && [ ! -s "$tmp/tools.out" ]
}
both() {
	local result=0
	"${@:1:3}" >/dev/null 2>&1 &
	local first=$!
	"${@:4}" >/dev/null 2>&1 || result=$((result + 1))
	wait "$first" || result=$((result + 1))
	[ "$result" -eq "$failures" ]
}

maker
for t in a b c d; do
	tpm $t || { echo "not ok software TPM"; exit 1; }
done
cat "$tmp/maker/issuercert.pem" "$tmp/maker/swtpm-localca-rootca-cert.pem" >"$tmp/roots.pem"
head -c 20000 /dev/urandom >"$tmp/fake/boot-log"
serve node_a a
serve node_b b
serve node_c c

# Whoever says a byte now and then does so until the end of this script.
python3 - "$node_c" >"$tmp/dripped" <<'PY' &
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.settimeout(4)
since = time.monotonic()
while time.monotonic() - since < 90:
    try:
        s.sendall(b"G")
        if s.recv(1) == b"":
            break
    except TimeoutError:
        pass
    except OSError:
        break
print(int(time.monotonic() - since))
PY
dripping=$!

# Before an enrolment.
check "a node that is not enrolled says so" http 404 "is not enrolled" \
	"http://127.0.0.1:$node_a/evidence?nonce=$(printf '%064d' 7)"
check "no roots" usage "no root certificate" "$cloister" node enroll --ca "$adm" --name a 127.0.0.1:1
check "no name" usage "name is needed" "$cloister" node enroll --ca "$adm" \
	--ek-roots "$tmp/roots.pem" 127.0.0.1:1
for name in "" ../a "a b" .a "$(printf 'a%.0s' {1..64})"; do
	check "a bad name: '$name'" usage "letters, digits" enroll "$name" "$node_a"
done
check "days out of range" usage "from 1 to 365" enroll a "$node_a" --days 366
check "roots that are none" usage "no certificate" "$cloister" node enroll --name a --ca "$adm" \
	--ek-roots "$tmp/setup.conf" 127.0.0.1:1
check "nobody there" refused "cannot connect" enroll a 1
check "no CA" refused "begins a CA" "$cloister" node list --ca "$tmp/none"
check "a root that did not make it" refused "EK certificate: .*give the TPM maker's root" \
	"$cloister" node enroll --ca "$adm" --ek rsa --ek-roots "$tmp/hw/root.crt" --name a "127.0.0.1:$node_a"
check "an intermediate is missing" refused "EK certificate: .*intermediate" \
	"$cloister" node enroll --ca "$adm" --name a --ek rsa \
	--test-ek-roots "$tmp/maker/swtpm-localca-rootca-cert.pem" "127.0.0.1:$node_a"
check "an intermediate is no root" usage "no root certificate" "$cloister" node enroll --name a \
	--ca "$adm" --test-ek-roots "$tmp/maker/issuercert.pem" "127.0.0.1:$node_a"

# A node that lies. What comes from elsewhere is checked, what comes late or at length ends.
for lie in "unrestricted|attestation key: its attributes" "duplicable|attestation key: its attributes" \
	"other-ek|it certifies another key" "garbage|malformed" "short|malformed" "long|bytes follow" \
	"huge|Content-Length" "endless|head is longer" "wrong-secret|has not got the secret" \
	"no-secret|proof is malformed" "other-ak|not for this TPM and key"; do
	liar "${lie%%|*}" "$node_a" "$node_b"
	check "a node that lies: ${lie%%|*}" refused "${lie#*|}" enroll a "$liar"
done
liar slow "$node_a"
check "a node that answers slowly" refused "no answer: Connection timed out" enroll a "$liar" --timeout 2
check "after all that nobody is enrolled" listed "[]"

# Which key is the registrar's choice.
check "enrol: no ECC key" refused "left no certificate of an ECC endorsement key.*--ek rsa" enroll a "$node_a" --ek ecc
check "enrol: another kind of key" usage "--ek dsa: ecc or rsa expected$" enroll a "$node_a" --ek dsa
check "renew: a kind of key" usage "asks for the kind of key that was enrolled; leave it out" \
	renew a "$node_a" --ek rsa
liar rsa-only "$node_a"
check "a node that lies: an RSA key in place of an ECC one" refused "another kind than was asked for" \
	enroll a "$liar" --ek ecc

# Enrolment, with an RSA key and a maker of software TPMs.
check "enrol: RSA" exits 0 enroll a "$node_a" --days 7
check "the certificate's chain" chains node_a
check "the certificate says that the TPM is software" \
	grep -q 2.25.205706116917862094478024842453870341893 <(ak_cert node_a -noout -text)
check "the certificate is for attestation" grep -q '^ *2.23.133.8.3$' <(ak_cert node_a -noout -text)
check "the certificate ends" exits 0 ak_cert node_a -noout -checkend $((7 * 86400 - 600))
check "the certificate ends in time" exits 1 ak_cert node_a -noout -checkend $((7 * 86400 + 60))
check "the CA's key is its owner's" [ "$(stat -c %a "$adm/ca.key")" = 600 ]
check "the same again" refused "enrolled already, as a" enroll a "$node_a"
check "the same under another name" refused "enrolled already, as a" enroll b "$node_a"
check "another under the same name" refused "another node" enroll a "$node_b"
check "renew with another TPM" refused "with another TPM" renew a "$node_b"
check "renew what is not enrolled" refused ": b is not enrolled; see .cloister node list." renew b "$node_b"
liar replay "$node_b"
check "activation, kept by a liar" exits 0 enroll b "$liar"
check "an old activation" refused "or the answer is an old one" renew b "$liar"
liar no-certificate "$node_c"
check "a node that takes no certificate" refused "no?\[31m room.*renew --name c" enroll c "$liar"
check "it is enrolled" listed "[('a', 'enrolled'), ('b', 'enrolled'), ('c', 'enrolled')]"
check "and renewed" exits 0 renew c "$node_c"

# An ECC key, and a maker of hardware.
hw=(--ek ecc --ek-roots "$tmp/hw/both")
ek_cert d ek -days 30
serve node_d d
cp "$tmp/hw/root.crt" "$tmp/hw/both"
check "enrol: the maker's works are missing" refused "EK certificate: .*intermediate" enroll d "$node_d" "${hw[@]}"
mkdir "$tmp/hw/dir" && cp "$tmp/hw/root.crt" "$tmp/hw/between.crt" "$tmp/hw/dir"
hw=(--ek ecc --ek-roots "$tmp/hw/dir")
ek_cert d ekwrong -days 30
check "enrol: a certificate for another use" refused "extended key usage" enroll d "$node_d" "${hw[@]}"
ek_cert d ek -days 0
sleep 1
check "enrol: a certificate whose time is over" refused "certificate has expired" enroll d "$node_d" "${hw[@]}"
ek_cert d ek -days 5
check "enrol: ECC" exits 0 enroll d "$node_d" "${hw[@]}" --json
check "enrol: it is the ECC key" is "$tmp/out" "j['ek_type'], j['test_tpm']" "('ecc', False)"
check "the certificate does not outlast the EK's" exits 1 ak_cert node_d -noout -checkend $((5 * 86400 + 60))
check "the certificate does not say that the TPM is software" \
	exits 1 grep 2.25.2057 <(ak_cert node_d -noout -text)
check "the ECC node's chain" chains node_d
check "enrol: the same TPM by its RSA key" refused "attestation key is that of d, .*renew that one" enroll d2 "$node_d"

# Evidence.
nonce=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
check "evidence" fetch "$node_a" --nonce "$nonce"
check "evidence: OpenSSL verifies it" bundle_is "$nonce" node
background python3 "$parts" zone 4 >"$tmp/zone"
check "a zone whose time is over before it listens" exits 4 "$cloister" evidence fetch --timeout 1 \
	--node "127.0.0.1:$node_d" --zone "127.0.0.1:$(port_of "$tmp/zone")" -o "$tmp/bundle"
check "evidence with the report of a zone that listens late" fetch "$node_d" --zone "127.0.0.1:$(port_of "$tmp/zone")"
check "evidence with a zone's report: OpenSSL verifies it" bundle_is - report
check "a zone that is not there" exits 4 "$cloister" evidence fetch --node "127.0.0.1:$node_a" \
	--zone 127.0.0.1:1 --timeout 1 -o "$tmp/bundle"
check "a bad nonce" usage "64 hex digits" "$cloister" evidence fetch --node "127.0.0.1:$node_a" \
	--nonce 00 -o "$tmp/bundle"
check "what is no evidence" exits 4 "$cloister" evidence fetch \
	--node "127.0.0.1:$(port_of "$tmp/liar-garbage")" -o "$tmp/none.cbor"
check "leaves no file" [ ! -e "$tmp/none.cbor" ]
: >"$tmp/fake/boot-log"
check "no boot log" fetch "$node_a"
check "no boot log: an empty one" bundle_is - node
head -c 65536 /dev/urandom >"$tmp/fake/boot-log"
check "the longest boot log" fetch "$node_a"
check "the longest boot log is whole" bundle_is - node
head -c 65537 /dev/urandom >"$tmp/fake/boot-log"
check "a longer one is refused" exits 4 "$cloister" evidence fetch --node "127.0.0.1:$node_a" -o "$tmp/bundle"
head -c 3000 /dev/urandom >"$tmp/fake/boot-log"
echo absent >"$tmp/fake/core"
check "no Core" http 503 "nothing answers beneath" "http://127.0.0.1:$node_a/evidence?nonce=$nonce"
rm "$tmp/fake/core"

# Many at once wait, none fails; and PCRs that change between their quote and their reading.
many() {
	local pids=() i
	for i in $(seq 12); do
		curl -sf -m 60 -o "$tmp/many-$i" "http://127.0.0.1:$node_a/evidence?nonce=$nonce" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || return; done
	for i in $(seq 12); do
		cp "$tmp/many-$i" "$tmp/bundle"
		bundle_is "$nonce" node || return
	done
}
check "twelve at once" many
extend() {
	while [ ! -e "$tmp/enough" ]; do
		on a tpm2_pcrextend "9:sha256=$(printf '%064d' 1)"
	done
}
extend &
changing() {
	for _ in $(seq 15); do
		fetch "$node_a" && bundle_is - node || return
	done
}
check "PCRs that change" changing
: >"$tmp/enough"
wait $!

# What the node refuses.
check "nonce: not hex" http 400 "64 hex" "http://127.0.0.1:$node_a/evidence?nonce=${nonce/?/x}"
check "nonce: too long" http 400 "64 hex" "http://127.0.0.1:$node_a/evidence?nonce=${nonce}00"
check "nonce: none" http 400 "64 hex" "http://127.0.0.1:$node_a/evidence"
check "another path" http 404 "there are" "http://127.0.0.1:$node_a/"
check "another method" http 405 "another method" -X POST "http://127.0.0.1:$node_a/evidence?nonce=$nonce"
check "a body where none belongs" http 000 "" --data "$nonce" -X GET "http://127.0.0.1:$node_a/enrol"
check "a long body" http 000 "" -H Expect: --data-binary "@$cloister" "http://127.0.0.1:$node_a/activate"
check "a body that is no CBOR" http 400 malformed --data x "http://127.0.0.1:$node_a/activate"
check "a credential for nobody" http 503 "not for this TPM" --data-binary @<(python3 -c '
import sys; sys.stdout.buffer.write(b"\xa2\x64seed\x59\1\0" + bytes(256) + b"\x6acredential\x58\x44\0\x20" + bytes(66))') \
	"http://127.0.0.1:$node_a/activate"
check "a certificate of another AK" http 400 "another key" --data-binary "@$tmp/state-node_d/ak.crt" \
	"http://127.0.0.1:$node_a/ak"
openssl x509 -in "$tmp/hw/root.crt" -outform der -out "$tmp/root.der"
check "a certificate of something else" http 400 "another key" --data-binary "@$tmp/root.der" \
	"http://127.0.0.1:$node_a/ak"
check "no certificate at all" http 400 "no X.509" --data x "http://127.0.0.1:$node_a/ak"
check "the node has kept its own" chains node_a
serve strict a --ca "$tmp/hw/root.crt"
check "a CA that the node was not told of" http 400 "not signed by the CA" \
	--data-binary "@$tmp/state-node_a/ak.crt" "http://127.0.0.1:$strict/ak"
"$cloister" node ca --certificate --ca "$adm" >"$tmp/ca.crt"
serve told a --ca "$tmp/ca.crt"
check "the CA that the node was told of" http 200 kept --data-binary "@$tmp/state-node_a/ak.crt" \
	"http://127.0.0.1:$told/ak"
# Whoever has an older one of the CA's own could send that.
cp "$tmp/state-node_a/ak.crt" "$tmp/older.crt"
seconds=$(date +%s)
until [ "$(date +%s)" -gt "$seconds" ]; do sleep 0.1; done
check "a newer one of the same CA" exits 0 renew a "$told"
check "an older one of the same CA" http 400 "older than the one that is kept" \
	--data-binary "@$tmp/older.crt" "http://127.0.0.1:$told/ak"
check "the newer one again" http 200 kept --data-binary "@$tmp/state-told/ak.crt" \
	"http://127.0.0.1:$told/ak"
check "an older one where no CA was named" http 200 kept --data-binary "@$tmp/older.crt" \
	"http://127.0.0.1:$node_a/ak"
cp "$tmp/state-node_a/ak.crt" "$tmp/state-strict/"
kill "$pid_node_b" "$pid_strict" && wait "$pid_node_b" "$pid_strict"
mkdir -p "$tmp/state-moved" && cp "$tmp/state-node_a/ak.crt" "$tmp/state-moved/"
serve moved b
check "the TPM was exchanged" http 409 "enrol this node again" "http://127.0.0.1:$moved/evidence?nonce=$nonce"
check "no TPM" refused "is there a TPM" "$cloister" evidence serve --tcti swtpm:path=/nonexistent \
	--state "$tmp/state-x" --listen 127.0.0.1:0
check "a port that is taken" exits 15 "$cloister" evidence serve --tcti "swtpm:path=$tmp/b/s" \
	--state "$tmp/state-x" --listen "127.0.0.1:$moved"
for t in a b c d; do
	check "nothing stays in the TPM: $t" nothing_loaded "$t"
done

# The CA's directory.
chmod 640 "$adm/ca.key"
check "a key that others may read" refused "chmod 600" list
chmod 600 "$adm/ca.key"
cp -a "$adm" "$tmp/good"
truncate -s -20 "$adm/nodes.json"
check "a damaged list" refused "nothing was changed: restore it" revoke a
check "a damaged list stays as it is" exits 1 cmp "$adm/nodes.json" "$tmp/good/nodes.json"
cp "$tmp/good/nodes.json" "$adm/"
openssl ecparam -name prime256v1 -genkey -noout -out "$adm/ca.key"
check "another key than the certificate's" refused "restore both from one backup" list
cp -a "$tmp/good/ca.key" "$adm/"
rm "$adm/crl.pem"
check "a list that was lost is made again" exits 0 "$cloister" node ca --crl --ca "$adm"
check "and is a good one" exits 0 openssl crl -in "$adm/crl.pem" -noout -CAfile "$adm/ca.crt"

# Killed at any time: nothing is lost, nothing is half there.
killed() {
	local i before after
	for i in $(seq 25); do
		list && before=$(field "$tmp/list" "sum(len(n['certificates']) for n in j)") || return
		renew a "$node_a" >/dev/null 2>&1 &
		local p=$!
		sleep "0.0$((i * 2 % 10))$((i % 10))"
		kill -9 "$p" 2>/dev/null
		wait "$p" 2>/dev/null
		listed "[('a', 'enrolled'), ('b', 'enrolled'), ('c', 'enrolled'), ('d', 'enrolled')]" || return
		after=$(field "$tmp/list" "sum(len(n['certificates']) for n in j)")
		[ "$after" -eq "$before" ] || [ "$after" -eq $((before + 1)) ] || return
		chains node_a || return
	done
} 2>/dev/null
check "killed at any time" killed

# Two at a time: of one name one, of two names both.
tpm e && tpm f && serve node_e e && serve node_f f
failures=1
check "two of one name at once" both enroll twin "$node_e" enroll twin "$node_f"
check "one of them is enrolled" listed \
	"[('a', 'enrolled'), ('b', 'enrolled'), ('c', 'enrolled'), ('d', 'enrolled'), ('twin', 'enrolled')]"
failures=0
check "two renewals at once" both renew c "$node_c" renew d "$node_d" --ek-roots "$tmp/hw/dir"

# Revocation.
check "revoke" exits 0 revoke a
check "the revocation list has it" exits 2 chains node_a
check "and not the others" chains node_c
check "revoke again" exits 0 revoke a
check "revoke what is not there" refused ": nobody is not enrolled; see .cloister node list." revoke nobody
check "a revoked node is not renewed" refused "is revoked" renew a "$node_a"
check "nor enrolled again" refused "was enrolled as a and is revoked" enroll a2 "$node_a"
check "and its name is taken" refused "is revoked; take another name" enroll a "$node_e"
check "revoke the ECC node" exits 0 revoke d
check "its other key does not bring it back" refused "attestation key is that of d, .*cannot come back" \
	enroll d2 "$node_d"
number=$(openssl crl -in "$adm/crl.pem" -noout -crlnumber)
cp "$tmp/good/nodes.json" "$adm/"
revoke b >/dev/null
check "after a restored backup the list's number still goes up" \
	[ "$((${number#*=}))" -lt "$(($(openssl crl -in "$adm/crl.pem" -noout -crlnumber | sed 's/.*=//')))" ]

# Who is silent is hung up on, and keeps nobody else from being served.
python3 - "$node_c" <<'PY'
import socket, sys, time
socks = []
for _ in range(40):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET /evidence?nonce=")
    socks.append(s)
time.sleep(12)
closed = 0
for s in socks:
    s.settimeout(0.2)
    try:
        closed += s.recv(1) == b""
    except ConnectionError:
        closed += 1
    except TimeoutError:
        pass
sys.exit(0 if closed == 40 else 1)
PY
check "silent peers are hung up on" [ $? -eq 0 ]
check "and others are served" fetch "$node_c"
wait "$dripping"
check "a peer that says a byte now and then is hung up on" [ "$(cat "$tmp/dripped")" -lt 50 ]
exit $failed
