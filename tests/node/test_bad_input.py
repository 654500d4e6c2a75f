# SPDX-License-Identifier: Apache-2.0
"""What `cloister` is given wrongly, and what happens to it on the way: a clear message, the
documented exit code, nothing left behind. The zones are tiny (lib/images.py): up in seconds."""
import json
import re
import socket
import tempfile
from pathlib import Path

import zones
from case import case, expect
from images import put, tiny_files, tiny_kernel, write
from zones import NODE, nothing_left  # noqa: F401

TINY = "/tmp/images/tiny"
RUN = "cloister run --quiet"

IMAGES = {  # of zone.json: what is wrong, and a word that the message has to have
    "empty": (b"", "zone.json"),
    "no JSON": (b"{", "zone.json"),
    "no object": (b"[]", "object"),
    "too large": (b" " * (1 << 20), "larger"),
    "binary": (bytes(range(256)), "zone.json"),
    "deep": (b"[" * 20000, "zone.json"),
    "duplicate keys": (b'{"version": 1, "version": 1}', "zone.json"),
    "version": ({"version": 2}, "version"),
    "version of a wrong type": ({"version": "1"}, "version"),
    "unknown key": ({"surprise": 1}, "surprise"),
    "kernel missing": ({"kernel": "nonexistent"}, "nonexistent"),
    "kernel of a wrong type": ({"kernel": 7}, "kernel"),
    "kernel with an absolute path": ({"kernel": "/bin/true"}, "absolute"),
    "kernel outside": ({"kernel": "../../../bin/true"}, ".."),
    "kernel is a directory": ({"kernel": "."}, "regular file"),
    "kernel is no kernel": ({"kernel": "initrd.img"}, "kernel"),
    "initrd missing": ({"initrd": "nonexistent"}, "nonexistent"),
    "initrd is no archive": ({"initrd": "vmlinuz"}, "initrd"),
    "command line not printable": ({"cmdline": "a\nb"}, "cmdline"),
    "command line too long": ({"cmdline": "x" * 5000}, "cmdline"),
    "command line ends early": ({"cmdline": "halt -- init"}, "--"),
    "command line with a root hash": ({"cmdline": "cloister.roothash=00"}, "roothash"),
    "root hash alone": ({"roothash": "0" * 64}, "roothash"),
    "root hash too short": ({"rootfs": "vmlinuz", "verity": "vmlinuz", "roothash": "00"},
                            "roothash"),
    "memory not a size": ({"memory": "lots"}, "memory"),
    "memory too small": ({"memory": "62M"}, "memory"),
    "memory too large": ({"memory": "65G"}, "memory"),
    "memory not in steps": ({"memory": "65M"}, "memory"),
    "port 0": ({"ports": [0]}, "ports"),
    "port as text": ({"ports": ["6379"]}, "ports"),
}

