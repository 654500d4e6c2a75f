#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `cloister verify` of evidence and `cloister policy`, with bundles that the tests' forge makes: what
# is printed, for people and programs, what is refused, and the exit status.
. tests/host/lib.bash

cloister=$bin/cloister
d=$tmp/seed
# key_pair NAME: key and certificate of a TLS server, as zone/tls.c makes them
key_pair() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/$1.key" \
		-out "$tmp/$1.crt" -subj "/CN=cloister zone" -config <(printf '%s\n' '[req]' \
		'distinguished_name=dn' 'x509_extensions=ext' '[dn]' '[ext]' \
		'basicConstraints=critical,CA:FALSE' 'keyUsage=critical,digitalSignature' \
		'extendedKeyUsage=serverAuth' 'subjectAltName=DNS:localhost,IP:127.0.0.1') 2>"$tmp/err" ||
		cat "$tmp/err"
}
key_pair zone
key_pair other
openssl pkey -in "$tmp/zone.key" -pubout -outform DER -out "$tmp/zone.der"
"${BUILD:-build}/tests/evidence-seed" "$d" "$tmp/zone.der" || exit 1
nonce=$(cat "$d/nonce")
key=$(cat "$d/tls-key")

# exits CODE COMMAND…: with its output in $tmp/out, its errors in $tmp/err
exits() {
	local want=$1 got
	shift
	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" -eq "$want" ] && return
	echo "# exit $got, not $want: $(cat "$tmp/out" "$tmp/err")"
	return 1
}
prints() { grep -qF -- "$1" "$tmp/out" || { echo "# no \"$1\" in: $(cat "$tmp/out")"; return 1; }; }
says() { grep -qF -- "$1" "$tmp/err" || { echo "# no \"$1\" in: $(cat "$tmp/err")"; return 1; }; }
init() { "$cloister" policy init "$@"; }
verify() { "$cloister" verify --policy "$tmp/policy.json" "$@"; }

# A policy from files.
all=(--digest "$(cat "$d/digest")" --ca "$d/ca.pem" --crl "$d/crl.pem" --boot-reference
	"$d/reference.json" --firmware-from "$d/node.cbor" --require-iommu)
check "policy init" exits 0 init "${all[@]}" --output "$tmp/policy.json"
check "policy: its images" is "$tmp/policy.json" 'len(j["boot"]["images"])' 1
check "policy: its commands" is "$tmp/policy.json" 'len(j["boot"]["commands"])' 1
check "policy: its firmware" is "$tmp/policy.json" 'len(j["boot"]["firmware"][0])' 64
check "policy: the Core's version" is "$tmp/policy.json" 'j["core"]["version_min"]' 0.1.0
check "policy init again, to standard output" exits 0 init "${all[@]}" "${all[@]}"
check "policy: the same, as nothing is there twice" cmp -s "$tmp/out" "$tmp/policy.json"
check "policy show" exits 0 "$cloister" policy show "$tmp/policy.json"
check "policy show: the CA" prints "ca             /CN=Test CA, until "
spki=$(openssl x509 -in "$d/ca.pem" -noout -pubkey | openssl pkey -pubin -outform der | sha256sum | cut -c1-64)
check "policy show: the CA's key" prints "SHA-256 of its SPKI: $spki"
check "policy show: the CRL" prints "/CN=Test CA, 0 revoked, good until "
check "policy show: commands" prints "kernel_cmdline: console=ttyS0"
check "policy show: what is open" prints "vCPUs          any"
cat "$d/ca.pem" "$d/crl.pem" >"$tmp/both.pem"
check "policy init: CA and CRL in one file" exits 0 init --ca "$tmp/both.pem" --output "$tmp/both.json"
check "policy: a CA and a CRL" is "$tmp/both.json" '[len(j["nodes"][k]) for k in ("ca", "crl")]' '[1, 1]'
cat "$d/crl.pem" "$d/other-ca.pem" >"$tmp/sneaked.pem"
check "policy init: a CRL's file makes nobody a CA" exits 1 init --ca "$d/ca.pem" --crl "$tmp/sneaked.pem"
check "says where it belongs" says "if it is the CA's: give this file with --ca"

