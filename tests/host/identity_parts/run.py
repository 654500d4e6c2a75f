# SPDX-License-Identifier: Apache-2.0
"""run.py DIRECTORY [NODE-MODULES]: TAP lines. One zone's life over four certificates; while its issuer
is away, another issuer is attacked."""
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../workload_parts'))
import world
from api import Asker, Pushed, all_methods, figures, ids
from attacks import clocks, flood, restarted, strangers, told
from client import messages  # noqa: E402
from files import DB, METRICS, WEB, as_user, modes, openssl
from servers import Load, Nginx, Postgres, make_stranger, refused, shows, works
from world import BUILD, TTL, Evidence, Issuer, Zone, check, end_all, equal, figure

directory, modules = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None
IDENTITIES = [
    {'id': WEB, 'dns': [f'web.{world.DOMAIN}'], 'users': ['www-data']},
    {'id': METRICS, 'hint': 'metrics', 'users': ['www-data']},
    {'id': DB, 'dns': [f'db.{world.DOMAIN}'], 'users': ['postgres']}]
PASSWORD = {'name': 'password', 'from': 'password', 'user': 'www-data'}
LEAVING = {'name': 'leaving', 'from': 'password', 'user': 'backup'}
MORE = {'name': 'more', 'from': 'more', 'user': 'postgres'}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def write_contents():
    for name, content in (('password', 's3cret'), ('more', 'and more')):
        with open(f'{directory}/{name}', 'w', encoding='ascii') as f:
            f.write(content)


def make_issuer(name, evidence, identities, files=()):
    issuer = Issuer(directory, name, evidence, free_port())
    issuer.write_policy(identities, files)
    issuer.serve()
    return issuer


def begin(issuer):
    zone = Zone(directory, 'a', issuer)
    notice = zone.wait_notice()
    figure('ms from the agent\'s start to the first identity',
           round((time.monotonic() - zone.started) * 1000))
    figure('size of the agent\'s program', os.path.getsize(f'{BUILD}/zone/agent/agent'))
    equal('notice: one byte on descriptor 3', notice, b'r')
    line = told(zone, 'proven and fetched in')
    check('console: what there is', '3 identities and 2 files, proven and fetched in' in line, line)
    return zone


def rotate(zone, servers, what):
    """The next fetch, and the reload that init does."""
    notice = zone.wait_notice(TTL)
    for server in servers:
        server.reload()
    equal(f'notice: {what}', notice, b'r')
    for server in servers:
        shows(server, what)
    works(*servers, what)


def take_away(zone, asks, issuer):
    """A policy with an identity less and a file more: nothing changes before the next renewal."""
    issuer.write_policy([i for i in IDENTITIES if i['id'] != METRICS], [PASSWORD, MORE])
    issuer.reload()
    for ask in asks:
        equal(f'reload: {ask.name} still has all', ids(ask('www-data', 'FetchX509SVID')),
              [WEB, METRICS])
    check('reload: no file yet', not os.path.exists(f'{zone.dir}/postgres/files/more'))


def taken_away(zone, asks, pushed):
    new = pushed.next('after the reload')
    equal('reload: the stream has one identity less', ids(new), [WEB])
    for ask in asks:
        equal(f'reload: {ask.name} has one less', ids(ask('www-data', 'FetchX509SVID')), [WEB])
        equal(f'reload: {ask.name} gets no token for it', ask(
            'www-data', 'FetchJWTSVID', audience=['api'], spiffe_id=METRICS).get('error'),
            'PERMISSION_DENIED')
    check('reload: nor are its files there', not os.path.exists(f'{zone.dir}/www-data/hint/metrics'))
    equal('reload: the new file', as_user('postgres', 'cat', f'{zone.dir}/postgres/files/more').stdout,
          'and more')
    check('reload: who has nothing any more has no directory',
          not os.path.lexists(f'{zone.dir}/backup'))
    equal('reload: the old one', as_user('www-data', 'cat', f'{zone.dir}/www-data/files/password')
          .stdout, 's3cret')


