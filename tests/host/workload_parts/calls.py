# SPDX-License-Identifier: Apache-2.0
"""The Workload API as Debian's grpcio sees it: TAP lines. calls.py SERVER DIRECTORY"""
import os
import subprocess
import sys
import threading
import time
import traceback

import grpc

from client import Client, messages
from serve import OTHER, OWN, Server, entry

failed = False
server = pb = None
UIDS = (12001, 12002)


def check(name, ok, note=''):
    global failed
    failed |= not ok
    print(f'{"ok" if ok else "not ok"} {name}')
    if not ok and note != '':
        print('#', note)


def equal(name, got, want):
    check(name, got == want, f'{got!r}, not {want!r}')


def quiet(stream, seconds=0.5):
    """Nothing more comes on a stream for a while: True. The stream is used up by this."""
    got = []

    def read():
        try:
            got.append(next(stream))
        except grpc.RpcError as e:
            got.append(e)
    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(seconds)
    return not got


def before_first(c):
    for method in ('FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles'):
        equal(f'no snapshot: {method}', c.error(method), 'UNAVAILABLE')
    equal('no snapshot: FetchJWTSVID', c.error('FetchJWTSVID', audience=['a']), 'UNAVAILABLE')
    equal('no snapshot: ValidateJWTSVID', c.error('ValidateJWTSVID', audience='a', svid='good'),
          'UNAVAILABLE')


def x509(c):
    message = next(c('FetchX509SVID'))
    equal('FetchX509SVID: identities', [s.spiffe_id for s in message.svids],
          [OWN + '/first', OWN + '/all'])
    s = message.svids[0]
    equal('FetchX509SVID: an identity', (s.x509_svid, s.x509_svid_key, s.bundle, s.hint),
          (b'chain of first', b'key of first', b'CAs', 'internal'))
    equal('FetchX509SVID: CRLs', list(message.crl), [b'CRL'])
    equal('FetchX509SVID: federated', dict(message.federated_bundles), {OTHER: b'other CAs'})
    message = next(c('FetchX509Bundles'))
    equal('FetchX509Bundles', (dict(message.bundles), list(message.crl)),
          ({OWN: b'CAs', OTHER: b'other CAs'}, [b'CRL']))


def jwt(c):
    message = c('FetchJWTSVID', audience=['x', 'aud'])
    equal('FetchJWTSVID: for all identities', [(s.spiffe_id, s.svid, s.hint) for s in message.svids],
          [(f'{OWN}/first', f'token:{OWN}/first:aud', 'internal'),
           (f'{OWN}/all', f'token:{OWN}/all:aud', '')])
    message = c('FetchJWTSVID', audience=['aud'], spiffe_id=OWN + '/all')
    equal('FetchJWTSVID: for one', [s.spiffe_id for s in message.svids], [OWN + '/all'])
    equal('FetchJWTSVID: of another uid', c.error('FetchJWTSVID', audience=['aud'],
                                                  spiffe_id=OWN + '/second'), 'PERMISSION_DENIED')
    message = c('FetchJWTSVID', audience=['later'])
    equal('FetchJWTSVID: later', len(message.svids), 2)
    for name, audience in (('no audience', []), ('an empty one', ['']), ('one of many', ['a', '']),
                           ('too many', ['a'] * 33), ('a NUL', ['a\0b'])):
        equal(f'FetchJWTSVID: {name}', c.error('FetchJWTSVID', audience=audience),
              'INVALID_ARGUMENT')
    try:
        c('FetchJWTSVID', audience=['fail'])
        check('FetchJWTSVID: fails', False)
    except grpc.RpcError as e:
        equal('FetchJWTSVID: fails', (e.code().name, e.details()),
              ('UNAVAILABLE', 'the CA is away: 100 % of it, größtenteils'))
    equal('FetchJWTBundles', dict(next(c('FetchJWTBundles')).bundles),
          {OWN: b'{"keys":[]}', OTHER: b'{"keys":[{}]}'})
    message = c('ValidateJWTSVID', audience='me', svid='good')
    claims = message.claims
    equal('ValidateJWTSVID: who', message.spiffe_id, OWN + '/someone')
    equal('ValidateJWTSVID: claims', (claims['sub'], list(claims['aud']), claims['exp']),
          (OWN + '/someone', ['me'], 1900000000.0))
    more = claims['more']
    equal('ValidateJWTSVID: nested claims',
          (more['yes'], more['nothing'], more['list'][0], list(more['list'][1]),
           dict(more['list'][2])), (True, None, 1.0, [2.5], {}))
    for name, request in (('bad token', {'audience': 'me', 'svid': 'bad'}),
                          ('no audience', {'svid': 'good'}), ('no token', {'audience': 'me'}),
                          ('cut token', {'audience': 'me', 'svid': 'good\0bad'})):
        equal(f'ValidateJWTSVID: {name}', c.error('ValidateJWTSVID', **request),
              'INVALID_ARGUMENT')