# Whom it refuses, and what it says.
check "init: no such file" exits 1 init --ca "$tmp/none"
check "init: says so" says "cloister: --ca $tmp/none: cannot open it: No such file or directory; check the path"
check "init: no certificate in it" exits 1 init --ca "$d/crl.pem"
check "init: a CRL of another CA" exits 1 init --ca "$d/other-ca.pem" --crl "$d/crl.pem"
check "init: says so" says "CRL number 1 of the policy is not one whole CRL in PEM that a CA of the policy signed"
check "init: says what to do" says "check the files that --ca, --crl and --boot-reference name"
check "init: no reference" exits 1 init --boot-reference "$tmp/policy.json"
check "init: no evidence" exits 1 init --firmware-from "$d/ca.pem" --ca "$d/ca.pem"
check "init: evidence, but no CA" exits 2 init --firmware-from "$d/node.cbor"
check "says why" says "anyone could have made that evidence"
check "init: evidence, and the CA behind it" exits 0 init --firmware-from "$d/node.cbor" --ca "$d/ca.pem"
check "init: evidence with a report, too" exits 0 init --firmware-from "$d/good.cbor" --ca "$d/ca.pem"
# One bit of PCR 0: the first of the values, behind map (7 pairs), 0 and the head of 32 bytes.
python3 - "$d/node.cbor" "$tmp/firmware.cbor" <<'PY'
import sys
bundle = bytearray(open(sys.argv[1], "rb").read())
assert bundle.count(b"\xa7\0\x58\x20") == 1
bundle[bundle.index(b"\xa7\0\x58\x20") + 4] ^= 1
open(sys.argv[2], "wb").write(bundle)
PY
check "init: evidence with another PCR 0" exits 1 init --firmware-from "$tmp/firmware.cbor" --ca "$d/ca.pem"
check "says so" says "quote: the TPM's quote: "
check "says what to do" says "; fetch it anew"
check "init: evidence of another CA's" exits 1 init --firmware-from "$d/node.cbor" --ca "$d/other-ca.pem"
check "says so" says "ak: the AK's certificate: "
check "says what to do" says "; check --ca and --crl, or take evidence of a node that they let in"
check "init: evidence of a revoked node" exits 1 init --firmware-from "$d/node.cbor" --ca "$d/ca.pem" \
	--crl "$d/revoked.pem"
check "says so" says "the CA revoked it on "
check "init: evidence of a software TPM" exits 1 init --firmware-from "$d/test-tpm.cbor" --ca "$d/ca.pem"
check "says so" says "test-tpm: a software TPM"
check "says what to do" says "; take evidence of a machine's own TPM"
check "init: of one that is accepted" exits 0 init --firmware-from "$d/test-tpm.cbor" --ca "$d/ca.pem" \
	--accept-test-tpm
check "init: short PCR" exits 2 init --firmware 00
check "init: memory without image" exits 2 init --memory 1G
check "init: junk" exits 2 init junk
check "init: a directory that is not there" exits 1 init --output "$tmp/none/policy.json"
check "policy: neither" exits 2 "$cloister" policy
check "show: no policy" exits 1 "$cloister" policy show "$d/ca.pem"

