# SPDX-License-Identifier: Apache-2.0
"""A real zone, from outside: what it is, who vouches for it, what it does."""
import hashlib
import http.server
import io
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import zones
from case import case, expect, skip
from images import REDIS, REDIS_IN_NODE, redis_config, redis_variant
from node import BUILD, free_port
from zones import NODE, PORTS, cloister  # noqa: F401

PROVEN = ("format", "signature", "core-key", "digest", "nonce", "tls-key", "debug", "policy",
          "vcpus", "memory", "window", "idle", "core-version")
REPORT, TLS = PORTS["redis-report"][0], PORTS["redis"][0]


def measure(image, *options):
    done = cloister("measure", *options, image)
    expect(done.returncode == 0, "measure", done.stderr)
    return done.stdout.split()[-1]


def verify(node, *more, report=REPORT, tls=TLS, digest=None):
    return cloister("verify", "--report-port", report, "--tls-port", tls, "--digest",
                    digest or measure(REDIS), "--core-key", zones.core_key(node), "--timeout", 120,
                    *more, "127.0.0.1")


def checks(done):
    return {c["name"]: c["status"] for c in json.loads(done.stdout)["checks"]}


def test_digest_depends_on_everything():
    "Another kernel, initrd, command line, root hash or memory gives another digest, offline."
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "image")

        def digest(change=None, *options):
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(REDIS, copy)
            if change:
                change()
            return measure(copy, *options)

        def flip(name, at):
            def change():
                data = bytearray((copy / name).read_bytes())
                data[at] ^= 1
                (copy / name).write_bytes(data)
            return change

        def config(**changes):
            return lambda: (copy / "zone.json").write_text(
                json.dumps({**redis_config(), **changes}))
        good = measure(REDIS)
        root = redis_config()["roothash"]
        expect(digest() == good, "a copy has another digest")
        # Window and ports are the host's business; the disks enter by their root hash.
        expect(digest(config(ports=[1])) == good, "ports enter the digest")
        expect(digest(flip("rootfs.img", 5000)) == good, "the disk enters by itself")
        others = {
            "kernel": digest(flip("vmlinuz", 100000)),
            "kernel's last byte": digest(flip("vmlinuz", 5_000_000)),
            "initrd": digest(flip("initrd.img", 1000)),
            "command line": digest(config(cmdline=redis_config()["cmdline"] + " x")),
            "root hash": digest(config(roothash=root[:-1] + ("0" if root[-1] != "0" else "1"))),
            "memory": digest(config(memory="514M")),
            "--memory": digest(None, "--memory", "1G"),
        }
        expect(len({good, *others.values()}) == len(others) + 1, "two have the same digest", others)


def test_kernel_is_debians():
    "The kernel in the image is the file in Debian's package, byte by byte."
    ours = hashlib.sha256((REDIS / "vmlinuz").read_bytes()).hexdigest()
    caches = sorted((BUILD / "cache/images").glob("redis-*.tar"))
    if not caches:
        skip("the image was not built here: no packages in the cache")
    theirs = {}
    for cache in caches:
        with tarfile.open(cache) as tar:
            for member in tar:
                if re.search(r"/linux-image-[^/]*-cloud-amd64_[^/]*[.]deb$", member.name):
                    theirs[member.name] = kernel_of(tar.extractfile(member).read())
    expect(ours in theirs.values(), "another kernel", ours, theirs)


def kernel_of(deb):
    """SHA-256 of the kernel in a package."""
    files = subprocess.run(["dpkg-deb", "--fsys-tarfile", "/dev/stdin"], input=deb,
                           stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(files)) as tar:
        for member in tar:
            if member.name.startswith("./boot/vmlinuz-"):
                return hashlib.sha256(tar.extractfile(member).read()).hexdigest()
    return None


@case(timeout=400)
def test_zone_comes_up(node):
    "The digest that the Core measured is the one computed on the build machine."
    state = zones.live(node, "redis")
    expect(state["core"]["digest"] == measure(REDIS), "another digest", state)
    expect(state["core"]["state"] == "live" and state["core"]["memory_bytes"] == 512 << 20 and
           state["core"]["vcpus"] == 1, "another zone", state)
    short = state["core"]["digest"][:16]
    expect(re.search(rf"zone {state['instance']} launched: .*{short}", node.core_log().text()),
           "the Core's log does not have it")