ARGUMENTS = [  # arguments of run, exit code, a word of the message
    ("", 2, "wrong arguments"),
    ("--bogus IMAGE", 2, "wrong arguments"),
    ("IMAGE IMAGE", 2, "wrong arguments"),
    ("--memory 63M IMAGE", 2, "--memory"),
    ("--memory 65M IMAGE", 2, "--memory"),
    ("--memory -64M IMAGE", 2, "--memory"),
    ("--memory 18446744073709551616 IMAGE", 2, "--memory"),
    ("--window 63 IMAGE", 2, "--window"),
    ("--window 0 IMAGE", 2, "--window"),
    ("--window 101% IMAGE", 2, "--window"),
    ("--window 99999999 IMAGE", 2, "--window"),
    ("--idle 99 IMAGE", 2, "--idle"),
    ("--idle 3600001 IMAGE", 2, "--idle"),
    ("--publish 6379 IMAGE", 2, "--publish"),
    ("--publish 0:6379 IMAGE", 2, "--publish"),
    ("--publish 65536:6379 IMAGE", 2, "--publish"),
    ("--publish localhost:1:1 IMAGE", 2, "--publish"),
    ("--publish 5000:1 --publish 5000:2 IMAGE", 15, "5000"),
    ("--connect 6379 IMAGE", 2, "--connect"),
    ("--connect 0:192.0.2.1:80 IMAGE", 2, "--connect"),
    ("--connect 80:localhost:80 IMAGE", 2, "--connect"),
    ("--connect 80:192.0.2.1:80 --connect 80:192.0.2.1:81 IMAGE", 2, "given twice"),
    ("--connect 80:192.0.2.1:80 --network host IMAGE", 2, "--network host"),
    ("--connect 80:192.0.2.1:80 --no-jail IMAGE", 2, "--no-jail"),
    ("--name ../x IMAGE", 2, "--name"),
    ("--name '' IMAGE", 2, "--name"),
    ("--timeout 0 IMAGE", 2, "--timeout"),
    ("--accel hvf IMAGE", 2, "--accel"),
    ("--accel tcg IMAGE", 2, "--plain"),
    ("--memory 32G IMAGE", 14, "MiB available"),
    ("--qemu /nonexistent IMAGE", 16, "QEMU"),
    ("--qemu-arg file=/etc/passwd IMAGE", 2, "--file /etc/passwd"),
    ("--file /nonexistent IMAGE", 2, "--file"),
    ("--file /dev/mem IMAGE", 2, "--file"),
    ("--file relative IMAGE", 2, "--file"),
    ("--network bridge IMAGE", 2, "--network"),
    ("--cpu-weight 10001 IMAGE", 2, "--cpu-weight"),
    ("--loader /nonexistent IMAGE", 16, "loader"),
    ("/nonexistent", 13, "nonexistent"),
    ("/etc/passwd", 13, "directory"),
]


def tiny(node, cmdline="halt"):
    return put(node, f"{TINY}-{cmdline}", tiny_files(cmdline))


def refused(result, code, word, what):
    expect(result.rc == code, f"{what}: exit code {result.rc}, not {code}", result.err)
    expect(result.err.startswith("cloister: ") and word in result.err,
           f"{what}: the message does not say \"{word}\"", result.err)
    expect(len(result.err) < 4000, f"{what}: endless message")


def config(changes):
    files = tiny_files()
    if isinstance(changes, bytes):
        files["zone.json"] = changes
    else:
        files["zone.json"] = json.dumps({**json.loads(files["zone.json"]), **changes}).encode()
    return files


class Outside:
    """A CompletedProcess with the names of a node's result."""

    def __init__(self, done):
        self.rc, self.err = done.returncode, done.stderr


def test_images_are_refused_offline():
    "Each malformed zone image: `cloister measure` says what is wrong with it, exit code 13."
    with tempfile.TemporaryDirectory() as directory:
        write(directory, tiny_files())
        good = zones.cloister("measure", directory)
        expect(good.returncode == 0, "the good image is refused", good.stderr)
        for what, (changes, word) in IMAGES.items():
            write(directory, config(changes))
            refused(Outside(zones.cloister("measure", directory)), 13, word, what)


def test_kernels_are_refused_offline():
    "Each field of a kernel's header that matters, wrong; and the kernel cut at every length."
    changes = {"boot flag": (0x1fe, b"\0\0"), "magic": (0x202, b"HdrT"),
               "old protocol": (0x206, b"\x0b\x02"), "header length": (0x201, b"\xff"),
               "not high": (0x211, b"\0"), "no 64-bit entry": (0x236, b"\0\0"),
               "no payload": (0x1f4, b"\0\0\0\0"), "too long": (0x1f4, b"\xff\xff\xff\x0f"),
               "load address 0": (0x258, b"\0" * 8), "load address odd": (0x258, b"\1"),
               "load address high": (0x258, b"\xff" * 8), "init size": (0x260, b"\0" * 4)}
    good = tiny_kernel()
    with tempfile.TemporaryDirectory() as directory:
        write(directory, tiny_files())
        for what, (at, data) in changes.items():
            kernel = good[:at] + data + good[at + len(data):]
            write(directory, {"vmlinuz": kernel})
            refused(Outside(zones.cloister("measure", directory)), 13, "kernel", what)
        for size in (1, 0x1ff, 0x202, 0x263, 0x300, 1024, 4096, len(good) - 1):
            write(directory, {"vmlinuz": good[:size]})
            refused(Outside(zones.cloister("measure", directory)), 13, "kernel", f"{size} bytes")