# Evidence.
check "good evidence" exits 0 verify --evidence "$d/good.cbor" --nonce "$nonce" --tls-key "$key"
check "says affirming" prints "verdict: affirming"
check "shows the node" prints "node-1"
check "JSON" exits 0 verify --evidence "$d/good.cbor" --nonce "$nonce" --tls-key "$key" --json
cp "$tmp/out" "$tmp/json"
check "JSON: node" is "$tmp/json" 'j["node"]["name"]' node-1
check "JSON: PCRs" is "$tmp/json" 'sorted(map(int, j["node"]["pcrs"]))' '[0, 2, 4, 7, 8, 9, 13]'
check "JSON: checks" is "$tmp/json" 'len(j["checks"])' 25
check "no nonce, no key: a warning" exits 3 verify --evidence "$d/good.cbor"
check "a stale nonce" exits 1 verify --evidence "$d/good.cbor" --nonce "${nonce/0/f}" --tls-key "$key"
check "says so" prints "it does not answer the nonce"
check "another TLS key" exits 1 verify --evidence "$d/good.cbor" --nonce "$nonce" --tls-key "$nonce"
for bad in bios test-tpm extended node; do
	check "$bad is refused" exits 1 verify --evidence "$d/$bad.cbor" --nonce "$nonce" --tls-key "$key"
	cp "$tmp/out" "$tmp/$bad"
done
check "bios: says so" grep -q "boot-image *unmeasured boot: " "$tmp/bios"
check "test-tpm: says so" grep -q "a software TPM" "$tmp/test-tpm"
check "extended: says so" grep -q "PCR 13 does not hold the key" "$tmp/extended"
check "node: says so" grep -q "without a zone's report" "$tmp/node"
check "init for software TPMs" exits 0 init "${all[@]}" --accept-test-tpm --output "$tmp/test.json"
check "test TPM as the policy accepts" exits 0 "$cloister" verify --policy "$tmp/test.json" --evidence \
	"$d/test-tpm.cbor" --nonce "$nonce" --tls-key "$key"
pcr() { field "$tmp/policy.json" "j['boot']['$1'][0]"; }
check "init with a new CRL" exits 0 init "${all[@]:0:8}" --firmware "$(pcr firmware)" --option-roms \
	"$(pcr option_roms)" --require-iommu --crl "$d/revoked.pem" --output "$tmp/revoked.json"
check "a revoked node" exits 1 "$cloister" verify --policy "$tmp/revoked.json" --evidence \
	"$d/good.cbor" --nonce "$nonce" --tls-key "$key"
check "says so" prints "the CA revoked it on "
check "options go before the file" exits 1 verify --evidence "$d/good.cbor" --nonce "$nonce" \
	--tls-key "$key" --digest "$(printf '0%.0s' {1..96})"

# The certificate of the zone's TLS server, for clients to trust.
# listen NAME COMMAND…: a server, which prints its port
listen() {
	"${@:2}" >"$tmp/$1.log" &
	servers+=($!)
	for _ in $(seq 100); do
		[ -s "$tmp/$1.log" ] && break
		sleep 0.1
	done
	port=$(head -n 1 "$tmp/$1.log")
}
serve() { listen "$1" python3 tests/host/tls_server.py "$tmp/$1.crt" "$tmp/$1.key"; }
end_servers() {
	[ "$BASHPID" = "$$" ] && kill "${servers[@]}" 2>/dev/null
	cleanup
}
trap end_servers EXIT
# trusts PORT: a client that trusts the certificate that was written, and nothing else
trusts() {
	openssl s_client -connect "127.0.0.1:$1" -starttls postgres -CAfile "$pin" -no-CApath \
		-no-CAstore -verify_return_error </dev/null >"$tmp/client" 2>&1
}
not() { ! "$@"; }
untouched() { [ "$(cat "$pin")" = old ] && [ "$(ls "$tmp/pins")" = zone.crt ]; }
servers=()
serve zone
zone=$port
serve other
other=$port
mkdir "$tmp/pins"
pin=$tmp/pins/zone.crt
# tls PORT OPTION…
tls() { verify --evidence "$d/good.cbor" --tls-cert "$pin" --starttls postgres --tls-port "$@" 127.0.0.1; }
check "certificate of another key" exits 1 tls "$other" --nonce "$nonce"
check "not written" not test -e "$pin"
check "says so" says "--tls-cert $pin: not written, as the exit status is 1"
echo old >"$pin"
check "again, with an old one there" exits 1 tls "$other" --nonce "$nonce"
check "left as it was" untouched
check "certificate of the zone after a warning" exits 3 tls "$zone"
check "says so" says "not written, as the exit status is 3"
check "left as it was" untouched
check "certificate of nobody" exits 4 tls 1 --timeout 1 --nonce "$nonce"
check "says so" says "not written, as the exit status is 4"
check "left as it was" untouched
# The second of the connections hangs, with a second of the time left.
listen slow python3 -c 'import socket, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
first = server.accept()[0]
time.sleep(2)
first.close()
second = server.accept()[0]
time.sleep(60)'
check "certificate of a slow one, in the time that is given" exits 4 timeout 4.5 "$cloister" verify \
	--policy "$tmp/policy.json" --evidence "$d/good.cbor" --timeout 3 --tls-port "$port" 127.0.0.1
