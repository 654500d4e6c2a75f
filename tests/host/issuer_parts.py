# SPDX-License-Identifier: Apache-2.0
"""Parts of issuer.sh.

issuer_parts.py jwks BUNDLE                 its keys' kinds and thumbprints, by jwcrypto
issuer_parts.py x5c BUNDLE                  its first certificate, PEM
issuer_parts.py older KEYS.json SECONDS     signing keys that were made that much earlier
issuer_parts.py policy SCHEMA FILE...       does each of the files keep to the schema?
issuer_parts.py liar CERT KEY BUNDLE        an HTTPS server that answers /HOW in some wrong way
issuer_parts.py silent PORT COUNT           connections that say nothing; "closed" when all are
"""
import base64
import json
import socket
import ssl
import sys
import threading


def jwks(path):
    from jwcrypto import jwk
    for entry in json.load(open(path))['keys']:
        use = entry.pop('use')
        assert use in ('x509-svid', 'jwt-svid'), use
        print(use.split('-')[0], jwk.JWK(**entry).thumbprint())


def x5c(path):
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    for entry in json.load(open(path))['keys']:
        if 'x5c' in entry:
            der = base64.b64decode(entry['x5c'][0], validate=True)
            pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
            sys.stdout.write(pem.decode())
            return


def older(path, seconds):
    keys = json.load(open(path))
    for kind in ('x509', 'jwt'):
        for key in keys[kind]:
            key['made'] -= int(seconds)
            key['until'] -= int(seconds)
    json.dump(keys, open(path, 'w'))


def policy(rules, *paths):
    import jsonschema
    rules = json.load(open(rules))
    jsonschema.Draft202012Validator.check_schema(rules)
    judge = jsonschema.Draft202012Validator(rules)
    for path in paths:
        print('good' if judge.is_valid(json.load(open(path))) else 'bad')


def head(status='200 OK', **fields):
    lines = [f'HTTP/1.1 {status}'] + [f"{k.replace('_', '-')}: {v}" for k, v in fields.items()]
    return ('\r\n'.join(lines) + '\r\n\r\n').encode()


def lies(bundle):
    old = json.dumps(dict(json.loads(bundle), spiffe_sequence=0)).encode()
    empty = b'{"keys": [], "spiffe_sequence": 9}'
    size = len(bundle)
    return {
        '/good': head(Content_Length=size) + bundle,
        '/unsized': head() + bundle,
        '/old': head(Content_Length=len(old)) + old,
        '/empty': head(Content_Length=len(empty)) + empty,
        '/redirect': head('302 Found', Location='/good', Content_Length=0),
        '/missing': head('404 Not Found', Content_Length=0),
        '/chunked': head(Transfer_Encoding='chunked') + b'%x\r\n%s\r\n0\r\n\r\n' % (size, bundle),
        '/packed': head(Content_Encoding='gzip', Content_Length=size) + bundle,
        '/short': head(Content_Length=size + 1) + bundle,
        '/lengths': head(Content_Length=size, content_length=size) + bundle,
        '/words': head(Content_Length='many') + bundle,
        '/long': head() + b' ' * (300 << 10) + bundle,
        '/longhead': head(X='x' * 9000, Content_Length=size) + bundle,
        '/text': head(Content_Length=5) + b'hello',
        '/twice': head() + b'{"keys": [], "keys": []}',
        '/other': b'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    }


def answer(context, plain, table):
    try:
        with context.wrap_socket(plain, server_side=True) as s:
            s.settimeout(20)
            got = b''
            while b'\r\n\r\n' not in got:
                more = s.recv(4096)
                if not more:
                    return
                got += more
            path = got.split()[1].decode()
            if path == '/slow':
                s.sendall(head())
                for _ in range(100):
                    s.send(b' ')
                    threading.Event().wait(0.5)
            if path == '/cut':
                s.sendall(table['/unsized'][:-10])
                s.detach()  # no end of TLS's
                return
            s.sendall(table[path])
            s.unwrap()
    except (OSError, ssl.SSLError):
        pass


def liar(cert, key, bundle):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    table = lies(open(bundle, 'rb').read())
    listener = socket.create_server(('127.0.0.1', 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        plain = listener.accept()[0]
        threading.Thread(target=answer, args=(context, plain, table), daemon=True).start()


def silent(port, count):
    peers = [socket.create_connection(('127.0.0.1', int(port))) for _ in range(int(count))]
    print('connected', flush=True)
    for s in peers:
        s.settimeout(40)
        try:
            while s.recv(100):
                pass
        except ConnectionError:
            pass
    print('closed', flush=True)


if __name__ == '__main__':
    {'jwks': jwks, 'x5c': x5c, 'older': older, 'policy': policy, 'liar': liar,
     'silent': silent}[sys.argv[1]](*sys.argv[2:])
