# SPDX-License-Identifier: Apache-2.0
"""The agent's Workload API, by two independent clients, and tokens by jwcrypto."""
import base64
import datetime
import json
import os
import pwd
import subprocess
import sys
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from files import DB, METRICS, WEB
from world import DOMAIN, Said, check, equal, figure, finish, run, start, status

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.environ.get('SPIFFE_WORKLOAD_PROTO') or os.path.join(
    HERE, '../workload_parts/client.proto')
OWN = f'spiffe://{DOMAIN}'


class Asker:
    """Calls of a user's, each by a process of its own."""

    def __init__(self, zone, directory, modules=None):
        self.zone, self.directory, self.modules = zone, directory, modules
        self.name = 'grpc-js' if modules else 'grpcio'

    def command(self, user, *args):
        uid = pwd.getpwnam(user).pw_uid
        client = ['env', f'NODE_PATH={self.modules}', 'node', f'{HERE}/ask.cjs', self.zone.socket,
                  PROTO] if self.modules else [sys.executable, f'{HERE}/ask.py', self.zone.socket,
                                               self.directory]
        return ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', *client, *args]

    def __call__(self, user, method, **request):
        got = run(*self.command(user, method, json.dumps(request)))
        try:
            return json.loads(got.stdout)
        except ValueError:
            return {'error': 'none', 'details': got.stderr}

    def stream(self, user, method):
        process = start(*self.command(user, method, 'stream'), stdout=subprocess.PIPE)
        return process, Said(process.stdout, f'{self.name} {method} of {user}')


def ids(answer):
    return [s['spiffe_id'] for s in answer.get('svids', [])] or answer


def leaf(svid):
    return x509.load_der_x509_certificate(base64.b64decode(svid['x509_svid']))


def of_file(path):
    with open(path, 'rb') as f:
        return x509.load_pem_x509_certificate(f.read()).public_bytes(Encoding.DER)


def jwcrypto(bundle, token, audience):
    return run(sys.executable, f'{HERE}/../spiffe_jose.py', 'check', bundle, token, audience,
               int(time.time()))


def tokens(ask, issuer, user, spiffe_id):
    n = f'{ask.name}, {user}'
    got = ask(user, 'FetchJWTSVID', audience=['api', 'more'], spiffe_id=spiffe_id)
    if not equal(f'{n}: FetchJWTSVID', ids(got), [spiffe_id]):
        return
    token = got['svids'][0]['svid']
    bundles = ask(user, 'FetchJWTBundles')['bundles']
    equal(f'{n}: FetchJWTBundles', list(bundles), [OWN])
    fetched, printed = f'{ask.directory}/fetched.json', f'{ask.directory}/printed.json'
    with open(fetched, 'wb') as f:
        f.write(base64.b64decode(bundles[OWN]))
    with open(printed, 'w', encoding='ascii') as f:
        f.write(run(issuer.program, 'bundle', issuer.state).stdout)
    for name, file in (('FetchJWTBundles', fetched), ('cloister-issuer bundle', printed)):
        good = jwcrypto(file, token, 'api')
        check(f'{n}: jwcrypto takes the token by {name}', good.stdout.startswith(f'{spiffe_id} '),
              good.stderr)
        check(f'{n}: jwcrypto does not for another audience by {name}',
              jwcrypto(file, token, 'else').returncode != 0)
    got = ask(user, 'ValidateJWTSVID', audience='api', svid=token)
    equal(f'{n}: ValidateJWTSVID', got.get('spiffe_id', got), spiffe_id)
    body = token.rindex('.') + 20
    for name, audience, svid in (
            ('another audience', 'else', token),
            ('a changed token', 'api',
             token[:body] + ('A' if token[body] != 'A' else 'B') + token[body + 1:])):
        equal(f'{n}: ValidateJWTSVID: {name}',
              ask(user, 'ValidateJWTSVID', audience=audience, svid=svid).get('error'),
              'INVALID_ARGUMENT')


def all_methods(ask, issuer):
    zone = ask.zone
    for user, spiffe_ids in (('www-data', [WEB, METRICS]), ('postgres', [DB])):
        n = f'{ask.name}, {user}'
        for _ in range(2):  # a renewal may come between
            got = ask(user, 'FetchX509SVID')
            svid = got.get('svids', [{'x509_svid': ''}])[0]
            of_api = base64.b64decode(svid['x509_svid'])
            if of_api == of_file(f'{zone.dir}/{user}/svid.pem'):
                break
        if not equal(f'{n}: FetchX509SVID', ids(got), spiffe_ids):
            continue
        equal(f'{n}: the certificate is the file\'s', of_api,
              of_file(f'{zone.dir}/{user}/svid.pem'))
        ca = of_file(f'{zone.dir}/{user}/svid_bundle.pem')
        equal(f'{n}: so is the bundle', base64.b64decode(svid['bundle']), ca)
        got = ask(user, 'FetchX509Bundles')
        equal(f'{n}: FetchX509Bundles', {k: base64.b64decode(v) for k, v in got['bundles'].items()},
              {OWN: ca})
        tokens(ask, issuer, user, spiffe_ids[0])
        stranger = DB if user == 'www-data' else WEB
        equal(f'{n}: another\'s token', ask(user, 'FetchJWTSVID', audience=['api'],
                                            spiffe_id=stranger).get('error'), 'PERMISSION_DENIED')
    equal(f'{ask.name}: a user without an identity', ask('nobody', 'FetchX509SVID').get('error'),
          'PERMISSION_DENIED')


class Pushed:
    """A stream that is open from now on."""

    def __init__(self, ask, user):
        self.process, self.said = ask.stream(user, 'FetchX509SVID')
        self.first = leaf(json.loads(self.said.wait('svids'))['svids'][0])
        self.taken = 1

    def next(self, name):
        new = json.loads(self.said.wait('', since=self.taken))
        self.taken += 1
        if not check(f'{name}: the stream goes on', 'svids' in new, new):
            return new
        cert, now = leaf(new['svids'][0]), time.time()
        check(f'{name}: another certificate', cert.serial_number != self.first.serial_number)
        check(f'{name}: before the end of the one before',
              now < self.first.not_valid_after.replace(tzinfo=datetime.timezone.utc).timestamp())
        self.first = cert
        return new


def figures(ask):
    pid = ask.zone.process.pid
    figure('agent VmRSS, VmHWM after two rotations, KiB',
           (status(pid, 'VmRSS'), status(pid, 'VmHWM')))
    streams = [ask.stream('www-data', 'FetchX509SVID') for _ in range(10)]
    for _, said in streams:
        said.wait('svids')
    most = status(pid, 'VmHWM')
    figure('agent VmRSS, VmHWM with 10 streams, KiB', (status(pid, 'VmRSS'), most))
    check('agent: never more than 10 MiB', most < 10 << 10, most)
    for process, _ in streams:
        finish(process)
