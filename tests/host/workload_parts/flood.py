# SPDX-License-Identifier: Apache-2.0
"""What a hostile client does below gRPC, frame by frame: TAP lines. flood.py SERVER DIRECTORY"""
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

from client import Client, messages
from serve import Server, entry

PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
failed = False
server = None


def check(name, ok, note=''):
    global failed
    failed |= not ok
    print(f'{"ok" if ok else "not ok"} {name}', flush=True)
    if not ok and note != '':
        print('#', note)


def frame(kind, flags=0, stream=0, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + \
        struct.pack('>I', stream) + payload


def block(*more, path=b'/SpiffeWorkloadAPI/FetchX509SVID', key=b'true'):
    """Header fields, each literal and never indexed (RFC 7541, section 6.2.3)."""
    out = b''
    for name, value in ((b':method', b'POST'), (b':scheme', b'http'), (b':path', path),
                        (b':authority', b'localhost'), (b'te', b'trailers'),
                        (b'content-type', b'application/grpc'),
                        (b'workload.spiffe.io', key), *more):
        size = bytes([len(value)]) if len(value) < 127 else None
        if size is None:
            n, size = len(value) - 127, b'\x7f'
            while n > 127:
                size, n = size + bytes([n & 127 | 128]), n >> 7
            size += bytes([n])
        out += b'\x10' + bytes([len(name)]) + name + size + value
    return out


EMPTY = b'\0\0\0\0\0'


def call(stream, **kwargs):
    return frame(HEADERS, 4, stream, block(**kwargs)) + frame(DATA, 1, stream, EMPTY)


class Raw:
    def __init__(self, settings=b'', greet=True):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(server.socket)
        self.buffer, self.closed = b'', False
        if greet:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def send(self, data):
        try:
            self.s.sendall(data)
            return True
        except OSError:
            self.closed = True
            return False

    def frames(self, seconds=0.5):
        """What comes within that time, or until nothing does or the end."""
        out, until = [], time.monotonic() + seconds
        while not self.closed:
            while len(self.buffer) >= 9:
                size = int.from_bytes(self.buffer[:3], 'big')
                if len(self.buffer) < 9 + size:
                    break
                out.append((self.buffer[3], self.buffer[4],
                            int.from_bytes(self.buffer[5:9], 'big'), self.buffer[9:9 + size]))
                self.buffer = self.buffer[9 + size:]
            left = max(0, until - time.monotonic())
            if not select.select([self.s], [], [], left)[0]:
                break
            try:
                data = self.s.recv(65536)
            except OSError:
                data = b''
            self.closed = not data
            self.buffer += data
        return out

    def goaway(self, seconds=2):
        """The error code that the connection ends with, None: it goes on; -1: without one."""
        code = -1
        for kind, _, _, payload in self.frames(seconds):
            if kind == GOAWAY:
                code = int.from_bytes(payload[4:8], 'big')
        return code if self.closed else None

    def close(self):
        self.s.close()


def served():
    """Is a client in good order served, and how soon?"""
    start = time.monotonic()
    c = Client(server.socket, pb)
    good = len(next(c('FetchX509SVID')).svids) == 1
    c.close()
    return good and time.monotonic() - start < 2


def flood(name, make, want=11, pieces=4000, each=8):
    """Until the server has enough, which it has to have: ENHANCE_YOUR_CALM is 11."""
    raw = Raw()
    i = 0
    while i < pieces and raw.send(b''.join(make(i * each + k) for k in range(each))):
        i += 1
        if select.select([raw.s], [], [], 0)[0] and any(f[0] == GOAWAY for f in raw.frames(0)):
            break
    raw.frames(1)
    check(f'{name}: ended', raw.closed, f'after {i * each} it goes on')
    check(f'{name}: others are served', served())
    raw.close()


def floods():
    flood('rapid reset', lambda i: frame(HEADERS, 4, 2 * i + 1, block()) +
          frame(RST, 0, 2 * i + 1, struct.pack('>I', 8)))
    flood('PING', lambda i: frame(PING, 0, 0, bytes(8)))
    flood('SETTINGS', lambda i: frame(SETTINGS))
    flood('PRIORITY', lambda i: frame(PRIORITY, 0, 2 * i + 1, bytes(4) + b'\1'))
    flood('unknown frames', lambda i: frame(0xee, 0, 0, b'x'))
    flood('empty DATA', lambda i: (frame(HEADERS, 4, 1, block()) if not i else b'') +
          frame(DATA, 0, 1))
    flood('CONTINUATION', lambda i: frame(CONTINUATION, 0, 1, block()[:7])
          if i else frame(HEADERS, 0, 1, block()[:7]))
    flood('calls without metadata', lambda i: call(2 * i + 1, key=b'no'))
    flood('streams beyond the number', lambda i: frame(HEADERS, 4, 2 * i + 1, block()))
    # What is allowed at its side: as many calls, in good order.
    c = Client(server.socket, pb)
    good = sum(c.error('ValidateJWTSVID', audience='a', svid='good') == 'OK' for _ in range(2000))
    check('2000 calls in good order', good == 2000, good)
    c.close()


def violations():
    for name, data, code in (
            ('not HTTP/2', b'GET / HTTP/1.1\r\n\r\n' + bytes(20), None),
            ('DATA on stream 0', PREFACE + frame(SETTINGS) + frame(DATA, 0, 0, b'x'), 1),
            ('a frame too large', PREFACE + frame(SETTINGS) + frame(DATA, 0, 1, bytes(16385)), 6),
            ('an even stream', PREFACE + frame(SETTINGS) + call(2), 1),
            ('bad HPACK', PREFACE + frame(SETTINGS) + frame(HEADERS, 5, 1, b'\xff\xff\xff'), 9),
            ('PUSH_PROMISE', PREFACE + frame(SETTINGS) + frame(PUSH, 4, 1, bytes(8)), 1),
            ('a window too large', PREFACE + frame(SETTINGS) +
             frame(WINDOW, 0, 0, struct.pack('>I', 0x7fffffff)), 3)):
        raw = Raw(greet=False)
        raw.send(data)
        got = raw.goaway()
        check(f'{name}: ended', got is not None and (code is None or got == code), got)
        raw.close()
    raw = Raw()
    raw.send(call(1) + call(1))
    frames = raw.frames(0.5)
    check('a stream used twice is an error', any(f[0] in (RST, GOAWAY) for f in frames) or raw.closed)
    raw.close()
    check('after violations: others are served', served())


def answer(*more, body=frame(DATA, 1, 1, EMPTY), **kwargs):
    """Of one call: all header blocks that come back, as they are on the wire."""
    raw = Raw()
    raw.send(frame(HEADERS, 4, 1, block(*more, **kwargs)) + body)
    out = raw.frames(0.3)
    raw.close()
    return out


def framing():
    def status(frames):
        """Is it Trailers-Only, and RST_STREAM NO_ERROR behind it if the client was not done?"""
        heads = [f for f in frames if f[0] == HEADERS]
        return len(heads) == 1 and heads[0][1] & 1
    check('a message of another length', status(answer(body=frame(DATA, 1, 1, b'\0\0\0\0\5x'))))
    check('half a prefix', status(answer(body=frame(DATA, 1, 1, b'\0\0'))))
    check('no message', status(answer(body=frame(DATA, 1, 1, b''))))
    check('two messages', status(answer(body=frame(DATA, 1, 1, EMPTY * 2))))
    check('the compressed flag', status(answer(body=frame(DATA, 1, 1, b'\1\0\0\0\0'))))
    frames = answer(body=frame(DATA, 0, 1, b'\0\xff\xff\xff\xff'))
    check('a length of 4 GiB: before it comes', status(frames) and
          (RST, 0, 1, bytes(4)) in frames, frames)
    pieces = b''.join(frame(DATA, int(i == 4), 1, EMPTY[i:i + 1]) for i in range(5))
    frames = answer(body=pieces)
    check('a message byte by byte', not status(frames) and any(f[0] == DATA for f in frames))
    raw = Raw()
    raw.send(frame(PING, 0, 0, b'12345678'))
    check('PING is answered', (PING, 1, 0, b'12345678') in raw.frames(0.5))
    raw.close()


def slow_reader():
    server.load(entry(0, 'first'), pad=300000)
    before = server.memory()
    # A window of 0: nothing of the message may be sent, and there is news all the time.
    raws = [Raw(settings=struct.pack('>HI', 4, 0)) for _ in range(20)]
    for raw in raws:
        raw.send(call(1) + call(3))
    time.sleep(0.3)
    for i in range(50):
        server.load(entry(0, 'first', chain=f'chain {i} '), pad=300000)
    grown = server.memory() - before
    check('slow readers: no queue', grown < 4000, f'{grown} KiB more')
    raw = raws[0]
    raw.send(frame(WINDOW, 0, 0, struct.pack('>I', 1 << 20)) +
             frame(WINDOW, 0, 1, struct.pack('>I', 1 << 20)))
    data = b''.join(f[3] for f in raw.frames(1) if f[0] == DATA and f[2] == 1)
    check('slow readers: the latest', b'chain 49 ' in data and len(data) > 300000 and
          b'chain 0 ' not in data, len(data))
    for raw in raws:
        raw.close()
    # Some bytes of each version and then no more: each version is kept for somebody.
    raws = []
    for i in range(60):
        raw = Raw(settings=struct.pack('>HI', 4, 100))
        raw.send(call(1))
        raw.frames(0.02)
        raws.append(raw)
        server.load(entry(0, 'first', chain=f'turn {i} '), pad=300000)
    grown = server.memory() - before
    check('slow readers of each version: bounded', grown < 12000, f'{grown} KiB more')
    check('and others of the uid are served', served())
    for raw in raws:
        raw.close()
    server.load(entry(0, 'first'))
    # One that does not read its socket at all.
    raw = Raw(settings=struct.pack('>HI', 4, 1 << 30))
    raw.s.setblocking(False)
    sent = 0
    try:
        while sent < 50 << 20:
            sent += raw.s.send(frame(PING, 0, 0, bytes(8)) * 100)
    except BlockingIOError:
        pass
    except OSError:
        pass
    check('one that does not read is not read from', sent < 50 << 20, sent)
    check('and others are served', served())
    raw.close()


def greedy(path):
    """Calls in good order, as fast as the server takes them, on eight connections, for ever."""
    body = b'\0\0\0\0\x09\x0a\1a\x12\4good'
    head = block(path=b'/SpiffeWorkloadAPI/ValidateJWTSVID')

    def read(s):
        while s.recv(65536):
            pass

    def run():
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)
        threading.Thread(target=read, args=(s,), daemon=True).start()
        s.sendall(PREFACE + frame(SETTINGS, 0, 0, struct.pack('>HI', 4, 1 << 30)) +
                  frame(WINDOW, 0, 0, struct.pack('>I', 1 << 30)))
        for i in range(1, 1 << 30, 100):
            s.sendall(b''.join(frame(HEADERS, 4, k, head) + frame(DATA, 1, k, body)
                               for k in range(i, i + 100, 2)))
    threads = [threading.Thread(target=run, daemon=True) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def starvation():
    server.load(entry(0, 'first'), entry(12001, 'greedy'))
    child = subprocess.Popen(
        ['setpriv', '--reuid=12001', '--regid=12001', '--clear-groups', sys.executable,
         os.path.abspath(__file__), '--greedy', server.socket], stderr=subprocess.DEVNULL)
    time.sleep(1.5)
    worked = server.worked()
    start = time.monotonic()
    c, times = Client(server.socket, pb), []
    for _ in range(60):
        begun = time.monotonic()
        good = c.error('ValidateJWTSVID', audience='a', svid='good') == 'OK'
        times.append(time.monotonic() - begun if good else 99)
        time.sleep(0.02)
    share = (server.worked() - worked) / (time.monotonic() - start)
    check('a greedy uid is at work', child.poll() is None and share > 0.05, share)
    child.kill()
    child.wait()
    c.close()
    times.sort()
    print(f'# beside a greedy uid: median {times[30] * 1e3:.1f} ms, longest {times[-1] * 1e3:.1f} ms, '
          f'server busy {share * 100:.0f} %')
    check('beside a greedy uid others are served', times[30] < 0.2, times)
    server.load(entry(0, 'first'))


def silence():
    """Greeting, frame, header block, each begun and left: ten seconds (limits.h)."""
    silent = Raw(greet=False)
    half = Raw()
    half.send(frame(PING, 0, 0, bytes(8))[:5])
    headers = Raw()
    headers.send(frame(HEADERS, 0, 1, block()[:20]))
    good = Raw()
    start = time.monotonic()
    time.sleep(8)
    check('silence: patience', not any(r.frames(0) and r.closed for r in (silent, half, headers)))
    for name, raw in (('silence', silent), ('half a frame', half),
                      ('half a header block', headers)):
        raw.frames(max(0.1, start + 13 - time.monotonic()))
        check(f'{name}: ended', raw.closed)
        raw.close()
    good.frames(0.1)
    check('silence: not of one that has greeted', not good.closed)
    good.close()


def idle():
    """No connection is left; a client's channel takes its time to close one."""
    until = time.monotonic() + 5
    while server.descriptors() != without and time.monotonic() < until:
        time.sleep(0.02)
    return server.descriptors() == without


def connections():
    check('no connection is left over', idle())
    raws = [Raw() for _ in range(200)]
    time.sleep(0.5)
    alive = []
    for raw in raws:
        raw.frames(0)
        alive.append(not raw.closed)
    check('200 connections of a uid: 128 are kept', sum(alive) == 128, sum(alive))
    print(f'# {server.memory()} KiB with 128 connections')
    for raw in raws:
        raw.close()
    check('all are given back', idle())
    check('and others are served again', served())


if sys.argv[1] == '--greedy':
    greedy(sys.argv[2])
    sys.exit(0)
program, directory = sys.argv[1:]
pb = messages(directory)
server = Server(program, directory)
without = server.descriptors()
try:
    server.load(entry(0, 'first'))
    check('before', served())
    for part in (violations, framing, floods, slow_reader, connections, starvation, silence):
        part()
except Exception:
    traceback.print_exc()
    check('the test came to its end', False)
check('the server ends', server.end() == 0)
sys.exit(failed)