def refused(c):
    for method in ('FetchX509SVID', 'FetchJWTBundles', 'FetchWITSVID', 'ValidateJWTSVID'):
        for name, metadata in (('no metadata', ()), ('other case', [('workload.spiffe.io', 'True')]),
                               ('false', [('workload.spiffe.io', 'false')]),
                               ('true and false', [('workload.spiffe.io', 'true'),
                                                   ('workload.spiffe.io', 'false')])):
            equal(f'{method}: {name}', c.error(method, metadata=metadata), 'INVALID_ARGUMENT')
    equal('FetchWITSVID', c.error('FetchWITSVID'), 'UNIMPLEMENTED')
    equal('FetchWITBundles', c.error('FetchWITBundles'), 'UNIMPLEMENTED')
    many = [('workload.spiffe.io', 'true')] + [(f'x-{i}', 'y' * 60) for i in range(100)]
    equal('too much metadata', c.error('FetchX509SVID', metadata=many), 'RESOURCE_EXHAUSTED')
    equal('too large a request', c.error('ValidateJWTSVID', audience='a', svid='x' * 70000),
          'RESOURCE_EXHAUSTED')
    equal('a large request', c.error('ValidateJWTSVID', audience='a', svid='x' * 65000),
          'INVALID_ARGUMENT')
    start = time.monotonic()
    equal('a call with a time', c.error('FetchX509SVID', timeout=0.3), 'DEADLINE_EXCEEDED')
    check('and it was kept', 0.2 < time.monotonic() - start < 2)
    gzip = Client(server.socket, pb, (('grpc.default_compression_algorithm', 2),))
    equal('compressed', gzip.error('ValidateJWTSVID', audience='a', svid='x' * 5000),
          'UNIMPLEMENTED')
    gzip.close()


def rotation(c):
    svids, bundles, jwks = c('FetchX509SVID'), c('FetchX509Bundles'), c('FetchJWTBundles')
    for stream in (svids, bundles, jwks):
        next(stream)
    server.load(entry(0, 'first', chain='new chain'))
    message = next(svids)
    equal('rotation: a whole new message', [(s.x509_svid, s.bundle) for s in message.svids],
          [(b'new chain', b'CAs')])
    check('rotation: not to those that it changes nothing for', quiet(bundles))
    server.load(entry(0, 'first', chain='new chain'))
    server.load(entry(0, 'first', chain='new chain'), entry(UIDS[0], 'x'))
    server.load(entry(0, 'first', chain='new chain'), jwt={OWN: '{"keys":[1]}'})
    equal('rotation: JWT bundles', dict(next(jwks).bundles), {OWN: b'{"keys":[1]}'})
    check('rotation: nothing twice', quiet(svids))
    svids = c('FetchX509SVID')
    next(svids)
    server.load(entry(UIDS[0], 'x'))
    try:
        check('redaction', False, next(svids))
    except grpc.RpcError as e:
        equal('redaction', e.code().name, 'PERMISSION_DENIED')
    equal('after it', c.error('FetchX509SVID'), 'PERMISSION_DENIED')
    server.load(entry(0, 'first', chain='', key=''))
    equal('no X.509: FetchX509SVID', c.error('FetchX509SVID'), 'PERMISSION_DENIED')
    equal('no X.509: JWT', len(c('FetchJWTSVID', audience=['a']).svids), 1)
    server.load(entry(0, 'first'), jwt={})
    equal('no JWT bundles', c.error('FetchJWTBundles'), 'PERMISSION_DENIED')
    late = threading.Thread(target=lambda: equal(
        'FetchJWTSVID: redacted meanwhile', c.error('FetchJWTSVID', audience=['later']),
        'PERMISSION_DENIED'))
    late.start()
    time.sleep(0.1)
    server.load(entry(UIDS[0], 'x'))
    late.join()


def as_uid(uid, *args):
    return subprocess.run(
        ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', sys.executable,
         os.path.abspath(__file__), '--as', server.socket, directory, *args],
        capture_output=True, text=True, timeout=60, check=False).stdout.strip()


