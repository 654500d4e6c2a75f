# SPDX-License-Identifier: Apache-2.0
"""Clocks that are wrong, zones that are others, and clients that keep the issuer waiting."""
import calendar
import os
import re
import socket
import ssl
import threading
import time
from contextlib import suppress

from world import Gone, Zone, check, equal, figure, status

SILENT = 300
HOLD_S = 0.02  # between the bytes of a slow handshake
# ISSUER_STRANGERS_MAX (64) connections that have proven nothing, each with a thread, TLS and, from
# its hello on, room for one proof of CL_EVIDENCE_MAX (128 KiB) or so: 0.4 MiB. As many again are on
# their way out. All that besides the program's own.
GROWTH_KIB = 2 * 64 * 400


def told(zone, *texts):
    try:
        return zone.said.wait(*texts)
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


def slow_handshake(port, stop):
    """A ClientHello, byte after byte."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname='x')
    with suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = outgoing.read()
    while not stop.is_set():
        with suppress(OSError), socket.create_connection(('127.0.0.1', port), 5) as s:
            for i in range(len(hello)):
                s.send(hello[i:i + 1])
                if stop.wait(HOLD_S):
                    break


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


def flood(directory, issuer):
    pid = issuer.process.pid
    before = status(pid, 'VmHWM')
    stop, silent, hears = threading.Event(), [], []
    slow = [threading.Thread(target=slow_handshake, args=(issuer.port, stop)) for _ in range(4)]
    for t in slow:
        t.start()
    for _ in range(20):
        deaf(issuer.port, hears)
    for _ in range(SILENT):
        silent.append(socket.create_connection(('127.0.0.1', issuer.port), 10))
    for _ in range(20):
        deaf(issuer.port, hears)
    threads = status(pid, 'Threads')
    zone = Zone(directory, 'meanwhile', issuer)
    try:
        equal('flood: a good zone gets its identity', zone.wait_notice(20), b'r')
        figure('ms to it', round((time.monotonic() - zone.started) * 1000))
    except Gone as e:
        check('flood: a good zone gets its identity', False, e)
    zone.stop()
    peak = status(pid, 'VmHWM')
    figure('cloister-issuer VmHWM before and with it, KiB, and threads', (before, peak, threads))
    check('flood: bounded memory', peak - before < GROWTH_KIB, (before, peak))
    check('flood: bounded threads', threads <= 256 + 4, threads)
    gone = 0
    for s in silent:
        s.setblocking(False)
        with suppress(BlockingIOError, ConnectionResetError):
            s.recv(1)
            gone += 1
    check('flood: the oldest of the silent ones had to go', SILENT - 64 <= gone < SILENT, gone)
    stop.set()
    for t in slow:
        t.join()
    for s in silent + hears:
        s.close()
    after = Zone(directory, 'after', issuer)
    equal('flood: and after it', after.wait_notice(), b'r')
    after.stop()
    check('flood: the issuer runs', issuer.process.poll() is None)
