# SPDX-License-Identifier: Apache-2.0
"""What the attacks share: how they register, the nodes they run in, the guests they attack."""
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / part) for part in ("demo", "tests/node/lib")]
from memory import Memory  # noqa: E402
from node import BUILD, Node, NodeError, free_port  # noqa: E402
from redis_tls import Redis, RedisError  # noqa: E402,F401

PROGRAM = "/usr/lib/cloister-tests/cl-attack"
IMAGE_IN_NODE = "/var/lib/cloister/images/redis"
RAM_NAME = "memfd:cloister-ram"
CANARY_BYTES = 1 << 20
UP_SECONDS = 600  # for what hangs: on a machine with other work a guest takes minutes
RUNNING = ("live", "plain")  # `cloister inspect` of a zone, of an ordinary guest
# Where the control machine's kernel leaves RAM alone, as that above the Core has to: 256 MiB.
CONTROL_APPEND = "iomem=relaxed maxcpus=1 memmap=64M$0x10000000"

# Attacks of the design's list that have no program here, and why.
NOT_HERE = [
    ("Warm reset, S3 and power-off with open pages in RAM", "they end the node; tested apart"),
    ("DMA of a device into zone and Core memory", "needs an IOMMU; tested apart"),
    ("INVD after a write of the Core's, BARs moved over memory", "the emulated machine has no caches, "
     "and RAM goes before devices in it: nothing could be gained there even without the Core"),
    ("Spliced and replayed evidence, a swapped attestation key, an older copy of a volume",
     "`make demo-trust` does each"),
    ("Two holders of one volume, single older blocks in a newer one", "not held off: volumes.md"),
]

ATTACKS = []  # in the order in which they run


class Outcome:
    def __init__(self, tried, gained, got=""):
        self.tried, self.gained, self.got = tried, gained, got


class Attack:
    """`run(suite)` gives an Outcome, `control(suite)` as well; or `no_control` says why not.
    place: "core" (a node above the Core) or "machine": where the control runs."""

    def __init__(self, name, source, what, run, control=None, no_control=None, control_on="core"):
        self.name, self.source, self.what = name, source, what
        self.run, self.control, self.no_control = run, control, no_control
        self.control_on = control_on
        ATTACKS.append(self)