def test_links_do_not_leave_the_image():
    "A symbolic link out of the image is refused; one inside is followed."
    with tempfile.TemporaryDirectory() as directory:
        write(directory, tiny_files())
        kernel = Path(directory, "vmlinuz")
        kernel.rename(Path(directory, "really"))
        kernel.symlink_to("really")
        expect(zones.cloister("measure", directory).returncode == 0, "a link inside is refused")
        kernel.unlink()
        kernel.symlink_to("/etc/passwd")
        refused(Outside(zones.cloister("measure", directory)), 13, "image", "link to /etc/passwd")
        Path(directory, "zone.json").unlink()
        Path(directory, "zone.json").symlink_to("/etc/passwd")
        refused(Outside(zones.cloister("measure", directory)), 13, "image", "link as zone.json")


def test_verify_of_nothing():
    "No service, no report service behind the port, no host: exit code 4, not a verdict."
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        done = zones.cloister("verify", "--report-port", port, "--timeout", 5, "127.0.0.1")
        expect(done.returncode == 4 and done.stderr.startswith("cloister: "), "no service", done)
    done = zones.cloister("verify", "--timeout", 5, "no-such-host.invalid")
    expect(done.returncode == 4 and done.stderr, "no host", done)
    done = zones.cloister("verify", "--json", "--timeout", 1, "no-such-host.invalid")
    expect(json.loads(done.stdout)["verdict"] is None, "a verdict on nothing", done.stdout)
    for bad in (["--digest", "00"], ["--core-key", "zz"], ["--report-port", "0"], ["--timeout", "0"]):
        done = zones.cloister("verify", *bad, "127.0.0.1")
        expect(done.returncode == 2, f"{bad}: {done.returncode}", done.stderr)


def test_verbs_are_refused(node):
    "Unknown verbs and zones."
    for arguments, code in (("", 2), ("fly", 2), ("ps x", 2), ("core fly", 2), ("logs", 2),
                            ("core trace everything", 2), ("logs none", 21), ("inspect none", 21),
                            ("inspect ../x", 21), ("stop none", 0), ("verify", 2)):
        result = node.run(f"cloister {arguments}")
        expect(result.rc == code, f"{arguments}: {result.rc}, not {code}", result.err)
        expect(code == 0 or result.err.startswith("cloister: "), "no message", result.err)


def test_arguments_are_refused(node):
    "Each option of `cloister run`, wrong: its exit code, a message, nothing left."
    image = tiny(node)
    for arguments, code, word in ARGUMENTS:
        result = node.run(f"{RUN} {arguments.replace('IMAGE', image)}")
        refused(result, code, word, arguments)
    nothing_left(node)


def test_images_are_refused(node):
    "The same images, given to `cloister run`: exit code 13 before anything is started."
    for what in ("empty", "kernel missing", "kernel is no kernel", "root hash too short"):
        changes, word = IMAGES[what]
        image = put(node, "/tmp/images/bad", config(changes))
        refused(node.run(f"{RUN} {image}"), 13, word, what)
    nothing_left(node)


def test_busy_port(node):
    "A port that something listens on: exit code 15, the port in the message."
    listener = node.popen("exec socat TCP-LISTEN:5100,reuseaddr,fork -")
    node.check("until ss -ltn | grep -q :5100; do sleep 0.1; done")
    refused(node.run(f"{RUN} --publish 5100:6379 {tiny(node)}"), 15, "5100", "busy port")
    listener.kill()
    nothing_left(node)


def test_not_root(node):
    "Without root: exit code 10."
    image = tiny(node)
    node.check("chmod -R a+rX /tmp/images")
    refused(node.run(f"setpriv --reuid 65534 --clear-groups {RUN} {image}"), 10, "root",
            "not root")
    refused(node.run("setpriv --reuid 65534 --clear-groups cloister core info"), 10, "root",
            "not root")