check "says so" says "no TLS key: TLS handshake: Connection timed out"
asked=$(wc -l <"$tmp/zone.log")
check "certificate of the zone" exits 0 tls "$zone" --nonce "$nonce"
check "is the one that the server has" cmp -s "$pin" "$tmp/zone.crt"
check "comes from the one connection that was compared" test "$(wc -l <"$tmp/zone.log")" -eq $((asked + 1))
check "whoever trusts it reaches the zone" trusts "$zone"
check "and nobody else" not trusts "$other"
check "as the certificate is another" grep -q "verify error" "$tmp/client"
rm "$pin"
check "without PostgreSQL's request" exits 0 verify --evidence "$d/good.cbor" --nonce "$nonce" \
	--tls-port "$zone" --tls-cert "$pin" --json 127.0.0.1
check "the same one" cmp -s "$pin" "$tmp/zone.crt"
check "JSON as ever" is "$tmp/out" 'j["verdict"]' affirming
check "init for nodes without IOMMU" exits 0 init "${all[@]::${#all[@]}-1}" --output "$tmp/no-iommu.json"
bare=("$cloister" verify --policy "$tmp/no-iommu.json" --evidence "$d/no-iommu.cbor" --nonce "$nonce"
	--tls-port "$zone" --tls-cert "$pin" 127.0.0.1)
rm "$pin"
check "certificate of a zone without IOMMU" exits 3 "${bare[@]}"
check "not written" not test -e "$pin"
check "but where that is accepted" exits 0 "${bare[@]}" --accept-development
check "written" cmp -s "$pin" "$tmp/zone.crt"
check "where nothing can be written" exits 1 verify --evidence "$d/good.cbor" --nonce "$nonce" \
	--tls-port "$zone" --tls-cert "$tmp/none/zone.crt" 127.0.0.1
check "says so" says "$tmp/none/zone.crt: cannot write it"
check "a certificate without a server" exits 2 verify --evidence "$d/good.cbor" --tls-cert "$pin"
check "says what to do" says "--tls-cert writes what the server at --tls-port shows; give that"

