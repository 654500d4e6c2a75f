# SPDX-License-Identifier: Apache-2.0
"""A running node, for tests, the demo and the benchmarks.

    with Node(forward=[(7000, 6379)]) as node:
        rc, out, err = node.run("uname -a")

Everything waits for events (a frame, a line, an exit), never for a guess of seconds.
"""
import itertools
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "node"))
from machine import BUILD, ROOT, Machine, NodeError, free_port  # noqa: E402,F401 (for our users)

PING, RUN, STDIN, KILL = 1, 2, 3, 4
HELLO, STDOUT, STDERR, EXIT = 16, 17, 18, 19
HEADER = struct.Struct("<III")
CHUNK = 48 << 10

# Emulation is slow and the build machine may be shared: a time-out is for what hangs.
BOOT_SECONDS = 180
RUN_SECONDS = 120


class Timeout(NodeError):
    pass


class Died(NodeError):
    """QEMU ended, or the command channel broke."""


class Result(tuple):
    """(rc, out, err); out and err are text, the bytes are in out_bytes and err_bytes."""

    def __new__(cls, rc, out, err):
        self = super().__new__(cls, (rc, out.decode(errors="replace"),
                                     err.decode(errors="replace")))
        self.rc, self.out, self.err = self
        self.out_bytes, self.err_bytes = out, err
        return self


class Job:
    """A command that runs in the node. wait() gives its Result."""

    def __init__(self, agent, number, command):
        self.agent, self.number, self.command = agent, number, command
        self.out, self.err, self.rc = bytearray(), bytearray(), None

    def wait(self, timeout=RUN_SECONDS):
        end = time.monotonic() + timeout
        try:
            while self.rc is None:
                self.agent.pump(end, f"command did not end: {self.command[:200]}")
        except Timeout:
            self.kill()
            raise
        return Result(self.rc, bytes(self.out), bytes(self.err))

    def wait_for(self, pattern, timeout=RUN_SECONDS):
        """Waits until the job's output (or error output) has the pattern; gives the match."""
        pattern = re.compile(pattern if isinstance(pattern, bytes) else pattern.encode(), re.M)
        end = time.monotonic() + timeout
        while True:
            found = pattern.search(self.out) or pattern.search(self.err)
            if found:
                return found
            if self.rc is not None:
                raise NodeError(f"command ended with {self.rc} before it said {pattern.pattern}: "
                                f"{self.command[:200]}\n{self.out[-2000:].decode(errors='replace')}"
                                f"{self.err[-2000:].decode(errors='replace')}")
            self.agent.pump(end, f"command did not say {pattern.pattern}: {self.command[:200]}")

    def write(self, data):
        for i in range(0, len(data), CHUNK):
            self.agent.send(self.number, STDIN, data[i:i + CHUNK])

    def close_input(self):
        self.agent.send(self.number, STDIN, b"")

    def kill(self):
        self.agent.send(self.number, KILL, b"")


class Agent:
    """Client of node/agent/agent.c over the virtio-serial port."""

    def __init__(self, machine):
        self.machine = machine
        self.socket = machine.connect("agent")
        self.socket.setblocking(False)
        self.jobs = {}
        self.numbers = itertools.count(1)
        self.received = bytearray()

    def close(self):
        self.socket.close()

    def hello(self, timeout):
        """Returns when the agent answers. Skips what an earlier client left unread."""
        token = os.urandom(16)
        self.send(0, PING, token)
        answer = HEADER.pack(0, HELLO, len(token)) + token
        end = time.monotonic() + timeout
        while answer not in self.received:
            self._receive(end, "the node did not come up")
        del self.received[:self.received.index(answer) + len(answer)]

    def send(self, number, kind, data):
        data = memoryview(HEADER.pack(number, kind, len(data)) + data)
        end = time.monotonic() + RUN_SECONDS
        while data:
            # Take answers while waiting: the agent may be writing to us and not reading.
            readable, writable, _ = self._select(end, True, "the node takes no input")
            if readable:
                self._take()
            if writable:
                try:
                    data = data[self.socket.send(data):]
                except BlockingIOError:
                    pass
                except OSError as e:
                    raise Died(f"command channel: {e}; {self.machine.errors()}") from None

    def start(self, command):
        job = Job(self, next(self.numbers), command)
        self.jobs[job.number] = job
        self.send(job.number, RUN, command.encode())
        return job

    def pump(self, end, why):
        """Waits for something from the agent and gives it to the jobs."""
        if not self._dispatch():
            self._receive(end, why)
            self._dispatch()

    def _select(self, end, write, why):
        ready = select.select([self.socket], [self.socket] if write else [], [],
                              max(0, end - time.monotonic()))
        if not any(ready):
            raise Timeout(why)
        return ready

    def _receive(self, end, why):
        self._select(end, False, why)
        self._take()

    def _take(self):
        try:
            data = self.socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise Died(f"the node ended (QEMU closed the command channel): "
                       f"{self.machine.errors()}")
        self.received += data

    def _dispatch(self):
        taken = False
        while len(self.received) >= HEADER.size:
            number, kind, length = HEADER.unpack_from(self.received)
            if len(self.received) < HEADER.size + length:
                break
            data = self.received[HEADER.size:HEADER.size + length]
            del self.received[:HEADER.size + length]
            taken = True
            job = self.jobs.get(number)
            if job is None:
                continue
            if kind == STDOUT:
                job.out += data
            elif kind == STDERR:
                job.err += data
            elif kind == EXIT:
                job.rc = data[0]
                del self.jobs[number]
        return taken