def uids():
    server.load(entry(UIDS[0], 'a'), entry(UIDS[1], 'b'))
    for uid, name in zip(UIDS, 'ab'):
        equal(f'uid {name}', as_uid(uid, 'FetchX509SVID'), f'{OWN}/{name} key of {name}')
        equal(f'uid {name}: JWT', as_uid(uid, 'FetchJWTSVID'), f'{OWN}/{name}')
    equal('uid without an identity', as_uid(12003, 'FetchX509SVID'), 'PERMISSION_DENIED')
    equal('and root', Client(server.socket, pb).error('FetchX509SVID'), 'PERMISSION_DENIED')


def many(c):
    server.load(entry(0, 'first'))
    streams = [c('FetchX509SVID', timeout=60) for _ in range(90)]
    check('90 streams on a connection', all(next(s).svids for s in streams))
    server.load(entry(0, 'first', chain='rotated'))
    check('all are told', all(next(s).svids[0].x509_svid == b'rotated' for s in streams))
    for s in streams:
        s.cancel()
    waiting = [c.channel.unary_unary(
        '/SpiffeWorkloadAPI/FetchJWTSVID', pb.JWTSVIDRequest.SerializeToString,
        pb.JWTSVIDResponse.FromString).future(pb.JWTSVIDRequest(audience=['later']),
                                              metadata=(('workload.spiffe.io', 'true'),))
        for _ in range(30)]
    codes = [w.code().name for w in waiting]
    equal('JWT requests at once', (codes.count('OK'), codes.count('RESOURCE_EXHAUSTED')), (16, 14))
    for _ in range(16):
        w = c.channel.unary_unary('/SpiffeWorkloadAPI/FetchJWTSVID',
                                  pb.JWTSVIDRequest.SerializeToString,
                                  pb.JWTSVIDResponse.FromString).future(
            pb.JWTSVIDRequest(audience=['later']), metadata=(('workload.spiffe.io', 'true'),))
        time.sleep(0.005)
        w.cancel()
    server.expect('fetched for nobody')
    for _ in range(30):
        s = c('FetchX509SVID')
        next(s)
        s.cancel()
    check('after aborted calls', next(c('FetchX509SVID')).svids)


def first(c):
    """How a stream begins: OK, or the status' name."""
    try:
        next(c('FetchX509Bundles', timeout=5))
        return 'OK'
    except grpc.RpcError as e:
        return e.code().name


def connections():
    clients = [Client(server.socket, pb) for _ in range(100)]
    streams = [x('FetchX509SVID', timeout=60) for x in clients]
    check('100 connections', all(next(s).svids for s in streams))
    print(f'# {server.memory()} KiB with 100 connections')
    over = [Client(server.socket, pb) for _ in range(100)]
    got = [first(x) for x in over]
    check('100 more: those beyond 128 of one uid are closed', got.count('OK') <= 28 and
          got.count('UNAVAILABLE') >= 70, got)
    server.load(entry(0, 'first', chain='meanwhile'), entry(UIDS[0], 'a'))
    equal('another uid is served meanwhile', as_uid(UIDS[0], 'FetchX509SVID'), f'{OWN}/a key of a')
    check('and the first 100', all(next(s).svids[0].x509_svid == b'meanwhile' for s in streams))
    for x in clients + over:
        x.close()


