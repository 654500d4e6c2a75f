# SPDX-License-Identifier: Apache-2.0
"""What a zone's users find as files, and what OpenSSL says about it."""
import os
import pwd
import stat

from world import AGENT_UID, DOMAIN, check, equal, run

WEB, DB, METRICS = (f'spiffe://{DOMAIN}/{name}' for name in ('web', 'db', 'metrics'))
EVERYBODY, OWNER = 0o444, 0o400


def serial(path):
    return run('openssl', 'x509', '-in', path, '-noout', '-serial').stdout.strip()


def owned(zone, path, user, mode):
    st = os.stat(f'{zone.dir}/{path}')
    p = pwd.getpwnam(user)
    return equal(f'files: owner and mode of {path}',
                 (st.st_uid, st.st_gid, oct(stat.S_IMODE(st.st_mode))),
                 (p.pw_uid, p.pw_gid, oct(mode)))


def as_user(user, *args, **more):
    return run('setpriv', f'--reuid={user}', f'--regid={pwd.getpwnam(user).pw_gid}',
               '--clear-groups', *args, **more)


def modes(zone):
    for user in ('www-data', 'postgres'):
        link = f'{zone.dir}/{user}'
        check(f'files: {user} is a link', os.path.islink(link))
        for name, mode in (('svid.pem', EVERYBODY), ('svid_bundle.pem', EVERYBODY),
                           ('svid_key.pem', OWNER)):
            owned(zone, f'{user}/{name}', user, mode)
    owned(zone, 'www-data/hint/metrics/svid_key.pem', 'www-data', OWNER)
    for user, name in (('www-data', 'password'), ('backup', 'leaving')):
        owned(zone, f'{user}/files/{name}', user, OWNER)
    st = os.stat(zone.dir)
    equal('files: the directory is the agent\'s alone',
          (st.st_uid, oct(stat.S_IMODE(st.st_mode) & 0o022)), (AGENT_UID, '0o0'))
    equal('files: none for others', sorted(
        x for x in os.listdir(zone.dir) if not x.startswith('.')),
        ['backup', 'postgres', 'workload.sock', 'www-data'])
    for reader, owner in (('www-data', 'postgres'), ('postgres', 'www-data')):
        key = f'{zone.dir}/{owner}/svid_key.pem'
        check(f'files: {owner} reads its key', as_user(owner, 'cat', key).returncode == 0)
        check(f'files: {reader} does not read {owner}\'s key',
              as_user(reader, 'cat', key).returncode != 0)
    password = f'{zone.dir}/www-data/files/password'
    equal('files: content', as_user('www-data', 'cat', password).stdout, 's3cret')
    check('files: content is not postgres\'s', as_user('postgres', 'cat', password).returncode != 0)


def openssl(zone, issuer):
    spki = {}
    for where, spiffe_id, name in (('www-data', WEB, 'web'), ('postgres', DB, 'db'),
                                   ('www-data/hint/metrics', METRICS, None)):
        # One fetch's, whatever comes meanwhile.
        d = os.path.realpath(f'{zone.dir}/{where}')
        for purpose in ('sslserver', 'sslclient'):
            got = run('openssl', 'verify', '-x509_strict', '-purpose', purpose, '-CAfile',
                      f'{d}/svid_bundle.pem', '-untrusted', f'{d}/svid.pem', f'{d}/svid.pem')
            equal(f'openssl verify: {where}, {purpose}', got.stdout.strip(), f'{d}/svid.pem: OK')
        text = run('openssl', 'x509', '-in', f'{d}/svid.pem', '-noout', '-text').stdout
        names = f'URI:{spiffe_id}' + (f', DNS:{name}.{DOMAIN}' if name else '')
        check(f'openssl x509: names of {where}', f'{names}\n' in text, text)
        public = [run('openssl', *args).stdout for args in (
            ('pkey', '-in', f'{d}/svid_key.pem', '-check', '-pubout'),
            ('x509', '-in', f'{d}/svid.pem', '-noout', '-pubkey'))]
        check(f'openssl pkey: the key of {where} is the certificate\'s',
              'Key is valid' in public[0] and public[1] and public[1] in public[0], public)
        spki[public[1]] = where
    equal('openssl: a key for each identity', len(spki), 3)
    # Another trust domain's authority does not do.
    other = run('openssl', 'verify', '-CAfile', f'{issuer.evidence.seed}/ca.pem',
                f'{zone.dir}/www-data/svid.pem')
    check('openssl verify: not with another authority', other.returncode != 0, other.stdout)
    bundle = run('openssl', 'verify', '-x509_strict', '-CAfile',
                 f'{zone.dir}/www-data/svid_bundle.pem', f'{zone.dir}/www-data/svid_bundle.pem')
    check('openssl verify: the bundle', bundle.returncode == 0, bundle.stderr)