@case(timeout=400)
def test_redis_over_tls(node):
    "A client outside the node sets and gets 1 MiB."
    zones.live(node, "redis")
    redis = zones.client("redis")
    data = os.urandom(1 << 20)
    expect(redis.command("SET", "data", data) == b"OK", "SET")
    expect(redis.command("GET", "data") == data, "other data came back")
    redis.close()


@case(timeout=400)
def test_report_is_verified(node):
    "Verified outside the node, pinned to the Core's key: all proven but root and IOMMU; exit 3."
    zones.live(node, "redis")
    done = verify(node, "--json")
    verdict = json.loads(done.stdout)
    expect(done.returncode == 3 and verdict["verdict"] == "warning", "another verdict", done.stdout)
    status = checks(done)
    for name in PROVEN:
        expect(status[name] == "pass" or (name not in PROVEN[:6] and status[name] == "skip"),
               f"{name}: {status[name]}", done.stdout)
    expect(status["root"] == "warn" and status["iommu"] == "warn", "root and IOMMU", status)
    expect(verdict["report"]["root"] == "none", "root", verdict["report"])
    root = [c["reason"] for c in verdict["checks"] if c["name"] == "root"][0]
    expect("none, development" in root, "JSON does not say what the root is", root)
    redis = zones.client("redis")
    expect(redis.spki == verdict["report"]["tls_key"], "Redis uses another key than the report's")
    redis.close()
    state = zones.inspect(node, "redis")
    expect(verdict["report"]["instance"] == state["instance"], "another instance")


@case(timeout=400)
def test_development_is_told(node):
    "The text says \"root: none, development\", with --accept-development as well, then exit 0."
    zones.live(node, "redis")
    for options, code in (((), 3), (("--accept-development",), 0)):
        done = verify(node, *options)
        expect(done.returncode == code, f"{options}: {done.returncode}", done.stdout, done.stderr)
        expect("none, development" in done.stdout, "the text does not say it", done.stdout)