def reflect(c):
    for version in ('v1', 'v1alpha'):
        service = f'grpc.reflection.{version}.ServerReflection'
        import refl_pb2 as r
        ask = c.channel.stream_stream(f'/{service}/ServerReflectionInfo',
                                      r.ServerReflectionRequest.SerializeToString,
                                      r.ServerReflectionResponse.FromString)
        md = (('workload.spiffe.io', 'true'),)
        requests = [r.ServerReflectionRequest(list_services='*'),
                    r.ServerReflectionRequest(file_containing_symbol='SpiffeWorkloadAPI'),
                    r.ServerReflectionRequest(file_by_filename='google/protobuf/struct.proto'),
                    r.ServerReflectionRequest(file_containing_symbol=service),
                    r.ServerReflectionRequest(file_containing_symbol='X509SVID.hint'),
                    r.ServerReflectionRequest(file_containing_symbol='No.Such'),
                    r.ServerReflectionRequest(host='h')]
        got = list(ask(iter(requests), metadata=md, timeout=10))
        equal(f'reflection {version}: an answer each', len(got), len(requests))
        equal(f'reflection {version}: services',
              sorted(s.name for s in got[0].list_services_response.service),
              ['SpiffeWorkloadAPI', 'grpc.reflection.v1.ServerReflection',
               'grpc.reflection.v1alpha.ServerReflection'])
        from google.protobuf import descriptor_pb2, descriptor_pool
        pool = descriptor_pool.DescriptorPool()
        names = []
        for data in reversed(got[1].file_descriptor_response.file_descriptor_proto):
            file = descriptor_pb2.FileDescriptorProto.FromString(data)
            names.append(file.name)
            pool.Add(file)
        methods = [m.name for m in pool.FindServiceByName('SpiffeWorkloadAPI').methods]
        check(f'reflection {version}: a service with its imports',
              len(methods) == 7 and 'google/protobuf/struct.proto' in names, (methods, names))
        # What is reflected is what the clients' own definition says, field by field.
        same = True
        for name, mine in pb.DESCRIPTOR.message_types_by_name.items():
            its = pool.FindMessageTypeByName(name)
            same &= [(f.name, f.number, f.type, f.label) for f in mine.fields] == \
                [(f.name, f.number, f.type, f.label) for f in its.fields]
        check(f'reflection {version}: the same fields and numbers', same)
        check(f'reflection {version}: by name', len(
            got[2].file_descriptor_response.file_descriptor_proto) == 1)
        check(f'reflection {version}: itself', len(
            got[3].file_descriptor_response.file_descriptor_proto) == 1)
        check(f'reflection {version}: a field', len(
            got[4].file_descriptor_response.file_descriptor_proto) == 2)
        equal(f'reflection {version}: nothing of that name', got[5].error_response.error_code, 5)
        equal(f'reflection {version}: nothing asked', got[6].error_response.error_code, 3)
        equal(f'reflection {version}: the question', got[1].original_request, requests[1])
        try:
            list(ask(iter(requests), timeout=10))
            check(f'reflection {version}: no metadata', False)
        except grpc.RpcError as e:
            equal(f'reflection {version}: no metadata', e.code().name, 'INVALID_ARGUMENT')


def figures():
    server.load(entry(0, 'first'))
    rest = [Client(server.socket, pb) for _ in range(10)]
    streams = [x('FetchX509SVID', timeout=60) for x in rest]
    for s in streams:
        next(s)
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as f:
        lines = dict(line.split(':', 1) for line in f)
    print('# 10 connections: VmRSS', lines['VmRSS'].strip(), 'RssAnon', lines['RssAnon'].strip())
    times = []
    for _ in range(200):
        start = time.perf_counter()
        s = rest[0]('FetchX509SVID')
        next(s)
        times.append(time.perf_counter() - start)
        s.cancel()
        time.sleep(0.05 if len(times) > 100 else 0)
    times.sort()
    print(f'# first message of FetchX509SVID: median {times[100] * 1e6:.0f} us, '
          f'99 %: {times[198] * 1e6:.0f} us (grpcio and Python within)')
    check('first message: no delay', times[100] < 0.05)
    for x in rest:
        x.close()


def end():
    c = Client(server.socket, pb)
    s = c('FetchX509SVID')
    next(s)
    server.command('end')
    try:
        check('end: streams', False, next(s))
    except grpc.RpcError as e:
        equal('end: streams', e.code().name, 'UNAVAILABLE')
    equal('end: the server', server.process.wait(10), 0)
    check('end: the socket', not os.path.exists(server.socket))


def child(socket, method):
    c = Client(socket, pb)
    try:
        if method == 'FetchX509SVID':
            message = next(c(method))
            print(' '.join(f'{s.spiffe_id} {s.x509_svid_key.decode()}' for s in message.svids))
        else:
            print(' '.join(s.spiffe_id for s in c(method, audience=['a']).svids))
    except grpc.RpcError as e:
        print(e.code().name)


if sys.argv[1] == '--as':
    directory = sys.argv[3]
    pb = messages(directory)
    child(sys.argv[2], sys.argv[4])
    sys.exit(0)

program, directory = sys.argv[1:]
os.chmod(directory, 0o755)
pb = messages(directory)
# Reflection's messages, by the server's own names, from a .proto of the clients'.
here = os.path.dirname(os.path.abspath(__file__))
subprocess.run(['protoc', '-I' + here, '--python_out=' + directory,
                os.path.join(here, 'refl.proto')], check=True)
server = Server(program, directory)
try:
    client = Client(server.socket, pb)
    before_first(client)
    server.load(entry(0, 'first', 'internal'), entry(UIDS[1], 'second'), entry('all', 'all'))
    for part in (x509, jwt, refused, reflect, rotation):
        part(client)
    uids()
    many(client)
    client.close()
    connections()
    figures()
    end()
except Exception:
    traceback.print_exc()
    check('the test came to its end', False)
    server.end()
sys.exit(failed)