def test_qemu_fails(node):
    "QEMU that does not start, a loader that is none: exit code 18, nothing left."
    image = tiny(node)
    refused(node.run(f"{RUN} --qemu-arg -bogus {image}"), 18, "QEMU", "QEMU's arguments")
    refused(node.run(f"{RUN} --qemu /bin/true {image}"), 18, "QEMU", "not QEMU")
    refused(node.run(f"{RUN} --loader /etc/passwd {image}"), 18, "QEMU", "not a loader")
    # A guest that never asks to become a zone.
    kernel = "/tmp/images/other-kernel"
    node.check(f"cp /usr/lib/cloister/zone-loader.elf {kernel}")
    refused(node.run(f"{RUN} --timeout 2 --qemu-arg -S {image}"), 18, "not up", "a guest that hangs")
    nothing_left(node)


def test_tiny_zone(node):
    "The tiny zone comes up with the digest that was computed on the build machine."
    image = tiny(node)
    with tempfile.TemporaryDirectory() as directory:
        offline = zones.cloister("measure", write(directory, tiny_files())).stdout.split()[-1]
    started = json.loads(node.check(f"{RUN} --json --name tiny {image}"))
    expect(started["digest"] == offline, "another digest", started, offline)
    state = zones.inspect(node, "tiny")
    expect(state["core"]["digest"] == offline and state["core"]["state"] == "live", "the Core "
           "says something else", state)
    node.check("until cloister logs tiny | grep -q 'tiny: up'; do sleep 0.2; done")
    refused(node.run(f"{RUN} --name tiny {image}"), 17, "tiny", "name in use")
    expect(zones.inspect(node, "tiny")["core"]["state"] == "live", "the first one has gone")
    node.check("cloister stop tiny")
    nothing_left(node)


def settled(node):
    """The Core's free pages when it remembers nothing of any zone's life."""
    return int(node.check("/usr/lib/cloister-tests/cl-vmm pool"))


def life(node, name, cmdline, end, reason):
    """One zone: started, ended; the reason in the Core's log, nothing left."""
    node.check(f"{RUN} --name {name} {tiny(node, cmdline)}")
    log = node.core_log()
    state = zones.inspect(node, name)
    instance = state["instance"]
    if end:
        end(state)
    log.wait_for(rf"zone {instance} ended: {reason}", 60)
    node.check(f"while pgrep -x qemu-system-x86 >/dev/null; do sleep 0.1; done; "
               f"cloister ps; cloister stop {name}")
    nothing_left(node)


def kill(node, *who):
    def end(state):
        pids = " ".join(str(state[w]["pid"]) for w in who)
        node.check(f"kill -9 {pids}; for p in {pids}; do while [ -d /proc/$p ]; do sleep 0.1; "
                   "done; done; cloister ps")
    return end


def qmp(node, command):
    def end(state):
        node.run("socat -T 5 - UNIX-CONNECT:/run/cloister/" + state["name"] + "/qmp.sock",
                 input='{"execute":"qmp_capabilities"}\n{"execute":"%s"}\n' % command)
    return end


@case(timeout=400)
def test_ends_of_zones(node):
    "Every way to end a zone: the reason is logged, and all of the Core's memory comes back."
    settled(node)
    ends = {
        "stop": ("halt", lambda state: node.check("cloister stop stop"), "ended by the host"),
        "killed": ("halt", kill(node, "qemu"), "ended by the host"),
        "both-killed": ("work", kill(node, "supervisor", "qemu"), "ended by the host"),
        "quit": ("halt", qmp(node, "quit"), "ended by the host"),
        "reset": ("work", qmp(node, "system_reset"), "(ended by the host|the host reset)"),
        "own-reset": ("reset", None, "(ended by the host|the host reset)"),
        "triple": ("triple", None, "triple fault"),
        "exit": ("exit", None, "exit, status 0"),
        "fail": ("fail", None, "exit, status 3"),
    }
    for name, (cmdline, end, reason) in ends.items():
        before = settled(node)
        life(node, name, cmdline, end, reason)
        gone = before - settled(node)
        expect(gone <= 0, f"{name}: {gone} pages of the Core are gone")


