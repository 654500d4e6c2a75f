# SPDX-License-Identifier: Apache-2.0
"""Clocks that are wrong, zones that are others, and clients that keep the issuer waiting."""
import calendar
import os
import re
import signal
import socket
import ssl
import stat
import threading
import time
from contextlib import suppress

from files import serial
from world import Gone, Zone, check, equal, figure, finish, status

SILENT = 300
COME_S = 0.003  # between newcomers
HOLD_S = 0.2  # between the bytes of a slow handshake
OPEN_S = 30  # ISSUER_OPEN_MS: to become a channel
LATE_S = 15  # on a busy machine
# ISSUER_STRANGERS_MAX (64) connections that have proven nothing, each with a thread, TLS and, from
# its hello on, room for one proof of CL_EVIDENCE_MAX (128 KiB) or so: 0.4 MiB. As many again are on
# their way out. All that besides the program's own.
GROWTH_KIB = 2 * 64 * 400


def told(zone, *texts, since=0):
    try:
        return zone.said.wait(*texts, since=since)
    except Gone as e:
        return str(e)


def strangers(directory, issuer):
    """Zones that are not what the policies accept, beside one that is."""
    other, bios = (Zone(directory, kind, issuer, kind) for kind in ('other', 'bios'))
    line = told(other, 'the issuer knows nothing that this zone may have')
    check('another image gets nothing', 'trying again' in line, line)
    line = told(bios, 'the peer refuses: boot-log: ')
    check('an unmeasured node gets nothing', 'trying again' in line, line)
    good = Zone(directory, 'good', issuer)
    equal('the right one gets its identity', good.wait_notice(), b'r')
    for zone in (other, bios):
        with suppress(BlockingIOError):
            check(f'{zone.name}: no files', False, os.read(zone.notice, 64))
        zone.stop()
    good.stop()


def restarted(directory, issuer):
    """An agent that is killed, and the one after it in the same place."""
    zone = Zone(directory, 'restarted', issuer)
    equal('restart: the first agent', zone.wait_notice(), b'r')
    path = f'{zone.dir}/www-data/svid.pem'
    before, one = serial(path), os.path.realpath(path)
    finish(zone.process, signal.SIGKILL)
    equal('restart: the files stay', serial(path), before)
    zone.start()
    equal('restart: the second agent', zone.wait_notice(), b'r')
    check('restart: another certificate', serial(path) not in ('', before))
    check('restart: what was open stays', serial(one) == before)
    check('restart: the socket is its own', stat.S_ISSOCK(os.stat(zone.socket).st_mode) and
          zone.process.poll() is None)
    zone.stop()


def clocks(directory, issuer):
    """Two hours wrong, then right."""
    zones = {}
    for name, offset, sign, why in (('ahead', '+2h', 1, 'certificate has expired'),
                                    ('behind', '-2h', -1, 'certificate is not yet valid')):
        zones[name] = zone = Zone(directory, name, issuer, clock=offset)
        line = told(zone, 'a certificate: ' + why)
        got = re.search(r'the clock here says (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)$', line)
        check(f'clock {name}: told with what it says', got and 'trying again' in line, line)
        if got:
            says = calendar.timegm(time.strptime(got[1], '%Y-%m-%dT%H:%M:%SZ'))
            check(f'clock {name}: and that is two hours', abs(says - time.time() - sign * 7200) < 60,
                  says - time.time())
    for name, zone in zones.items():
        zone.set_clock('+0')
        equal(f'clock {name}: right again, there are files', zone.wait_notice(), b'r')
        check(f'clock {name}: and it says so', '1 identities' in told(zone, 'proven and fetched'))
        zone.stop()


def slow_handshake(port, stop, lives):
    """A ClientHello, byte after byte, and another; how long the issuer has let them."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='x')
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    while not stop.is_set():
        begun = time.monotonic()
        with suppress(OSError), socket.create_connection(('127.0.0.1', port), 5) as s:
            for i in range(len(hello)):
                s.send(hello[i:i + 1])
                if stop.wait(HOLD_S):
                    return
        lives.append(time.monotonic() - begun)


def deaf(port, keep):
    """A client that says hello and reads nothing of the answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    s.settimeout(5)
    s.connect(('127.0.0.1', port))
    s.sendall(outgoing.read())
    keep.append(s)