# Results for others.
ear=(--ear --ear-key "$d/ear.pem")
check "EAR" exits 0 verify --evidence "$d/good.cbor" --nonce "$nonce" --tls-key "$key" "${ear[@]}"
python3 - "$tmp/out" >"$tmp/ear.json" <<'PY'
import base64, sys
part = open(sys.argv[1]).read().split(".")[1]
print(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode())
PY
check "EAR: status" is "$tmp/ear.json" 'j["submods"]["zone"]["ear.status"]' affirming
policy_id=sha-256:$(sha256sum "$tmp/policy.json" | cut -d ' ' -f 1)
check "EAR: the policy" is "$tmp/ear.json" 'j["submods"]["zone"]["ear.appraisal-policy-id"]' "$policy_id"
check "EAR: profile" is "$tmp/ear.json" 'j["eat_profile"]' tag:github.com,2023:veraison/ear
# named True|False OPTION…: does the result then name a policy?
named() {
	verify --evidence "$d/good.cbor" --nonce "$nonce" --tls-key "$key" "${ear[@]}" "${@:2}" \
		>"$tmp/out" || { echo "# exit $?"; return 1; }
	cut -d . -f 2 "$tmp/out" | tr -- -_ +/ | base64 -d 2>/dev/null >"$tmp/changed.json"
	is "$tmp/changed.json" '"ear.appraisal-policy-id" in j["submods"]["zone"]' "$1"
}
check "EAR: no policy, as --digest is another" named False --digest "$(cat "$d/digest")"
check "EAR: no policy, as --max-window is another" named False --max-window 1000000
verify --evidence "$d/good.cbor" --json >"$tmp/good.json"
core=$(field "$tmp/good.json" 'j["report"]["core_key"]')
check "EAR: no policy, as --core-key is another" named False --core-key "$core"
check "EAR: the policy, as it requires an IOMMU anyway" named True --require-iommu
init "${all[@]:0:${#all[@]}-1}" --output "$tmp/lax.json"
check "EAR: a policy that requires no IOMMU" named True --policy "$tmp/lax.json"
check "EAR: no policy, as it is to require one" named False --policy "$tmp/lax.json" --require-iommu
check "EAR of what is refused, too" exits 1 verify --evidence "$d/bios.cbor" --nonce "$nonce" "${ear[@]}"
check "EAR: a key that is none" exits 1 verify --evidence "$d/good.cbor" --ear --ear-key "$d/ca.pem"
check "EAR: says so" says "no unencrypted P-256 private key"

# What does not go together.
check "evidence without policy" exits 2 "$cloister" verify --evidence "$d/good.cbor"
check "says what to do" says "give --policy FILE"
check "nothing to verify" exits 2 verify
check "a nonce that is none" exits 2 verify --evidence "$d/good.cbor" --nonce 12
check "a TLS key that is none" exits 2 verify --evidence "$d/good.cbor" --tls-key 12
check "a HOST for nothing" exits 2 verify --evidence "$d/good.cbor" host.example
check "EAR without key" exits 2 verify --evidence "$d/good.cbor" --ear
check "EAR and JSON" exits 2 verify --evidence "$d/good.cbor" --json "${ear[@]}"
check "no such policy" exits 1 "$cloister" verify --policy "$tmp/none" --evidence "$d/good.cbor"
check "says so" says "--policy $tmp/none: cannot open it"
check "no such evidence" exits 1 verify --evidence "$tmp/none"
head -c 200000 /dev/zero >"$tmp/big"
check "too much evidence" exits 1 verify --evidence "$tmp/big"
check "says so" says "more than 131072 bytes"
check "empty evidence" exits 1 verify --evidence /dev/null
check "says so, as a verdict" prints "this is no evidence: it is empty"

# The example, as somebody else would build it.
lib=$PWD/${BUILD:-build}/lib
[[ ${BUILD:-build} = /* ]] && lib=$BUILD/lib
export PKG_CONFIG_PATH=$lib/pkgconfig LD_LIBRARY_PATH=$lib
read -ra flags < <(pkg-config --cflags --libs libcloister-verify)
python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))' "$nonce" >"$tmp/nonce.bin"
check "example builds with pkg-config" exits 0 "${CC:-cc}" -Wall -Wextra -Werror \
	examples/verify-evidence.c "${flags[@]}" -o "$tmp/example"
check "example: judges" exits 1 "$tmp/example" "$tmp/policy.json" "$tmp/nonce.bin" "$d/good.cbor" \
	"$d/bios.cbor"
check "example: a TLS key is all that is missing" prints "warn: tls-key"
check "example: good" prints "good.cbor: warning, node node-1"
check "example: bad" prints "fail: boot-image: unmeasured boot: "

exit $failed