def away(zone, asks, pushed, issuer, meanwhile):
    """No issuer for longer than a certificate lives."""
    since = zone.said.count()
    equal('away: the issuer ends in good order', issuer.stop(), 0)
    for ask in asks:
        equal(f'away: {ask.name} still has certificates', ids(ask('postgres', 'FetchX509SVID')), [DB])
        equal(f'away: {ask.name} gets no tokens', ask('postgres', 'FetchJWTSVID', audience=['api'])
              .get('error'), 'UNAVAILABLE')
    others = threading.Thread(target=meanwhile, daemon=True)
    others.start()
    line = zone.said.wait('identity: the issuer at 127.0.0.1 port', since=since, seconds=TTL)
    check('away: the console says what is the matter', 'Connection refused; trying again' in line, line)
    line = zone.said.wait("the certificates' time is over", since=since, seconds=2 * TTL)
    check('away: and what follows', 'and there are no new ones: the issuer at' in line, line)
    end = json.loads(pushed.said.wait('', since=pushed.taken))
    equal('away: the stream ends', end.get('error', end), 'UNAVAILABLE')
    for ask in asks:
        for method in ('FetchX509SVID', 'FetchX509Bundles', 'FetchJWTBundles', 'FetchJWTSVID'):
            request = {'audience': ['api']} if method == 'FetchJWTSVID' else {}
            equal(f'away: {ask.name}: {method}', ask('postgres', method, **request).get('error'),
                  'UNAVAILABLE')
    check('away: the files stay', os.path.exists(f'{zone.dir}/www-data/svid.pem'))
    others.join()
    since = zone.said.count()
    issuer.serve()
    begin_at = time.monotonic()
    notice = zone.wait_notice(90)  # a minute is the most between two tries
    figure('s from the issuer\'s return to new files', round(time.monotonic() - begin_at, 1))
    equal('back: new files', notice, b'r')
    line = told(zone, 'proven and fetched', since=since)
    check('back: the console says so', '2 identities and 2 files' in line, line)
    check('back: the same agent', zone.process.poll() is None)


def attack(evidence):
    try:
        other = make_issuer('other-issuer', evidence, [{'id': WEB}])
        for part in (strangers, restarted, clocks, flood):
            part(directory, other)
    except Exception:
        check('attacks: came to their end', False, traceback.format_exc().replace('\n', '\n# '))


def main():
    write_contents()
    evidence = Evidence(directory)
    issuer = make_issuer('issuer', evidence, IDENTITIES, [PASSWORD, LEAVING])
    zone = begin(issuer)
    os.mkdir(f'{directory}/messages')
    messages(f'{directory}/messages')
    asks = [Asker(zone, f'{directory}/messages')]
    if modules:
        asks.append(Asker(zone, f'{directory}/messages', modules))
    pushed = Pushed(asks[0], 'www-data')
    modes(zone)
    openssl(zone, issuer)
    stranger = make_stranger(directory)
    servers = [Nginx(zone, directory, free_port()), Postgres(zone, directory, free_port())]
    works(*servers, 'at first')
    load = Load(servers[0])
    refused(*servers, stranger)
    all_methods(asks[0], issuer)
    rotate(zone, servers, 'after a rotation')
    pushed.next('a rotation')
    take_away(zone, asks, issuer)
    for ask in asks[1:]:
        all_methods(ask, issuer)
    rotate(zone, servers, 'after the second')
    taken_away(zone, asks, pushed)
    load.end()
    figures(asks[0])
    away(zone, asks, pushed, issuer, lambda: attack(evidence))
    for server in servers:
        server.reload()
        shows(server, 'of the issuer that is back')
    works(*servers, 'with the issuer that is back')
    for ask in asks:
        equal(f'back: {ask.name}: FetchX509SVID', ids(ask('www-data', 'FetchX509SVID')), [WEB])
        equal(f'back: {ask.name}: FetchJWTSVID', ids(ask('postgres', 'FetchJWTSVID',
                                                         audience=['api'])), [DB])


begun = time.monotonic()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and end what was started
try:
    main()
except Exception:
    check('the test came to its end', False, traceback.format_exc().replace('\n', '\n# '))
finally:
    end_all()
figure('s in all', round(time.monotonic() - begun))
sys.exit(world.failed)