def newcomers(port, stop, count):
    """Some hundred a second, of which each makes an older one go."""
    held = []
    while not stop.wait(COME_S):
        with suppress(OSError):
            held.append(socket.create_connection(('127.0.0.1', port), 5))
            count.append(1)
        if len(held) == 200:
            held.pop(0).close()
    for s in held:
        s.close()


def closed(connections):
    """Those that the issuer has ended."""
    gone = []
    for s in connections:
        s.setblocking(False)
        with suppress(BlockingIOError):
            with suppress(ConnectionResetError):
                s.recv(1)
            gone.append(s)
    return gone


def meanwhile(directory, issuer, name):
    zone = Zone(directory, name, issuer)
    try:
        equal(f'flood: a good zone gets its identity, {name}', zone.wait_notice(20), b'r')
        figure(f'ms to it, {name}', round((time.monotonic() - zone.started) * 1000))
    except Gone as e:
        check(f'flood: a good zone gets its identity, {name}', False, e)
    return zone


def flood(directory, issuer):
    """Until its last zone has a channel and is stopped, and the issuer has to end with that."""
    pid = issuer.process.pid
    before = status(pid, 'VmHWM')
    stop, silent, hears, lives = threading.Event(), [], [], []
    slow = [threading.Thread(target=slow_handshake, args=(issuer.port, stop, lives),
                             daemon=True)
            for _ in range(4)]
    for t in slow:
        t.start()
    for _ in range(20):
        deaf(issuer.port, hears)
    for _ in range(SILENT):
        silent.append(socket.create_connection(('127.0.0.1', issuer.port), 10))
    begun = time.monotonic()
    for _ in range(20):
        deaf(issuer.port, hears)
    threads = status(pid, 'Threads')
    meanwhile(directory, issuer, 'during').stop()
    check('flood: the oldest of the silent ones had to go',
          SILENT - 64 <= len(closed(silent)) < SILENT, len(closed(silent)))
    while len(closed(silent)) < SILENT and time.monotonic() - begun < OPEN_S + LATE_S:
        time.sleep(0.2)
    figure('s until the last of the silent ones is hung up on', round(time.monotonic() - begun, 1))
    equal('flood: all of the silent ones are hung up on', len(closed(silent)), SILENT)
    while max(lives, default=0) < OPEN_S - 1 and time.monotonic() - begun < 2 * OPEN_S:
        time.sleep(0.2)
    stop.set()
    for t in slow:
        t.join()
    figure('s that a byte now and then has lasted at most', round(max(lives, default=0), 1))
    check('flood: a byte now and then is no reason to stay',
          OPEN_S - 1 < max(lives, default=0) < OPEN_S + LATE_S, lives)
    for s in silent + hears:
        s.close()
    peak = status(pid, 'VmHWM')
    figure('cloister-issuer VmHWM before and with it, KiB, and threads', (before, peak, threads))
    check('flood: bounded memory', peak - before < GROWTH_KIB, (before, peak))
    check('flood: bounded threads', threads <= 256 + 4, threads)
    stop.clear()
    count, begun = [], time.monotonic()
    come = threading.Thread(target=newcomers, args=(issuer.port, stop, count), daemon=True)
    come.start()
    while len(count) < SILENT:
        time.sleep(0.01)
    meanwhile(directory, issuer, 'among newcomers').stop()
    stop.set()
    come.join()
    figure('newcomers per second', round(len(count) / (time.monotonic() - begun)))
    frozen = meanwhile(directory, issuer, 'that then stops')
    frozen.process.send_signal(signal.SIGSTOP)
    meanwhile(directory, issuer, 'after').stop()
    equal('flood: the issuer ends in good order, with a zone that does not', issuer.stop(), 0)
    frozen.process.send_signal(signal.SIGCONT)
    frozen.stop()
