# SPDX-License-Identifier: Apache-2.0
"""nginx, PostgreSQL, curl and psql with a zone's files, and nothing else that they were told."""
import glob
import os
import pwd
import signal
import subprocess
import threading
import time

from files import as_user, serial
from world import DOMAIN, Gone, check, equal, figure, listens, run, start

NGINX_CONF = '''
daemon off;
worker_processes 2;
pid {d}/pid;
error_log stderr warn;
events {{ worker_connections 128; }}
http {{
	access_log off;
	client_body_temp_path {d}/body;
	proxy_temp_path {d}/proxy;
	fastcgi_temp_path {d}/fastcgi;
	uwsgi_temp_path {d}/uwsgi;
	scgi_temp_path {d}/scgi;
	server {{
		listen 127.0.0.1:{port} ssl;
		ssl_certificate {svid}/svid.pem;
		ssl_certificate_key {svid}/svid_key.pem;
		ssl_client_certificate {svid}/svid_bundle.pem;
		ssl_verify_client on;
		location / {{ return 200 "$ssl_client_verify $ssl_client_serial\\n"; }}
	}}
}}
'''
LOAD_S = 0.05  # between a client's requests


def become(user):
    p = pwd.getpwnam(user)

    def change():
        os.setgroups([])
        os.setgid(p.pw_gid)
        os.setuid(p.pw_uid)
    return change


def private(path, user):
    os.mkdir(path, 0o700)
    p = pwd.getpwnam(user)
    os.chown(path, p.pw_uid, p.pw_gid)
    return path


class Nginx:
    name, user = 'nginx', 'www-data'

    def __init__(self, zone, directory, port):
        d = private(f'{directory}/nginx', self.user)
        self.zone, self.port, self.log = zone, port, f'{directory}/nginx.log'
        conf = f'{directory}/nginx.conf'
        with open(conf, 'w', encoding='ascii') as f:
            f.write(NGINX_CONF.format(d=d, port=port, svid=f'{zone.dir}/{self.user}'))
        with open(self.log, 'wb') as log:
            self.process = start('/usr/sbin/nginx', '-e', 'stderr', '-c', conf, stderr=log,
                                 preexec_fn=become(self.user))
        listens(port)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def ask(self, *options, user='postgres'):
        """A request with the files of a user, by way of the one directory that they are in then."""
        return as_user(user, 'curl', '-sS', '--max-time', '20', '--resolve',
                       f'web.{DOMAIN}:{self.port}:127.0.0.1', '--cacert', 'svid_bundle.pem',
                       *options, f'https://web.{DOMAIN}:{self.port}/',
                       cwd=os.path.realpath(f'{self.zone.dir}/{user}'))

    def serial(self):
        """Of the certificate that it shows."""
        shown = run('bash', '-c', f'openssl s_client -connect 127.0.0.1:{self.port} </dev/null '
                    '2>/dev/null | openssl x509 -noout -serial')
        return shown.stdout.strip()


SVID = ('--cert', 'svid.pem', '--key', 'svid_key.pem')


class Postgres:
    name, user = 'PostgreSQL', 'postgres'

    def __init__(self, zone, directory, port):
        bins = sorted(glob.glob('/usr/lib/postgresql/*/bin'))[-1]
        data = private(f'{directory}/data', self.user)
        self.zone, self.port = zone, port
        made = as_user(self.user, f'{bins}/initdb', '-D', data, '--no-sync', '-A', 'reject', cwd='/')
        if made.returncode:
            raise Gone(f'initdb: {made.stderr}')
        svid = f'{zone.dir}/{self.user}'
        with open(f'{data}/postgresql.conf', 'a', encoding='ascii') as f:
            f.write(f"ssl = on\nssl_cert_file = '{svid}/svid.pem'\n"
                    f"ssl_key_file = '{svid}/svid_key.pem'\nssl_ca_file = '{svid}/svid_bundle.pem'\n"
                    f"listen_addresses = '127.0.0.1'\nport = {port}\nfsync = off\n"
                    "unix_socket_directories = ''\n")
        with open(f'{data}/pg_hba.conf', 'w', encoding='ascii') as f:
            f.write('hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\n')
        with open(f'{directory}/postgres.log', 'wb') as log:
            self.process = start(f'{bins}/postgres', '-D', data, stdout=log,
                                 stderr=subprocess.STDOUT, cwd='/', preexec_fn=become(self.user))
        listens(port)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def ask(self, cert='svid.pem', key='svid_key.pem', host=f'db.{DOMAIN}', user='www-data'):
        """What psql of another user of the zone is told."""
        where = (f'host={host} hostaddr=127.0.0.1 port={self.port} user=postgres dbname=postgres '
                 f'sslmode=verify-full sslrootcert=svid_bundle.pem sslcert={cert} sslkey={key} '
                 'connect_timeout=20')
        return as_user(user, 'psql', '-XAt', where, '-c',
                       'SELECT client_serial FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
                       cwd=os.path.realpath(f'{self.zone.dir}/{user}'))

    def serial(self):
        shown = run('bash', '-c', f'openssl s_client -connect 127.0.0.1:{self.port} -starttls '
                    'postgres </dev/null 2>/dev/null | openssl x509 -noout -serial')
        return shown.stdout.strip()


