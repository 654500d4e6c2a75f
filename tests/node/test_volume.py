# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL zone and its volume: what stays, and what a host may not do to it. The disk is a file
of the build machine's that the node has as a block device, so it outlives the node, as its TPM does.
What needs no Core, tests/host/volume.sh does in less time."""
import contextlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from case import case, expect
from node import BUILD, Node, NodeError, free_port

IMAGE = "/var/lib/cloister/images/postgres"
CLIENTS = BUILD / "postgres/clients"
BYTES = 128 << 20
DISK = "/run/volume"
PORT = free_port()
CANARY = "a-row-that-nobody-else-may-read"
UP_SECONDS = 900


@contextlib.contextmanager
def machine(directory):
    """The node that has this disk and this TPM."""
    disk = Path(directory, "disk")
    if not disk.exists():
        with open(disk, "wb") as file:
            file.truncate(BYTES)
    with Node(name="volume", tpm=True, state=Path(directory, "state"), forward=[(PORT, 5432)], extra=[
            "-drive", f"file={disk},if=none,id=volume,format=raw",
            "-device", "virtio-blk-pci,drive=volume,serial=volume"]) as node:
        node.check("for d in /sys/block/vd*; do [ \"$(cat $d/serial)\" != volume ] || "
                   f"ln -s /dev/${{d##*/}} {DISK}; done; [ -b {DISK} ]")
        yield node


def run(node, name="pg", disk=DISK, more="", port=5432):
    return node.run(f"cloister run --quiet --name {name} --timeout 300 --volume data={disk} {more} "
                    f"--publish 0.0.0.0:{port}:5432 {IMAGE}", timeout=400)


def said(node, *patterns, name="pg"):
    """The zone's console, once it has said one of these or has ended."""
    end = time.monotonic() + UP_SECONDS
    while True:
        log = node.run(f"cloister logs {name}").out
        ended = json.loads(node.check(f"cloister inspect {name}"))["status"] == "ended"
        if ended or any(p in log for p in patterns):
            return log
        if time.monotonic() > end:
            raise NodeError(f"the zone said none of {patterns}\n{log}")
        time.sleep(1)


def up(node, more=""):
    started = run(node, more=more)
    expect(started.rc == 0, "run", started.err)
    log = said(node, "cloister-zone: ready")
    expect("cloister-zone: ready" in log, "PostgreSQL did not come up", log)
    return log


def sql(text, timeout=300):
    """What a client outside the node gets from the zone, as its superuser."""
    key = Path(tempfile.gettempdir(), f"cloister-psql-{os.getpid()}.key")
    key.write_bytes((CLIENTS / "postgres.key").read_bytes())
    key.chmod(0o600)
    end = time.monotonic() + timeout
    try:
        while True:
            done = subprocess.run(
                ["psql", "-XAtq", f"host=127.0.0.1 port={PORT} user=postgres dbname=postgres "
                 f"sslmode=require sslcert={CLIENTS}/postgres.crt sslkey={key} connect_timeout=120",
                 "-c", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=timeout)
            # It listens before it has replayed its log.
            if "the database system is" not in done.stderr or time.monotonic() > end:
                return done
            time.sleep(1)
    finally:
        key.unlink()


def rows():
    done = sql(f"select count(*) from t where v like '{CANARY}-%'")
    expect(done.returncode == 0, "select", done.stderr)
    return int(done.stdout)


def add(number):
    done = sql(f"insert into t select '{CANARY}-' || i from generate_series(1, {number}) i")
    expect(done.returncode == 0, "insert", done.stderr)


def stop(node):
    node.check("cloister stop pg", timeout=300)


def refused(node, *words, more="", disk=DISK):
    """The zone comes up, looks at what the host gives it, and ends before its workload starts."""
    started = run(node, more=more, disk=disk)
    expect(started.rc == 0, "run", started.err)
    log = said(node, "cloister-zone: ready")
    expect("cloister-zone: ready" not in log and all(w in log for w in words), "not refused", words,
           log)
    node.check("cloister stop pg", timeout=300)


@case(timeout=5400, long=True)
def test_volume():
    "Rows stay over a clean stop, a killed QEMU and the node's restart; older and changed disks do not."
    with tempfile.TemporaryDirectory(prefix="cloister-volume-") as directory:
        with machine(directory) as node:
            missing = node.run(f"cloister run --quiet --name none {IMAGE}")
            expect(missing.rc == 23 and "--volume data=FILE" in missing.err, "no volume", missing)
            wrong = run(node, disk=DISK, more="--volume-size 64M")
            expect(wrong.rc == 23 and "leave the option out" in wrong.err, "another size", wrong)
            log = up(node)
            expect("it is new" in log, "a new volume", log)
            done = sql("create table t (v text)")
            expect(done.returncode == 0, "create table", done.stderr)
            add(1000)
            sql("checkpoint")
            found = node.run(f"sync; grep -ac {CANARY} {DISK}")
            expect(found.out.strip() == "0", "the host finds rows in the file", found)
            twice = run(node, name="twin", port=5433)
            expect(twice.rc == 23 and "in use" in twice.err, "two zones", twice)
            node.check(f"dd if={DISK} of=/run/live bs=1M iflag=direct conv=sparse status=none",
                       timeout=300)
            stop(node)
            # As it was while the zone ran, and a copy that was closed, both older than the next start.
            node.check(f"dd if={DISK} of=/run/closed bs=1M conv=sparse status=none", timeout=300)
            refused(node, "rolled back: the file is an older copy", disk="/run/live")

            up(node)
            expect(rows() == 1000, "rows after a clean stop", rows())
            add(500)
            pid = json.loads(node.check("cloister inspect pg"))["qemu"]["pid"]
            node.check(f"kill -9 {pid}; until cloister inspect pg | grep -q '\"ended\": [1-9]'; do "
                       "sleep 0.5; done")
            node.check("cloister stop pg")
            up(node)
            expect(rows() == 1500, "rows after a SIGKILL", rows())
            stop(node)

        with machine(directory) as node:
            up(node)
            expect(rows() == 1500, "rows after the node's restart", rows())
            stop(node)
            node.check(f"dd if={DISK} of=/run/newest bs=1M conv=sparse status=none", timeout=300)
            refused(node, "not this image's volume", more="--memory 514M")
            node.check(f"truncate -s {BYTES} /run/empty")
            refused(node, "rolled back: the file is empty", disk="/run/empty")
            # All but the header and the journal.
            node.check("head -c 100M /dev/urandom | dd of=/run/newest bs=1M seek=24 conv=notrunc "
                       "iflag=fullblock status=none")
            refused(node, "AEAD ERROR", disk="/run/newest")