@case(timeout=300)
def test_foreground_exit_codes(node):
    "--foreground shows the console; 0 when the zone exits well, 20 when the Core ends it."
    for cmdline, code in (("exit", 0), ("fail", 20), ("triple", 20)):
        result = node.run(f"{RUN} --foreground --name front {tiny(node, cmdline)}")
        expect(result.rc == code, f"{cmdline}: {result.rc}, not {code}", result.err)
        # What `run` itself has to say may come in the middle of a line of the console's.
        console = re.sub(r"front instance .*\n", "", result.out)
        expect("tiny: up" in console, "no console", result.out)
    nothing_left(node)


@case(timeout=300)
def test_interrupted_start(node):
    "Ctrl-C, SIGTERM and SIGHUP at any point of a start: exit code 128 + N, nothing left."
    image = tiny(node)
    moments = [("INT", "sleep 0"), ("TERM", "sleep 0.1"), ("HUP", "sleep 0.3"),
               ("INT", "until pgrep -x qemu-system-x86 >/dev/null; do sleep 0.05; done"),
               ("TERM", "until grep -q loader /run/cloister/*/console.log 2>/dev/null; do "
                        "sleep 0.05; done")]
    for mode in ("--detach", "--foreground"):
        for signal, moment in moments:
            # With job control, as a shell starts what is in the background with SIGINT ignored
            # otherwise, and one that comes early would be lost.
            result = node.run(f"bash -c 'set -m; {RUN} {mode} --name cut {image} & p=$!; "
                              f"{moment}; kill -{signal} $p; wait $p'")
            number = {"INT": 2, "TERM": 15, "HUP": 1}[signal]
            # Before it has taken over signals it may die of one, or have come up already.
            expect(result.rc in (128 + number, 0), f"{mode}, {moment}: {result.rc}", result.err)
            node.check("cloister stop --all")
            nothing_left(node)


def test_supervisor_killed(node):
    "Without a jail a supervisor killed with -9 leaves an orphan that ps shows and stop ends."
    node.check(f"{RUN} --no-jail --name orphan {tiny(node)}")
    pid = zones.inspect(node, "orphan")["supervisor"]["pid"]
    node.check(f"kill -9 {pid}; while [ -d /proc/{pid} ]; do sleep 0.1; done")
    expect("orphaned" in node.check("cloister ps"), "not shown as orphaned")
    node.check("cloister stop orphan")
    nothing_left(node)


def test_tracing(node):
    "Exits, page events and calls appear in the Core's log while they are traced, not afterwards."
    log = node.core_log()
    log.position = len(log.text())
    node.check("cloister core trace calls,exits,pages")
    node.check(f"{RUN} --name traced {tiny(node)}")
    # Each read of the log is a call, and traced: it must end all the same.
    node.check("timeout 60 cloister core log >/dev/null")
    node.check("cloister stop traced && cloister core trace off")
    text = log.text()[log.position:]
    for what in ("trace: host call", "first touch", "exit"):
        expect(f"trace: " in text and what in text, f"no \"{what}\" in the log", text[-1500:])
    size = len(log.text())
    node.check(f"{RUN} --name untraced {tiny(node)} && cloister stop untraced")
    expect("trace:" not in log.text()[size:], "traced although switched off")


def test_core_info(node):
    "`core info` shows the whole report key, the one in the Core's own log."
    shown = json.loads(node.check("cloister core info --json"))["key"]
    expect(shown == zones.core_key(node), "another key than the log's", shown)
    expect(shown in node.check("cloister core info"), "not in the text", shown)


def test_counters(node):
    "The Core counts exits by cause: a zone's life moves those of host and guests."
    before = json.loads(node.check("cloister core counters --json"))
    node.check(f"{RUN} --name counted {tiny(node)} && cloister stop counted")
    after = json.loads(node.check("cloister core counters --json"))

    def more(side):
        return sum(c[side] for c in after.values()) - sum(c[side] for c in before.values())
    for side in ("host", "guest", "reflected"):
        expect(more(side) > 10, f"{side}: {more(side)} exits")