def make_stranger(directory):
    """A certificate with the right names by nobody whom anybody knows, readable for all its users."""
    path = f'{directory}/stranger'
    run('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
        '-keyout', f'{path}.key', '-out', f'{path}.pem', '-subj', '/CN=stranger', '-addext',
        f'subjectAltName=URI:spiffe://{DOMAIN}/web')
    for user in ('postgres', 'www-data'):
        run('install', '-m', '400', '-o', user, f'{path}.key', f'{path}-{user}.key')
    return path


def shows(server, what):
    """The new certificate comes with the reload, which nobody announces."""
    want = serial(f'{server.zone.dir}/{server.user}/svid.pem')
    until = time.monotonic() + 20
    while (got := server.serial()) != want and time.monotonic() < until:
        time.sleep(0.1)
    equal(f'{server.name} shows the certificate, {what}', got, want)


def works(nginx, postgres, what):
    mine = serial(f'{nginx.zone.dir}/postgres/svid.pem').split('=')[1]
    got = nginx.ask(*SVID)
    equal(f'curl and nginx, mutual TLS, {what}', (got.stdout.strip(), got.stderr),
          (f'SUCCESS {mine}', ''))
    mine = int(serial(f'{nginx.zone.dir}/www-data/svid.pem').split('=')[1], 16)
    got = postgres.ask()
    equal(f'psql and PostgreSQL, mutual TLS, {what}', (got.stdout.strip(), got.stderr),
          (str(mine), ''))


def refused(nginx, postgres, stranger):
    got = nginx.ask()
    check('nginx: nobody without a certificate', 'No required SSL certificate' in got.stdout, got)
    got = nginx.ask('--cert', f'{stranger}.pem', '--key', f'{stranger}-postgres.key')
    check('nginx: no stranger\'s certificate', 'SSL certificate error' in got.stdout, got)
    got = nginx.ask(*SVID, '--cacert', f'{stranger}.pem')
    equal('curl: not another authority\'s server', got.returncode, 60)
    got = nginx.ask(*SVID, '--resolve', f'db.{DOMAIN}:{nginx.port}:127.0.0.1', '--output',
                    '/dev/null', f'https://db.{DOMAIN}:{nginx.port}/')
    check('curl: not under another name', 'no alternative certificate subject name' in got.stderr,
          got)
    got = postgres.ask(cert='none', key='none')
    check('PostgreSQL: nobody without a certificate',
          'connection requires a valid client certificate' in got.stderr, got)
    got = postgres.ask(cert=f'{stranger}.pem', key=f'{stranger}-www-data.key')
    check('PostgreSQL: no stranger\'s certificate', 'unknown ca' in got.stderr, got)
    got = postgres.ask(host=f'web.{DOMAIN}')
    check('psql: not under another name', 'does not match host name' in got.stderr, got)


class Load:
    """Two clients of nginx; each request is a connection."""

    def __init__(self, nginx):
        self.nginx, self.done, self.lost, self.serials = nginx, 0, [], set()
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(2)]
        for t in self.threads:
            t.start()

    def work(self):
        while not self.ending.wait(LOAD_S):
            got = self.nginx.ask(*SVID)
            with self.lock:
                self.done += 1
                if got.stdout.startswith('SUCCESS '):
                    self.serials.add(got.stdout.split()[1])
                else:
                    self.lost.append((got.stdout, got.stderr))

    def end(self):
        self.ending.set()
        for t in self.threads:
            t.join()
        figure('requests of nginx over two rotations, lost', (self.done, len(self.lost)))
        check('nginx loses no request over two rotations', self.done > 50 and not self.lost,
              (self.done, self.lost[:3]))
        equal('clients had three certificates meanwhile', len(self.serials), 3)
