# SPDX-License-Identifier: Apache-2.0
"""Cases of tests/host/demo.sh."""
import copy
import json
import os
import re
import runpy
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BUILD", ROOT / "build")) / "bin"
sys.path.insert(0, str(ROOT / "demo"))
import frames  # noqa: E402
import schema  # noqa: E402
import tlskeys  # noqa: E402
from redis_tls import Redis  # noqa: E402


def frame_table():
    "The frame table gives states, owners and classes."
    def word(state, slot=0, gpn=0):
        return struct.pack("<Q", state | slot << 8 | gpn << 32)
    table = frames.FrameTable(
        word(1, 0, 7) + word(2) + word(2) + word(3, 5, 0x100) + word(0) + word(4, 5, 0x101) +
        word(3, 5, 0x0ff) + word(2))
    assert table.frames == {2: [1, 2, 7], 3: [3, 6], 4: [5]}, table.frames
    assert table.private() == [0xff, 0x100, 0x101] and table.private(3) == [0xff, 0x100]
    assert table.slots() == {5}
    with tempfile.NamedTemporaryFile("r") as f:
        table.write_classes(f.name, [10, 4, 3, 9])
        assert f.read() == "core 0x1-0x2\ncore 0x7-0x7\nopen 0x3-0x3\nopen 0x6-0x6\n" \
                           "sealed 0x5-0x5\nshared 0x4-0x4\nshared 0x9-0xa\n"
    log = "cloister: [info] frame table at 0x7e400000, 1310720 entries; decoy page 0x1000\n"
    assert frames.location(log) == (0x7e400000, 1310720 * 8)


def tls_keys_rfc8448():
    "Record keys come out as in RFC 8448, section 3."
    log = ("CLIENT_TRAFFIC_SECRET_0 00 "
           "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5\n"
           "EXPORTER_SECRET 00 00\n"
           "SERVER_TRAFFIC_SECRET_0 00 "
           "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643\n")
    keys = tlskeys.traffic_keys(log, "TLS_AES_128_GCM_SHA256")
    assert keys["client"].hex() == "17422dda596ed5d9acd890e3c63f5051"
    assert keys["server"].hex() == "9f02283b6c9c07efc26bb9f2ac92e356"


def result_schema():
    "The published schema takes what the demo writes, and nothing else."
    rules = json.loads((ROOT / "share/schema/demo-result.schema.json").read_text())
    empty = runpy.run_path(str(ROOT / "demo/run"), run_name="part")["EMPTY"]
    good = {"ok": False, "failures": ["x"], "seconds": 1.5, "version": "0", **empty}
    assert schema.errors(good, rules) == [], schema.errors(good, rules)
    for section, rule in rules["properties"].items():
        # Every figure that the schema names is one that the demo knows, and the other way.
        if rule.get("type") == "object":
            assert set(rule["properties"]) == set(empty[section]), section
    for path, value in (("zone.digest", "AB"), ("dump.hits", -1), ("dump.hits", 1.5),
                        ("tamper.zone_killed", "yes"), ("canary.roundtrip", 1)):
        bad = copy.deepcopy(good)
        section, key = path.split(".")
        bad[section][key] = value
        assert schema.errors(bad, rules), path
        del bad[section][key]
        if key in rules["properties"][section]["required"]:
            assert schema.errors(bad, rules), path


def writable_memory(pid, path):
    """Copies a process's writable memory to a file."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem, \
            open(path, "wb") as out:
        for line in maps:
            start, end, perms = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if perms.startswith("rw"):
                mem.seek(int(start, 16))
                try:
                    out.write(mem.read(int(end, 16) - int(start, 16)))
                except OSError:
                    pass


def tls_server_keys():
    "In an unprotected TLS server the keys and their schedules are found."
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test", "-keyout",
                        f"{d}/key", "-out", f"{d}/crt"], check=True, capture_output=True)
        server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-key",
                                   f"{d}/key", "-cert", f"{d}/crt", "-tls1_3"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            for line in server.stdout:
                found = re.match(r"ACCEPT 127\.0\.0\.1:(\d+)", line)
                if found:
                    break
            client = Redis(int(found[1]), d)
            spki = subprocess.run(
                f"openssl x509 -in {d}/crt -noout -pubkey | openssl pkey -pubin -outform DER | "
                "sha256sum", shell=True, check=True, capture_output=True, text=True).stdout
            assert client.spki == spki.split()[0], "wrong SPKI hash"
            # The server has read what comes under the keys, so it has expanded them.
            client.socket.sendall(b"hello\n")
            for line in server.stdout:
                if line.startswith("hello"):
                    break
            writable_memory(server.pid, f"{d}/memory")
            command = [BIN / "cl-search", "--keys", "--show-keys"]
            for name, key in client.keys.items():
                Path(f"{d}/{name}").write_bytes(key)
                command += ["--raw-key", f"{d}/{name}"]
            done = subprocess.run(command + [f"{d}/memory"], check=True, capture_output=True)
            found = json.loads(done.stdout)
            client.close()
        finally:
            server.kill()
            server.communicate()
    schedules = {s["key"] for s in found["schedules"]["list"]}
    if client.suite == "TLS_AES_256_GCM_SHA384":
        for name, key in client.keys.items():
            assert key.hex() in schedules, f"no schedule of the {name} key"
    assert all(k["whole"] > 0 for k in found["raw_keys"]), found["raw_keys"]


failed = 0
for test in (frame_table, tls_keys_rfc8448, result_schema, tls_server_keys):
    try:
        test()
        print(f"ok {test.__name__}")
    except Exception as e:
        failed = 1
        print(f"not ok {test.__name__}: {e!r}")
sys.exit(failed)