class Qmp:
    """QEMU's machine protocol: what someone with the whole machine in hand can do."""

    def __init__(self, machine):
        self.socket = machine.connect("qmp")
        self.file = self.socket.makefile("rwb")
        self._read()
        self.command("qmp_capabilities")

    def _read(self):
        line = self.file.readline()
        if not line:
            raise Died("the node ended (QEMU closed the QMP socket)")
        return json.loads(line)

    def command(self, name, timeout=RUN_SECONDS, **arguments):
        self.socket.settimeout(timeout)
        self.file.write(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        self.file.flush()
        while True:
            try:
                answer = self._read()
            except socket.timeout:
                raise Timeout(f"QEMU did not answer {name}") from None
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise NodeError(f"QMP {name}: {answer['error']['desc']}")

    def close(self):
        self.file.close()
        self.socket.close()


class Node:
    """A node: started, ready, ended. Options are those of machine.Machine, by name."""

    def __init__(self, **options):
        self.options = options
        self.machine = None
        self.agent = None
        self._qmp = None
        self.boot_seconds = None

    # -- life ----------------------------------------------------------------------------------

    def start(self, wait=True, timeout=BOOT_SECONDS):
        begin = time.monotonic()
        self.machine = Machine(**self.options).start()
        try:
            self.agent = Agent(self.machine)
            if wait:
                self.wait_ready(timeout)
                self.boot_seconds = time.monotonic() - begin
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self, timeout=BOOT_SECONDS):
        """The command channel starts last, so when it answers all of the node is there."""
        self.agent.hello(timeout)

    def stop(self):
        for thing in (self._qmp, self.agent):
            if thing:
                thing.close()
        self._qmp = self.agent = None
        if self.machine:
            self.machine.stop()

    kill = stop

    def alive(self):
        return self.machine is not None and self.machine.running()

    def wait_end(self, timeout=RUN_SECONDS):
        """Waits until QEMU ends by itself (the node powered off or reset)."""
        return self.machine.process.wait(timeout)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # -- commands and files --------------------------------------------------------------------

    def popen(self, command):
        """Starts a command as root and gives its Job."""
        return self.agent.start(command)

    def run(self, command, timeout=RUN_SECONDS, input=None):
        """Runs a command as root: (rc, out, err)."""
        job = self.popen(command)
        if input is not None:
            job.write(input.encode() if isinstance(input, str) else input)
        job.close_input()
        return job.wait(timeout)

    def check(self, command, timeout=RUN_SECONDS, input=None):
        """Runs a command that has to succeed; gives its output."""
        rc, out, err = self.run(command, timeout, input)
        if rc != 0:
            raise NodeError(f"`{command[:200]}` ended with {rc}: {(err or out).strip()[-2000:]}")
        return out

    def put(self, source, path, mode=0o644):
        """Copies bytes, or a file of this machine, to a path in the node."""
        data = source if isinstance(source, (bytes, bytearray)) else Path(source).read_bytes()
        self.check(f"cat > '{path}' && chmod {mode:o} '{path}'", 600, data)

    def get(self, path, destination=None):
        """Copies a file out of the node: gives its bytes, or writes them to destination."""
        result = self.run(f"cat '{path}'", 600)
        if result.rc != 0:
            raise NodeError(f"cannot read {path} in the node: {result.err.strip()}")
        if destination is None:
            return result.out_bytes
        Path(destination).write_bytes(result.out_bytes)
        return None

    # -- logs ----------------------------------------------------------------------------------

    def core_log(self):
        return LogFile(self.machine.core_log, self)

    def console(self):
        return LogFile(self.machine.console_log, self)

    # -- the machine itself --------------------------------------------------------------------

    def qmp(self, command, **arguments):
        if self._qmp is None:
            self._qmp = Qmp(self.machine)
        return self._qmp.command(command, **arguments)

    def monitor(self, line):
        """A command of QEMU's human monitor; gives what it prints."""
        return self.qmp("human-monitor-command", **{"command-line": line})

    def freeze(self):
        self.qmp("stop")

    def thaw(self):
        self.qmp("cont")

    def memory_size(self):
        return self.qmp("query-memory-size-summary")["base-memory"]

    def ram_ranges(self):
        """Guest-physical ranges of RAM, [(address, size)]: q35 splits it at 2 GiB if it is larger
        than 2.75 GiB."""
        size = self.memory_size()
        low = size if size < 0xb0000000 else 0x80000000
        return [(0, low)] + ([(1 << 32, size - low)] if size > low else [])

    def save_memory(self, path, address=0, size=None):
        """Physical memory as someone sees it who holds the machine: QEMU's pmemsave."""
        if size is None:
            size = self.ram_ranges()[0][1]
        self.qmp("pmemsave", val=address, size=size, filename=os.path.abspath(path), timeout=600)


class LogFile:
    """A log that QEMU writes. wait_for() sees what was written since its last match."""

    def __init__(self, path, node):
        self.path, self.node, self.position = Path(path), node, 0

    def text(self):
        return self.path.read_text(errors="replace")

    def tail(self, lines=40):
        return "\n".join(self.text().splitlines()[-lines:])

    def wait_for(self, pattern, timeout=RUN_SECONDS):
        """Follows the file until a line matches; gives the match."""
        end = time.monotonic() + timeout
        pattern = re.compile(pattern, re.M)
        while True:
            alive = self.node.alive()
            text = self.text()
            found = pattern.search(text, self.position)
            if found:
                self.position = found.end()
                return found
            if not alive:
                raise Died(f"the node ended before {self.path.name} had {pattern.pattern!r}")
            if time.monotonic() > end:
                raise Timeout(f"{self.path.name} did not get {pattern.pattern!r}")
            time.sleep(0.05)  # a plain file tells nobody that it grew


def alarm(seconds, error):
    """Arms (or, with 0, disarms) a time-out of the main thread."""
    def ring(_number, _frame):
        raise error
    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
