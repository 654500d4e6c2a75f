# SPDX-License-Identifier: Apache-2.0
"""The programs of an identity test: forged evidence, issuers, agents in zones that are only played.

Everything is waited for by what the programs say, with deadlines that a busy machine needs.
"""
import json
import os
import pwd
import signal
import subprocess
import threading
import time

BUILD = os.environ.get('BUILD', 'build')
DOMAIN = 'example.org'
TTL = 60  # seconds, the least that a policy may say
DEADLINE = 60
AGENT_UID = 65533
FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
failed = False
printing = threading.Lock()
ended = []  # what has to be ended, the last first
ending = threading.Event()


def tell(line):
    with printing:
        print(line, flush=True)


def check(name, ok, note=''):
    global failed
    failed |= not ok
    tell(f'{"ok" if ok else "not ok"} {name}')
    if not ok and note != '':
        tell(f'# {note}')
    return ok


def equal(name, got, want):
    return check(name, got == want, f'{got!r}, not {want!r}')


def figure(name, value):
    tell(f'# figure {name}: {value}')


class Gone(Exception):
    """What a test needs has not come."""


class Said:
    """Lines of a program, as they come."""

    def __init__(self, file, name):
        self.lines, self.news, self.name, self.file = [], threading.Condition(), name, file
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.file:
            with self.news:
                self.lines.append(line.rstrip('\n'))
                self.news.notify_all()

    def count(self):
        with self.news:
            return len(self.lines)

    def wait(self, *texts, since=0, seconds=DEADLINE):
        """The first line from number `since` on that has all these texts."""
        def found():
            return next((x for x in self.lines[since:] if all(t in x for t in texts)), None)

        with self.news:
            if not self.news.wait_for(found, seconds):
                last = [line[:300] for line in self.lines[-5:]]
                raise Gone(f'{self.name} has not said {texts} in {seconds} s: {last}')
            return found()


def start(*args, **more):
    if ending.is_set():
        raise Gone('the test is over')
    process = subprocess.Popen([str(a) for a in args], text=True, errors='replace', **more)
    ended.append(process)
    return process


