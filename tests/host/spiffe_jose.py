# SPDX-License-Identifier: Apache-2.0
"""JWTs and JWK Sets by jwcrypto, for spiffe.sh.

spiffe_jose.py make DIRECTORY NOW CERT.pem     keys, bundle.json with them and the certificate, ALG.jwt
spiffe_jose.py check BUNDLE TOKEN AUD NOW      is this token rightly signed by a key of the bundle?
spiffe_jose.py thumbprint KEY.pem
"""
import base64
import json
import sys
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from jwcrypto import jwk, jwt

ALGS = {'ES256': 'P-256', 'ES384': 'P-384', 'ES512': 'P-521'}


def make(directory, now, cert_path):
    rsa = jwk.JWK.generate(kty='RSA', size=2048, kid='rsa')
    keys, entries = {}, []
    for alg, curve in ALGS.items():
        keys[alg] = jwk.JWK.generate(kty='EC', crv=curve, kid=curve)
    for alg in ('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'):
        keys[alg] = rsa
    for key in [keys[a] for a in ALGS] + [rsa]:
        entries.append(dict(key.export_public(as_dict=True), use='jwt-svid'))
    cert = x509.load_pem_x509_certificate(open(cert_path, 'rb').read())
    der = cert.public_bytes(serialization.Encoding.DER)
    entry = jwk.JWK.from_pyca(cert.public_key()).export_public(as_dict=True)
    entry.pop('kid', None)
    entries.append(dict(entry, use='x509-svid', x5c=[base64.b64encode(der).decode()]))
    with open(directory + '/bundle.json', 'w') as f:
        json.dump({'keys': entries, 'spiffe_sequence': 12035488}, f, indent=4)
    claims = {'sub': 'spiffe://example.org/web', 'aud': ['reports'], 'exp': int(now) + 60}
    secret = jwk.JWK(kty='oct', k=entries[0]['x'])
    for alg, key in list(keys.items()) + [('HS256', secret)]:
        header = {'alg': alg, 'kid': key.get('kid', 'P-256'), 'typ': 'JWT'}
        token = jwt.JWT(header=header, claims=claims, algs=[alg])
        token.make_signed_token(key)
        with open(f'{directory}/{alg}.jwt', 'w') as f:
            f.write(token.serialize())


def check(bundle, token, aud, now):
    # What a JWT library is given has no use of SPIFFE's own: jwcrypto takes "sig" alone.
    keys = jwk.JWKSet()
    for entry in json.load(open(bundle))['keys']:
        if entry.pop('use', 'jwt-svid') == 'jwt-svid':
            keys.add(jwk.JWK(**entry))
    # Its own clock cannot be set: times are compared here.
    t = jwt.JWT(jwt=token, key=keys, algs=['ES256'], check_claims={'aud': aud, 'exp': None})
    claims = json.loads(t.claims)
    assert claims['exp'] > int(now) >= claims['iat']
    print(claims['sub'], json.loads(t.header)['kid'])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    if sys.argv[1] == 'thumbprint':
        print(jwk.JWK.from_pem(open(sys.argv[2], 'rb').read()).thumbprint())
    else:
        {'make': make, 'check': check}[sys.argv[1]](*sys.argv[2:])