@case(timeout=400)
def test_wrong_expectations(node):
    "Another digest, Core key, TLS key or a smaller window than the zone's: contraindicated, exit 1."
    zones.live(node, "redis")
    key = zones.core_key(node)
    tls_port = free_port()
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{directory}/k", "-out",
                        f"{directory}/c", "-subj", "/CN=other"], check=True,
                       stderr=subprocess.DEVNULL)
        server = subprocess.Popen(["openssl", "s_server", "-accept", str(tls_port), "-key",
                                   f"{directory}/k", "-cert", f"{directory}/c", "-quiet"],
                                  stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            other = dict(digest=verify(node, "--json", digest="0" * 96),
                         window=verify(node, "--json", "--max-window", 64),
                         tls_key=verify(node, "--json", tls=tls_port))
        finally:
            server.kill()
            server.wait()
    wrong = cloister("verify", "--json", "--report-port", REPORT, "--core-key",
                     # a point of the curve it need not be: it is compared
                     key[:-1] + ("0" if key[-1] != "0" else "1"), "--timeout", 120, "127.0.0.1")
    other["core_key"] = wrong
    for name, done in other.items():
        expect(done.returncode == 1, f"{name}: exit code {done.returncode}", done.stdout,
               done.stderr)
        if done.stdout:
            verdict = json.loads(done.stdout)
            expect(verdict["verdict"] == "contraindicated" and
                   checks(done)[name.replace("_", "-")] == "fail", name, done.stdout)
        expect(name == "core_key" or done.stdout, f"{name}: no verdict", done.stderr)


class Replay(http.server.BaseHTTPRequestHandler):
    """A host that answers for the zone."""
    protocol_version = "HTTP/1.1"
    body = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/cose")
        self.send_header("Content-Length", str(len(self.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@case(timeout=400)
def test_false_reports(node):
    "A replayed report, every kind of changed one, and garbage: contraindicated, exit 1 or 4."
    zones.live(node, "redis")
    nonce = os.urandom(32)
    with urllib.request.urlopen(f"http://127.0.0.1:{REPORT}/report?nonce={nonce.hex()}",
                                timeout=120) as answer:
        good = answer.read()
    expect(good[0] == 0xd2 and nonce in good, "no COSE_Sign1 over this nonce", good)
    server = http.server.HTTPServer(("127.0.0.1", 0), Replay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        def judged(body):
            Replay.body = body
            return cloister("verify", "--json", "--report-port", server.server_port, "--timeout",
                            10, "127.0.0.1")
        done = judged(good)
        status = checks(done)
        expect(done.returncode == 1 and status["signature"] == "pass" and
               status["nonce"] == "fail", "a replayed report passes", done.stdout)
        for at in (0, 5, len(good) // 2, len(good) - 70, len(good) - 1):
            changed = bytearray(good)
            changed[at] ^= 1
            done = judged(bytes(changed))
            expect(done.returncode == 1 and "warning\"" not in done.stdout.split("checks")[0],
                   f"byte {at} changed", done.stdout)
        for body in (b"", good[:-1], good + b"\0", os.urandom(300), b"\xff" * 300,
                     b"x" * 100000):
            done = judged(body)
            # What is no report by its size alone is not judged.
            wanted = 1 if 0 < len(body) <= 1024 else 4
            expect(done.returncode == wanted, f"{len(body)} bytes: {done.returncode}", done.stdout)
    finally:
        server.shutdown()
        server.server_close()


@case(timeout=400)
def test_report_service_refuses(node):
    "The report service wants 64 hex digits, and answers on after anything else."
    zones.live(node, "redis")
    for path in ("/", "/report", "/report?nonce=", "/report?nonce=00", "/report?nonce=" + "g" * 64,
                 "/report?nonce=" + "0" * 65, "/report?nonce=" + "0" * 5000):
        with socket.create_connection(("127.0.0.1", REPORT), timeout=60) as s:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            try:
                line = s.recv(100)
            except ConnectionResetError:
                line = b""
        expect(not line.startswith(b"HTTP/1.1 200"), f"{path[:40]}: {line}")
    with socket.create_connection(("127.0.0.1", REPORT), timeout=60) as s:
        s.sendall(os.urandom(3000))
    expect(verify(node).returncode == 3, "no report afterwards")


@case(timeout=400)
def test_no_plain_redis(node):
    "Redis without TLS is refused: no answer to a command in the clear."
    zones.live(node, "redis")
    with socket.create_connection(("127.0.0.1", TLS), timeout=60) as s:
        s.sendall(b"PING\r\n" * 4)
        answer = b""
        try:
            while len(answer) < 100:
                more = s.recv(100)
                if not more:
                    break
                answer += more
        except ConnectionResetError:
            pass
    expect(b"PONG" not in answer and b"ERR" not in answer, "an answer in the clear", answer)
    with socket.create_connection(("127.0.0.1", TLS), timeout=60) as s:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(s) as t:
            expect(t.version() in ("TLSv1.2", "TLSv1.3"), t.version())


@case(timeout=400)
def test_plain_guest_beside_a_zone(node):
    "An ordinary KVM guest boots beside the zone, to SeaBIOS's end; the zone keeps its data."
    zones.live(node, "redis")
    redis = zones.client("redis")
    data = os.urandom(100000)
    expect(redis.command("SET", "beside", data) == b"OK", "SET")
    guest = node.popen("exec qemu-system-x86_64 -accel kvm -m 64 -nographic -no-reboot -nodefaults "
                       "-serial null -chardev stdio,id=log "
                       "-device isa-debugcon,iobase=0x402,chardev=log")
    while b"No bootable device" not in guest.out:
        expect(redis.command("GET", "beside") == data, "the zone's data have changed")
        try:
            guest.wait_for("No bootable device", timeout=2)
        except zones.Timeout:
            pass
    guest.kill()
    expect(redis.command("GET", "beside") == data, "the zone's data have changed")
    expect(node.run("/usr/lib/cloister-tests/cl-vmm plain_registers").out.count("seen") == 0,
           "an ordinary guest is not one")
    redis.close()


@case(timeout=400)
def test_plain_redis_beside_a_zone(node):
    "The same image as an ordinary guest boots Linux and serves Redis, while the zone works beside it."
    zones.live(node, "redis")
    busy = zones.client("redis")
    port = zones.PORTS["small"][1]
    node.check(f"cloister run --plain --name plain --publish 0.0.0.0:{port}:6379 {REDIS_IN_NODE}",
               timeout=300)
    end = time.monotonic() + 200
    while True:
        expect(busy.command("PING") == b"PONG", "the zone does not answer")
        try:
            plain = zones.client("small")
            break
        except OSError:
            expect(time.monotonic() < end, "the ordinary guest does not come up",
                   node.run("cloister logs plain | tail -n 5").out)
    data = os.urandom(100000)
    expect(plain.command("SET", "plain", data) == b"OK" and plain.command("GET", "plain") == data,
           "the ordinary guest's data have changed")
    plain.close()
    busy.close()
    node.check("cloister stop plain")


@case(timeout=400)
def test_other_command_line_is_another_zone(node):
    "The same image with another command line runs, under the digest of that command line."
    config = {"cmdline": redis_config()["cmdline"] + " cloister.test=1"}
    image = redis_variant(node, "/tmp/images/other", **config)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, "image")
        shutil.copytree(REDIS, copy)
        (copy / "zone.json").write_text(json.dumps({**redis_config(), **config}))
        offline = measure(copy)
    started = json.loads(node.check(f"cloister run --quiet --json --name other {image}", 300))
    state = zones.inspect(node, "other")
    node.check("cloister stop other")
    expect(state["core"]["digest"] == offline == started["digest"], "not its own digest", state)
    expect(offline != measure(REDIS), "the digest does not depend on the command line")


@case(timeout=400)
def test_changed_disk_is_refused(node):
    "A disk that the host has changed: dm-verity refuses it and the zone ends by itself."
    image = redis_variant(node, "/tmp/images/disk")
    node.check(f"for i in $(seq 0 64 2500); do printf x | dd of={image}/rootfs.img bs=1 "
               "seek=$((i * 4096 + 99)) conv=notrunc status=none; done")
    result = node.run(f"cloister run --quiet --foreground --name disk {image}", 300)
    expect(result.rc in (0, 20), "the zone goes on", result.out[-2000:], result.err)
    expect(re.search("verity|cannot|error", result.out), "it does not say why", result.out[-2000:])
    expect(node.run("cloister inspect disk").rc == 21, "something is left")


@case(timeout=400)
def test_panic_ends_the_zone(node):
    "A kernel that panics (no init) ends its zone."
    config = {"cmdline": redis_config()["cmdline"] + " rdinit=/nonexistent init=/nonexistent"}
    image = redis_variant(node, "/tmp/images/panic", **config)
    result = node.run(f"cloister run --quiet --foreground --name panic {image}", 300)
    expect(result.rc in (0, 20), f"exit code {result.rc}", result.out[-2000:], result.err)
    expect("panic" in result.out, "it did not panic", result.out[-2000:])
    expect(node.run("cloister inspect panic").rc == 21, "something is left")


@case(timeout=400)
def test_workload_ends_the_zone(node):
    "SHUTDOWN by a client ends Redis, and with it the zone; nothing is left of it."
    state = zones.live(node, "redis")
    redis = zones.client("redis")
    log = node.core_log()
    log.position = len(log.text())
    redis.socket.sendall(b"*2\r\n$8\r\nSHUTDOWN\r\n$6\r\nNOSAVE\r\n")
    log.wait_for(rf"zone {state['instance']} ended: ", 120)
    redis.close()
    node.check("until cloister inspect redis | grep -q '\"ended\"'; do sleep 0.2; done")
    expect(zones.core(node)["zones"] == 0, "the Core still has a zone")
    node.check("cloister stop redis")
    zones.nothing_left(node)