def load():
    """Every file of attack/attacks registers what it has."""
    for path in sorted((ROOT / "attack/attacks").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"attacks_{path.stem}", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


class Suite:
    """The nodes and guests of a run; what takes long to start is started once, when it is wanted."""

    def __init__(self, directory, name="attack"):
        self.directory, self.name = Path(directory), name
        self.node = None  # the one at hand
        self.on_core = None
        self.ports = {name: free_port() for name in ("zone", "zone-report", "plain")}
        self.memory = None
        self.guests, self.clients, self.canaries = {}, {}, {}
        # No jail: here QEMU is the attacker's, or the host's root, and may do all that root may.
        self.zone_options = "--window 64M --no-jail"
        self.extra = ()  # arguments for QEMU

    # -- nodes ---------------------------------------------------------------------------------

    def start(self, on_core):
        self.stop()
        self.on_core = on_core
        forward = [(self.ports["zone"], 6379), (self.ports["zone-report"], 7443),
                   (self.ports["plain"], 6380)] if on_core else []
        self.node = Node(name=self.name if on_core else f"{self.name}-machine", plain=not on_core,
                         forward=forward, append="iomem=relaxed" if on_core else CONTROL_APPEND,
                         extra=self.extra)
        self.node.start()
        self.node.check("modprobe msr")
        if on_core:
            self.memory = Memory(self.node, BUILD / "bin/cl-search", self.directory)

    def stop(self):
        for client in self.clients.values():
            try:
                client.close()
            except OSError:
                pass
        self.clients, self.guests = {}, {}
        if self.node:
            self.node.stop()
        self.node = None

    # -- the program ---------------------------------------------------------------------------

    def program(self, name, mode):
        """One attack of cl-attack."""
        result = self.node.run(f"{PROGRAM} {name} {mode}", timeout=150)
        if result.rc:
            raise NodeError(f"cl-attack {name} {mode} ended with {result.rc}: "
                            f"{(result.out + result.err).strip()[-600:]}")
        said = json.loads(result.out.splitlines()[-1])
        return Outcome(said["tried"], said["gained"], said["got"])

    # -- real guests: Redis, once as a zone and once as an ordinary guest -----------------------

    def guest(self, kind):
        """`cloister inspect` of the running guest: "zone" or "plain"; with a canary in it."""
        if kind in self.guests:
            state = self.inspect(kind)
            if state["status"] in RUNNING:
                return state
            self.node.run(f"cloister stop {kind}")
        publish = (f"--publish 0.0.0.0:6379:6379 --publish 0.0.0.0:7443:7443 {self.zone_options}"
                   if kind == "zone" else "--plain --no-jail --publish 0.0.0.0:6380:6379")
        self.node.check(f"cloister run --name {kind} {publish} {IMAGE_IN_NODE}", timeout=UP_SECONDS)
        self.guests[kind] = True
        self.clients[kind] = self._connect(kind)
        self.canaries[kind] = self.new_canary(kind)
        self.use(kind, store=True)
        return self.inspect(kind)

    def inspect(self, kind):
        return json.loads(self.node.check(f"cloister inspect {kind}"))

    def _connect(self, kind):
        end = time.monotonic() + UP_SECONDS
        while True:
            try:
                return Redis(self.ports[kind], self.directory)
            except OSError as e:
                state = self.inspect(kind)
                if state["status"] not in RUNNING or time.monotonic() > end:
                    raise NodeError(f"{kind}: {state['status']} {state.get('reason')}") from e
            time.sleep(0.5)  # nobody outside is told when a server inside starts to listen

    def new_canary(self, name):
        """Random bytes; in the node only as two shares, so that a searcher does not find itself."""
        path = self.directory / f"{name}.canary"
        path.write_bytes(os.urandom(CANARY_BYTES))
        shares = self.directory / f"{name}.shares"
        subprocess.run([BUILD / "bin/cl-search", "--split", path, shares], check=True)
        self.node.put(shares, f"/tmp/{name}.shares")
        return path

    def use(self, kind, store=False):
        """The canary goes to the guest and comes back: it works, and has it in plaintext. After
        minutes of standstill a connection may be gone; the guest has to take another."""
        try:
            self._use(kind, store)
        except (OSError, RedisError):
            self.clients.pop(kind).close()
            self.clients[kind] = self._connect(kind)
            self._use(kind, store)

    def _use(self, kind, store):
        data = self.canaries[kind].read_bytes()
        if store and self.clients[kind].command("SET", "canary", data) != b"OK":
            raise NodeError(f"{kind} does not take the canary")
        if self.clients[kind].command("GET", "canary") != data:
            raise NodeError(f"{kind} has lost the canary")

    def end(self, kind):
        client = self.clients.pop(kind, None)
        if client:
            client.close()
        self.guests.pop(kind, None)
        self.node.run(f"cloister stop {kind}")

    def qmp(self, kind, *commands):
        """Commands to the guest's own QEMU, as its host's root; the answers that are no events."""
        lines = ['{"execute": "qmp_capabilities"}', *(json.dumps(c) for c in commands)]
        # socat ends when QEMU has answered all and nothing comes for a while.
        job = self.node.popen(f"exec socat -t 60 - UNIX-CONNECT:/run/cloister/{kind}/qmp.sock")
        job.write("".join(line + "\n" for line in lines).encode())
        answers = []
        end = time.monotonic() + 120
        while len(answers) < len(lines):
            if time.monotonic() > end or job.rc is not None:
                break
            job.agent.pump(end, "QEMU does not answer")
            text = job.out.decode(errors="replace")
            complete = text[:text.rfind("\n") + 1].splitlines()
            answers = [a for a in map(json.loads, complete) if "return" in a or "error" in a]
        job.kill()
        return answers[1:]


def scratch():
    return tempfile.TemporaryDirectory(prefix="attack-", dir=BUILD / "run")
