# SPDX-License-Identifier: Apache-2.0
"""One guest in a node, and what is measured of it."""
import json
import re
import time

IMAGE = "/var/lib/cloister/images/bench"
REDIS_PORT, WALK_PORT = 6379, 7001
READY = "cloister-zone: ready"
NAME = "bench"
VALUE_BYTES = 1024
KEYS = 1000
CLIENTS = 2


class GuestError(Exception):
    pass


class Exits:
    """The Core's counters over one stretch of time: what its guests cost."""

    def __init__(self, node):
        self.node = node
        self.before, self.begin = self._read(), time.monotonic()

    def _read(self):
        return json.loads(self.node.check("cloister core counters --json"))

    def stop(self):
        seconds = time.monotonic() - self.begin
        kinds = {}
        for name, now in self._read().items():
            then = self.before.get(name, {})
            n = {who: now[who] - then.get(who, 0) for who in ("guest", "reflected")}
            if n["guest"]:
                kinds[name] = n
        total = sum(n["guest"] for n in kinds.values())
        return {"seconds": round(seconds, 2), "per_second": round(total / seconds, 1),
                "to_host": sum(n["reflected"] for n in kinds.values()), "exits": total,
                "by_kind": dict(sorted(kinds.items(), key=lambda k: -k[1]["guest"]))}


class Guest:
    """`options` are those of `cloister run`; `seconds` bounds each single wait."""

    def __init__(self, node, on_core, options, seconds):
        self.node, self.on_core, self.options, self.seconds = node, on_core, options, seconds
        self.exits = {}

    def _counted(self, phase, function):
        exits = Exits(self.node) if self.on_core else None
        result = function()
        if exits:
            self.exits[phase] = exits.stop()
        return result

    def _check(self, command):
        """In the node, with its own limit: what hangs there must not stay."""
        rc, out, err = self.node.run(f"timeout {self.seconds} sh -c '{command}'",
                                     timeout=self.seconds + 60)
        if rc == 124:
            raise GuestError(f"no end after {self.seconds} s: {command[:60]}; {self._state()}")
        if rc != 0:
            raise GuestError(f"{(err or out).strip()[-300:]}; {self._state()}")
        return out

    def _state(self):
        try:
            state = json.loads(self.node.check(f"cloister inspect {NAME}"))
            return f"the guest: {state['status']} {state.get('reason') or ''}".strip()
        except Exception as e:
            return f"the guest: {e}"

    # -- phases --------------------------------------------------------------------------------

    def boot(self):
        """Seconds from the command to a guest whose Redis listens."""
        return self._counted("boot", self._boot)

    def _boot(self):
        publish = " ".join(f"--publish 127.0.0.1:{p}:{p}" for p in (REDIS_PORT, WALK_PORT))
        begin = time.monotonic()
        self._check(f"cloister run --quiet --timeout {self.seconds} --name {NAME} {publish} "
                    f"{self.options} {IMAGE}")
        log = self.node.popen(f"exec cloister logs -f {NAME}")
        try:
            log.wait_for(READY, timeout=self.seconds)
        except Exception as e:
            raise GuestError(f"not ready: {str(e)[-300:]}; {self._state()}") from e
        finally:
            log.kill()
        return time.monotonic() - begin

    def redis(self, requests, warm_up=False):
        """Requests a second by redis-benchmark in the node, {"set": …, "get": …}."""
        def run():
            out = self._check(
                f"redis-benchmark --tls --insecure -h 127.0.0.1 -p {REDIS_PORT} -c {CLIENTS} "
                f"-n {requests} -r {KEYS} -d {VALUE_BYTES} -t set,get --csv")
            rates = {name.lower(): float(rate)
                     for name, rate in re.findall(r'^"(SET|GET)","([\d.]+)"', out, re.M)}
            if set(rates) != {"set", "get"}:
                raise GuestError(f"redis-benchmark said {out.strip()[-200:]!r}")
            return rates
        return run() if warm_up else self._counted("redis", run)

    def walk(self, pages, rounds):
        """Nanoseconds a page: {"first_ns": …, "rounds_ns": […]}, by the guest's clock."""
        def run():
            out = self._check(f"echo {pages} {rounds} | socat -t {self.seconds} - "
                              f"TCP:127.0.0.1:{WALK_PORT}")
            answer = json.loads(out or "{}")
            if "rounds_ns" not in answer:
                raise GuestError(f"the walk said {out.strip()[:200]!r}; {self._state()}")
            return answer
        return self._counted("walk", run)

    def core(self):
        """The Core's word on the zone, or None for an ordinary guest."""
        return json.loads(self.node.check(f"cloister inspect {NAME}"))["core"]

    def stop(self):
        self.node.run(f"cloister stop {NAME}", timeout=60)
