#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# spiffe/ held against others: X.509 against the openssl command, JWTs and JWK Sets against jwcrypto,
# each in both directions.
. tests/host/lib.bash

spiffe=${BUILD:-build}/tests/spiffe
# Debian's own: another Python has not its packages.
jose=(/usr/bin/python3 tests/host/spiffe_jose.py)
now=$(date +%s)
web=spiffe://example.org/web

# says TEXT COMMAND…: does it succeed, and print this line?
says() {
	local want=$1 got
	shift
	got=$("$@" 2>&1) && [ "$got" = "$want" ] && return
	echo "# \"$got\", not \"$want\""
	return 1
}
# refuses TEXT COMMAND…: does it fail, with this in what it says?
refuses() {
	local want=$1 got
	shift
	got=$("$@" 2>&1) && { echo "# taken: $got"; return 1; }
	[[ $got == *"$want"* ]] && return
	echo "# \"$got\", not \"$want\""
	return 1
}
has() { grep -qF -- "$1" "$2" || { echo "# no \"$1\" in: $(cat "$2")"; return 1; }; }
hasnt() { ! has "$@" >/dev/null; }
der() { openssl "$1" -inform DER -in "$tmp/$2.der" -out "$tmp/$2.pem" 2>/dev/null; }
pem() { openssl x509 -in "$tmp/$1.pem" -outform DER -out "$tmp/$1.der"; }

# ---- ours, judged by openssl
for key in ca jwt other; do
	"$spiffe" key "$tmp/$key.key.der" && der pkey "$key.key"
	check "openssl reads our $key key" says "Key is valid" openssl pkey -in "$tmp/$key.key.pem" -check -noout
done
"$spiffe" ca example.org "$tmp/ca.key.der" "$now" "$tmp/ca.der" && der x509 ca
# A request that wants to be somebody else.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$tmp/web.key" \
	-subj "/CN=admin" -addext "subjectAltName=URI:spiffe://other.org/admin,DNS:web.example.org,DNS:evil" \
	-addext "basicConstraints=critical,CA:TRUE" -outform DER -out "$tmp/web.csr" 2>/dev/null
"$spiffe" issue "$tmp/ca.key.der" "$tmp/ca.der" "$tmp/web.csr" $web web.example.org "$now" "$tmp/web.der" &&
	der x509 web
strict() { openssl verify -x509_strict -CAfile "$tmp/ca.pem" "$@" "$tmp/web.pem" 2>&1; }
for purpose in sslserver sslclient; do
	check "openssl takes our leaf: $purpose" says "$tmp/web.pem: OK" strict -purpose $purpose
done
check "openssl takes our authority" says "$tmp/ca.pem: OK" openssl verify -x509_strict \
	-CAfile "$tmp/ca.pem" "$tmp/ca.pem"
check "openssl takes no leaf of another's" refuses "error" openssl verify -x509_strict -CAfile \
	"$tmp/web.pem" "$tmp/web.pem"
check "not after its end" refuses "expired" strict -attime $((now + 3601))
check "not before its beginning" refuses "not yet valid" strict -attime $((now - 61))
openssl x509 -in "$tmp/web.pem" -noout -text >"$tmp/web.txt"
openssl x509 -in "$tmp/ca.pem" -noout -text >"$tmp/ca.txt"
check "leaf: names" has "URI:$web, DNS:web.example.org" "$tmp/web.txt"
check "leaf: names are critical" has "Subject Alternative Name: critical" "$tmp/web.txt"
check "leaf: not the request's" hasnt other.org "$tmp/web.txt"
check "leaf: no subject of the request's" hasnt admin "$tmp/web.txt"
check "leaf: no authority" has "CA:FALSE" "$tmp/web.txt"
check "authority: its name" has "URI:spiffe://example.org" "$tmp/ca.txt"
check "authority: its usage" has "Certificate Sign, CRL Sign" "$tmp/ca.txt"

