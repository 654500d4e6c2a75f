# SPDX-License-Identifier: Apache-2.0
"""A thief of RAM: all of it, with the machine frozen, right after the guest has used its secret."""
from memory import key_files, outside
from suite import Attack, Outcome


def found_in_dump(suite, kind):
    """Both attacks look at one dump."""
    cache = suite.__dict__.setdefault("dumps", {})
    if kind not in cache:
        pid = suite.guest(kind)["qemu"]["pid"]
        ram = suite.memory.ram_frames(pid, "memfd:cloister-ram")
        suite.use(kind)
        tls = {f"{kind}-{n}": k for n, k in suite.clients[kind].keys.items()}
        with suite.memory.dump(f"dump-{kind}", ram) as dump:
            cache[kind] = (dump.bytes, dump.search(
                "--canary", suite.canaries[kind], "--keys",
                *key_files(suite.directory, tls)))
    return cache[kind]


def canary_zone(suite):
    size, found = found_in_dump(suite, "zone")
    if not found["fragments"]:
        raise RuntimeError("the searcher does not see the secret even in open pages")
    return Outcome(size // 4096, outside(found, "open") * 32,
                   f"{found['fragments'] * 32} bytes in open frames, which the window allows")


def canary_plain(suite):
    size, found = found_in_dump(suite, "plain")
    return Outcome(size // 4096, found["fragments"] * 32)


def keys_zone(suite):
    size, found = found_in_dump(suite, "zone")
    places = found["schedules"]["classes"]
    # In open pages they are the zone's own; "other" is the host's own business.
    schedules = sum(places.get(where, 0) for where in ("core", "sealed", "shared"))
    tls = sum(outside(k, "open") for k in found["raw_keys"])
    where = ", ".join(f"{n} {place}" for place, n in sorted(places.items())) or "none"
    return Outcome(size // 4096, schedules + tls, f"AES schedules: {where}")


def keys_plain(suite):
    size, found = found_in_dump(suite, "plain")
    return Outcome(size // 4096, sum(k["whole"] for k in found["raw_keys"]))


Attack("dump_secrets", "thief of RAM",
       "All of RAM is copied right after the guest has used its secret. Gained: bytes of it outside "
       "the frames that the window allows to be open.", canary_zone, canary_plain)
Attack("dump_keys", "thief of RAM",
       "The same copy, searched for AES key schedules and for the keys of the guest's TLS "
       "connection. Gained: schedules in the Core's memory and in the zone's frames that are not "
       "open, pieces of the TLS keys outside open frames (control: TLS keys).",
       keys_zone, keys_plain)
