# SPDX-License-Identifier: Apache-2.0
"""The server under test, with a producer that loads snapshots from files."""
import json
import os
import queue
import subprocess
import threading

OWN, OTHER = 'spiffe://example.org', 'spiffe://other.example'


def entry(uid, name, hint='', **more):
    return dict({'uid': uid, 'id': f'{OWN}/{name}', 'hint': hint, 'chain': f'chain of {name}',
                 'key': f'key of {name}'}, **more)


def snapshot(*entries, **more):
    return dict({'domain': OWN, 'entries': entries, 'x509': {OWN: 'CAs', OTHER: 'other CAs'},
                 'jwt': {OWN: '{"keys":[]}', OTHER: '{"keys":[{}]}'}, 'crls': ['CRL']}, **more)


class Server:
    def __init__(self, program, directory):
        self.socket = os.path.join(directory, 'api.sock')
        self.file = os.path.join(directory, 'snapshot.json')
        self.process = subprocess.Popen([program, self.socket], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.expect('ready')

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def expect(self, text, seconds=10):
        while True:
            line = self.lines.get(timeout=seconds)
            if line == text:
                return
            if line.startswith('not ok'):
                raise RuntimeError(line)

    def command(self, line):
        self.process.stdin.write(line + '\n')
        self.expect('ok')

    def load(self, *entries, **more):
        with open(self.file, 'w', encoding='ascii') as f:
            json.dump(snapshot(*entries, **more), f)
        self.command('load ' + self.file)

    def memory(self):
        """RssAnon in KiB."""
        return self._status('RssAnon')

    def _status(self, name):
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as f:
            return int(next(line for line in f if line.startswith(name + ':')).split()[1])

    def worked(self):
        """Seconds of a CPU."""
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def end(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        return self.process.wait(10)