"$spiffe" bundle example.org "$tmp/ca.der" "$tmp/jwt.key.der" >"$tmp/ours.json"
"$spiffe" jwks example.org "$tmp/ca.der" "$tmp/jwt.key.der" >"$tmp/ours.jwks"
check "we take our leaf" says $web "$spiffe" x509 example.org "$tmp/ours.json" "$tmp/web.der" "$now"
check "x5c is the certificate" cmp -s "$tmp/ca.der" <(python3 -c 'import base64, json, sys
j = json.load(open(sys.argv[1]))
sys.stdout.buffer.write(base64.b64decode(j["keys"][0]["x5c"][0], validate=True))' "$tmp/ours.json")

# ---- openssl's, judged by us
# cert NAME ISSUER CN EXTENSION…: by openssl's configuration; self-signed if it is its own issuer
cert() {
	local name=$1 issuer=$2 cn=$3 by
	shift 3
	printf '%s\n' '[req]' 'distinguished_name=dn' '[dn]' '[ext]' "$@" >"$tmp/$name.cnf"
	openssl ecparam -genkey -name prime256v1 -noout -out "$tmp/$name.key"
	openssl req -new -key "$tmp/$name.key" -subj "/CN=$cn" -config "$tmp/$name.cnf" -out "$tmp/$name.req"
	by=(-CA "$tmp/$issuer.pem" -CAkey "$tmp/$issuer.key" -CAcreateserial)
	[ "$name" != "$issuer" ] || by=(-signkey "$tmp/$name.key")
	openssl x509 -req -in "$tmp/$name.req" "${by[@]}" -days 1 -extfile "$tmp/$name.cnf" \
		-extensions ext -out "$tmp/$name.pem" 2>/dev/null && pem "$name"
}
ca=("basicConstraints=critical,CA:TRUE" "keyUsage=critical,keyCertSign,cRLSign" subjectKeyIdentifier=hash)
leaf=("keyUsage=critical,digitalSignature" "subjectAltName=URI:$web")
cert root root Root "${ca[@]}" subjectAltName=URI:spiffe://example.org
cert between root Between "${ca[@]}" subjectAltName=URI:spiffe://example.org
cert plain between Web "${leaf[@]}" basicConstraints=critical,CA:FALSE extendedKeyUsage=serverAuth,clientAuth
cert two between Web "${leaf[0]}" "subjectAltName=URI:$web,URI:spiffe://example.org/db"
cert signer between Web keyUsage=critical,digitalSignature,keyCertSign "${leaf[1]}"
cert foreign between Web "${leaf[0]}" subjectAltName=URI:spiffe://other.org/web
now=$(date +%s) # not before theirs
"${jose[@]}" make "$tmp" "$now" "$tmp/root.pem"
check "we read jwcrypto's JWK Set" says "1 4 12035488" "$spiffe" counts example.org "$tmp/bundle.json"
judge() { cat "$tmp/$1.der" "$tmp/between.der" >"$tmp/chain"; "$spiffe" x509 example.org "$tmp/bundle.json" "$tmp/chain" "$now"; }
check "we take openssl's leaf" says $web judge plain
check "openssl takes it, too" says "$tmp/plain.pem: OK" openssl verify -CAfile "$tmp/root.pem" \
	-untrusted "$tmp/between.pem" "$tmp/plain.pem"
# Rules that path validation does not know.
for other in two signer foreign; do
	check "openssl takes $other" says "$tmp/$other.pem: OK" openssl verify -CAfile "$tmp/root.pem" \
		-untrusted "$tmp/between.pem" "$tmp/$other.pem"
done
check "we do not take two URIs" refuses "more than one" judge two
check "we do not take keyCertSign" refuses "may sign" judge signer
check "we do not take another trust domain" refuses "no bundle" judge foreign
check "nor without what is between" refuses "issuer" "$spiffe" x509 example.org "$tmp/bundle.json" "$tmp/plain.der" "$now"
check "nor with our bundle" refuses "issuer" "$spiffe" x509 example.org "$tmp/ours.json" "$tmp/plain.der" "$now"
openssl pkcs8 -topk8 -nocrypt -in "$tmp/root.key" -outform DER -out "$tmp/root.key.der"
check "we issue with openssl's authority" "$spiffe" issue "$tmp/root.key.der" "$tmp/root.der" \
	"$tmp/web.csr" $web "" "$now" "$tmp/byroot.der"
check "we take that" says $web "$spiffe" x509 example.org "$tmp/bundle.json" "$tmp/byroot.der" "$now"

# ---- tokens
for alg in ES256 ES384 ES512 RS256 RS384 RS512 PS256 PS384 PS512; do
	token=$(cat "$tmp/$alg.jwt")
	check "we take jwcrypto's $alg" says \
		"{\"aud\":[\"reports\"],\"exp\":$((now + 60)),\"sub\":\"$web\"}" \
		"$spiffe" jwt example.org "$tmp/bundle.json" "$token" reports "$now"
	check "not with our bundle" refuses "no key" "$spiffe" jwt example.org "$tmp/ours.json" "$token" reports "$now"
done
check "not for others" refuses "aud" "$spiffe" jwt example.org "$tmp/bundle.json" "$token" other "$now"
check "not later" refuses "over" "$spiffe" jwt example.org "$tmp/bundle.json" "$token" reports $((now + 60))
check "not HS256" refuses "alg" "$spiffe" jwt example.org "$tmp/bundle.json" "$(cat "$tmp/HS256.jwt")" reports "$now"

token=$("$spiffe" sign "$tmp/jwt.key.der" $web reports "$now")
kid=$("$spiffe" kid "$tmp/jwt.key.der")
check "our kid is the thumbprint" says "$kid" "${jose[@]}" thumbprint "$tmp/jwt.key.pem"
for set in ours.json ours.jwks; do
	check "jwcrypto takes our token by $set" says "$web $kid" "${jose[@]}" check "$tmp/$set" "$token" reports "$now"
	check "not for others by $set" refuses "aud" "${jose[@]}" check "$tmp/$set" "$token" other "$now"
done
stranger=$("$spiffe" sign "$tmp/other.key.der" $web reports "$now")
check "jwcrypto takes no other key's" refuses "not in key set" "${jose[@]}" check "$tmp/ours.json" "$stranger" reports "$now"
check "nor do we" refuses "no key" "$spiffe" jwt example.org "$tmp/ours.json" "$stranger" reports "$now"

exit "$failed"