def finish(process, sig=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(sig)
    try:
        return process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(20)


def end_all():
    ending.set()
    for process in reversed(ended):
        finish(process)


def run(*args, **more):
    return subprocess.run([str(a) for a in args], text=True, capture_output=True, check=False,
                          timeout=DEADLINE, **more)


def status(pid, name):
    """A figure of /proc/PID/status in KiB."""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return int(next(line for line in f if line.startswith(name + ':')).split()[1])


def listens(port):
    """Wait for a server of somebody else's, which says nothing."""
    until = time.monotonic() + DEADLINE
    while run('bash', '-c', f'exec 9<>/dev/tcp/127.0.0.1/{port}').returncode:
        if time.monotonic() > until:
            raise Gone(f'nobody listens on port {port}')
        time.sleep(0.1)


class Evidence:
    """The forge, and a verifier's policy that takes what it makes, of two images."""

    def __init__(self, directory):
        self.seed = seed = f'{directory}/seed'
        process = start(f'{BUILD}/tests/evidence-seed', '--serve', seed, stdout=subprocess.PIPE)
        said = Said(process.stdout, 'evidence-seed')
        self.port = {kind: int(said.wait(f'{kind} ').split()[1])
                     for kind in ('good', 'other', 'bios')}
        self.policy = f'{directory}/verifier.json'
        made = run(f'{BUILD}/bin/cloister', 'policy', 'init', '--digest', 'd1' * 48, '--digest',
                   'd2' * 48, '--ca', f'{seed}/ca.pem', '--crl', f'{seed}/crl.pem',
                   '--boot-reference', f'{seed}/reference.json', '--firmware-from',
                   f'{seed}/node.cbor', '--require-iommu', '--output', self.policy)
        if made.returncode:
            raise Gone(f'cloister policy init: {made.stderr}')


class Issuer:
    """cloister-issuer, and its policy for the zone of digest d1…"""

    program = f'{BUILD}/bin/cloister-issuer'

    def __init__(self, directory, name, evidence, port):
        self.name, self.evidence, self.port = name, evidence, port
        self.state, self.policy = f'{directory}/{name}', f'{directory}/{name}.json'
        made = run(self.program, 'init', self.state, '--trust-domain', DOMAIN)
        if made.returncode:
            raise Gone(f'cloister-issuer init: {made.stderr}')
        self.key = json.loads(run(self.program, 'show', self.state, '--json').stdout)['channel_key']

    def write_policy(self, identities, files=()):
        with open(self.policy, 'w', encoding='ascii') as f:
            json.dump({'version': 1, 'trust_domain': DOMAIN, 'x509_ttl': TTL, 'jwt_ttl': TTL,
                       'zones': [{'digest': 'd1' * 48, 'identities': identities,
                                  'files': list(files)}]}, f)

    def serve(self):
        self.process = start(self.program, 'serve', self.state, '--policy', self.policy,
                             '--verifier-policy', self.evidence.policy, '--listen',
                             f'127.0.0.1:{self.port}', stderr=subprocess.PIPE)
        self.said = Said(self.process.stderr, f'cloister-issuer {self.name}')
        self.said.wait('serving zones')

    def reload(self):
        since = self.said.count()
        self.process.send_signal(signal.SIGHUP)
        self.said.wait('SIGHUP: policies read', since=since)

    def stop(self):
        return finish(self.process)


class Zone:
    """The agent with /etc and /run of its own; `dir` is its /run/spiffe."""

    # The mounts are the zone's. The notice pipe becomes descriptor 3, as init has it.
    SCRIPT = '''
set -e
mount --bind "$1/etc" /etc
mount -t tmpfs -o mode=755 none /run
mkdir /run/spiffe
mount --bind "$1/spiffe" /run/spiffe
exec 3>&"$2" {fd}>&-
[ -z "$4" ] || export LD_PRELOAD="$4"
exec "$3" www-data
'''

    def __init__(self, directory, name, issuer, kind='good', clock=None):
        self.name, self.base = name, f'{directory}/zone-{name}'
        base = self.base
        self.dir, self.socket = f'{base}/spiffe', f'{base}/spiffe/workload.sock'
        os.makedirs(f'{base}/etc/cloister')
        os.mkdir(self.dir)
        os.chown(self.dir, AGENT_UID, AGENT_UID)
        with open(f'{base}/etc/passwd', 'w', encoding='ascii') as f:
            f.write('root:x:0:0::/:/bin/false\n')
            for user in ('www-data', 'postgres', 'backup'):
                p = pwd.getpwnam(user)
                f.write(f'{user}:x:{p.pw_uid}:{p.pw_gid}::/:/bin/false\n')
        with open(f'{base}/etc/cloister/identity', 'w', encoding='ascii') as f:
            f.write(f'issuer 127.0.0.1:{issuer.port} {issuer.key}\n'
                    f'evidence 127.0.0.1:{issuer.evidence.port[kind]}\n')
        self.clock = f'{base}/clock'
        self.environment, self.preload = {'PATH': os.environ['PATH']}, ''
        if clock is not None:
            self.set_clock(clock)
            self.preload = FAKETIME
            self.environment.update(FAKETIME_TIMESTAMP_FILE=self.clock, FAKETIME_NO_CACHE='1',
                                    FAKETIME_DONT_FAKE_MONOTONIC='1')
        self.start()

    def start(self):
        """As init does it, also when the agent has ended."""
        kind = 'zone-agent-shared' if self.preload else 'zone-agent'
        program = os.path.abspath(f'{BUILD}/tests/{kind}')
        self.notice, give = os.pipe()
        os.set_blocking(self.notice, False)
        os.set_blocking(give, False)  # as init's
        self.started = time.monotonic()
        self.process = start(
            'unshare', '-m', '--propagation', 'private', 'bash', '-c',
            self.SCRIPT.format(fd=give), 'zone', self.base, give, program, self.preload,
            stderr=subprocess.PIPE, pass_fds=[give], env=self.environment)
        os.close(give)
        self.said = Said(self.process.stderr, f'zone {self.name}')

    def set_clock(self, offset):
        with open(self.clock + '.new', 'w', encoding='ascii') as f:
            f.write(offset + '\n')
        os.rename(self.clock + '.new', self.clock)

    def wait_notice(self, seconds=DEADLINE):
        """One byte of the pipe: files are new. All that there is by then."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                got = os.read(self.notice, 64)
                if not got:
                    raise Gone(f'zone {self.name} has ended: {self.said.lines[-5:]}')
                return got
            except BlockingIOError:
                time.sleep(0.005)
        raise Gone(f'zone {self.name}: no new files in {seconds} s: {self.said.lines[-5:]}')

    def stop(self):
        return finish(self.process)
