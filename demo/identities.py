# SPDX-License-Identifier: Apache-2.0
"""The steps of the demo of identities (demo/identity), which a node test takes some of."""
import base64
import contextlib
import http.client
import json
import signal
import ssl
import subprocess
import threading
import time

from story import BUILD, NodeError, short  # sets sys.path
from measured import IN_NODE, Measured
from node import free_port
import svid

NGINX, ETCD = BUILD / "images/nginx", BUILD / "images/etcd"
ISSUER_STATE = BUILD / "identity/issuer"
ISSUER = BUILD / "bin/cloister-issuer"
ATTACK = BUILD / "attack/channel-attack"
DOMAIN = "example.org"
WEB_NAME = f"web.{DOMAIN}"
API_IN_NODE = 12379  # etcd's published port
START_SECONDS = 900  # a time-out: a zone's start, under emulation
X509_TTL = 180  # seconds; an agent renews at half of it
ROTATIONS = 3
ROTATION_SECONDS = ROTATIONS * X509_TTL + 300  # a time-out
KEY, VALUE = "greeting", "one zone to another"

EMPTY = {
    "boot": {"seconds": None},
    "svid": {"spiffe_id": None, "not_after": None},
    "start": {"zone_seconds": None, "identity_seconds": None},
    "mtls": None,
    "refused_wrong_digest": None,
    "rotation": {"rotations": None, "requests": None, "failed": None},
    "channel_attacks": [],
}


class Issuer:
    """cloister-issuer serve, with what it says."""

    def __init__(self, port, *arguments):
        self.lines = []
        self.process = subprocess.Popen(
            [ISSUER, "serve", *arguments, "--listen", f"127.0.0.1:{port}"], text=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.rstrip())
                self.news.notify_all()
        with self.news:
            self.lines.append("(ended)")
            self.news.notify_all()

    def wait_for(self, *texts, seconds=START_SECONDS, since=0):
        """The line that has all of these."""
        def found():
            return next((li for li in self.lines[since:] if all(t in li for t in texts)), None)

        with self.news:
            if not self.news.wait_for(lambda: found() or self.lines[-1:] == ["(ended)"], seconds):
                raise NodeError(f"the issuer has not said {texts} in {seconds} s: {self.lines[-5:]}")
            if not found():
                raise NodeError(f"the issuer has ended: {self.lines[-5:]}")
            return found()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.reader.join()


class Identity(Measured):
    NAME, EMPTY = "demo-identity", EMPTY

    def __init__(self, directory):
        super().__init__(directory)
        self.ports = {name: free_port() for name in ("node", "zone", "web", "api", "issuer", "other")}
        self.issuers = []
        self.bundle = self.directory / "bundle.pem"

    def stop(self):
        for issuer in self.issuers:
            with contextlib.suppress(Exception):
                issuer.stop()
        self.end_node()

    # -- issuers ---------------------------------------------------------------------------------

    def issuer(self, state, port):
        """Serves with the one policy for both images."""
        policy = self.directory / "issuer-policy.json"
        policy.write_text(json.dumps({
            "version": 1, "trust_domain": DOMAIN, "x509_ttl": X509_TTL,
            "zones": [{"digest": self.digest(image),
                       "identities": [{"id": f"spiffe://{DOMAIN}/{name}",
                                       "dns": [f"{name}.{DOMAIN}"]}]}
                      for name, image in (("web", NGINX), ("api", ETCD))]}))
        issuer = Issuer(port, state, "--policy", policy, "--verifier-policy", self.policy)
        self.issuers.append(issuer)
        issuer.wait_for("serving", seconds=60)
        return issuer

    def issuer_says(self, *arguments):
        done = subprocess.run([ISSUER, *map(str, arguments)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise NodeError(f"cloister-issuer {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    # -- zones -----------------------------------------------------------------------------------

    def start_zone(self, name, image, *options, issuer="issuer"):
        self.node.check(
            f"cloister run --quiet --name {name} --connect 7446:10.0.2.2:{self.ports[issuer]} "
            f"--connect 7444:127.0.0.1:7444 --timeout {START_SECONDS} {' '.join(options)} {image}",
            timeout=START_SECONDS)

    def said_by(self, name, text):
        """The last line of a zone's console that has this text, as soon as there is one."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            console = self.node.check(f"cloister logs {name} | tr -d '\\r'").splitlines()
            lines = [line for line in console if text in line]
            if lines:
                return lines[-1]
            if json.loads(self.node.check(f"cloister inspect {name}"))["status"] == "ended":
                break
            time.sleep(1)  # nobody outside is told what a console says
        raise NodeError(f"zone {name} has not said \"{text}\": {console[-8:]}")

    # -- requests --------------------------------------------------------------------------------

    def tls(self):
        """Believes the trust domain's bundle, and nobody else."""
        context = ssl.create_default_context(cafile=self.bundle)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def connection(self):
        """To the web zone, by its name."""
        made = http.client.HTTPSConnection(WEB_NAME, self.ports["web"], timeout=120,
                                           context=self.tls())
        made._create_connection = lambda address, *a, **k: svid.connect(self.ports["web"], *a, **k)
        return made

    @staticmethod
    def ask(connection, path, **body):
        connection.request("POST", path, json.dumps(
            {k: base64.b64encode(v.encode()).decode() for k, v in body.items()}))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise NodeError(f"{path}: {answer.status} {content[:200]}")
        return json.loads(content)

    def value(self, connection):
        found = self.ask(connection, "/v3/kv/range", key=KEY)
        return base64.b64decode(found["kvs"][0]["value"]).decode()

    # -- the story -------------------------------------------------------------------------------

    def measured_boot(self):
        seconds = self.boot_measured(
            extra=[], forward=[(self.ports["zone"], 7443), (self.ports["web"], 8443),
                               (self.ports["api"], API_IN_NODE)])
        self.put("boot", seconds=seconds)
        self.enroll(self.ca)
        evidence = self.directory / "node.evidence"
        self.cloister("evidence", "fetch", "--node", f"127.0.0.1:{self.ports['node']}",
                      "--output", evidence)
        self.make_policy((NGINX, ETCD), "--firmware-from", evidence)
        return f"UEFI, GRUB, Core, Debian in {seconds:.0f} s; the node is enrolled"

    def start_issuer(self):
        self.first = self.issuer(ISSUER_STATE, self.ports["issuer"])
        self.key = json.loads(self.issuer_says("show", ISSUER_STATE, "--json"))["channel_key"]
        self.bundle.write_text(svid.bundle_pem(self.issuer_says("bundle", ISSUER_STATE)))
        return (f"trust domain {DOMAIN}; both images name its key, {short(self.key)}; certificates "
                f"live {X509_TTL} s")

    def api(self):
        self.start_zone("api", f"{IN_NODE}/etcd", f"--publish 0.0.0.0:{API_IN_NODE}:2379")
        self.said_by("api", "cloister-zone: ready")
        return "etcd is ready"

    def web(self):
        begin = time.monotonic()
        self.start_zone("web", f"{IN_NODE}/nginx", f"--connect 2379:127.0.0.1:{API_IN_NODE}",
                        "--publish 0.0.0.0:8443:8443 --publish 0.0.0.0:7443:7443")
        self.said_by("web", "cloister-zone: ready")
        seconds = time.monotonic() - begin
        said = self.said_by("web", "proven and fetched in")
        fetched = int(said.split("fetched in ")[1].split()[0]) / 1000
        self.put("start", zone_seconds=round(seconds, 1), identity_seconds=round(fetched, 1))
        self.first.wait_for(f"a zone of digest {self.digest(NGINX)}", seconds=60)
        return (f"nginx is ready in {seconds:.0f} s, of which it took {fetched:.1f} s to prove what it "
                f"is and to fetch its identity")

    def mutual_tls(self):
        connection = self.connection()
        self.ask(connection, "/v3/kv/put", key=KEY, value=VALUE)
        same = self.value(connection) == VALUE
        found = self.seen(connection)
        connection.close()
        stranger = self.refused_by_api()
        self.result["mtls"] = same and bool(stranger)
        self.expect(same, "what was written to the API through nginx")
        return (f"{found['spiffe_id']} until {found['not_after']} answers with what the API has "
                f"kept; who shows the API no certificate: {stranger}")

    def seen(self, connection):
        """The web zone's SVID, as a client sees it."""
        found = svid.of(connection.sock)
        self.put("svid", **found)
        self.expect(found["spiffe_id"] == f"spiffe://{DOMAIN}/web", "the SPIFFE ID of the web zone")
        return found

    def refused_by_api(self):
        """Straight to etcd, without an SVID: what TLS says."""
        context = self.tls()
        context.check_hostname = False
        try:
            with context.wrap_socket(svid.connect(self.ports["api"])) as s:
                s.sendall(b"GET /version HTTP/1.1\r\nHost: api\r\n\r\n")
                s.recv(1)
        except OSError as e:
            return e.reason if isinstance(e, ssl.SSLError) else str(e)
        self.expect(False, "a refusal by the API")
        return None

    def other_digest(self, directory):
        """The web zone's image with one more word on its kernel's command line, in the node."""
        self.node.check(f"cp -r {IN_NODE}/nginx {directory} && sed -i 's/\"cmdline\": \"/&other=1 /' "
                        f"{directory}/zone.json")

    def wrong_digest(self):
        self.other_digest("/dev/shm/other")
        since = len(self.first.lines)
        self.start_zone("other", "/dev/shm/other")
        said = self.said_by("other", "identity: the peer refuses")
        line = self.first.wait_for("refused", since=since, seconds=60)
        self.node.check("cloister stop other", timeout=300)
        self.result["refused_wrong_digest"] = "digest" in said and "digest" in line
        self.expect(self.result["refused_wrong_digest"], "the digest as the reason")
        return said.split("identity: ")[-1]

    def rotation(self):
        """Requests on old and on new connections, until there were enough certificates."""
        seen, requests, failed, reasons = set(), 0, 0, []
        kept = self.connection()
        deadline = time.monotonic() + ROTATION_SECONDS
        while len(seen) <= ROTATIONS and time.monotonic() < deadline:
            fresh = self.connection()
            for connection in (kept, fresh, kept):
                requests += 1
                try:
                    if self.value(connection) != VALUE:
                        raise NodeError("another value")
                    if connection is fresh:
                        seen.add(svid.of(fresh.sock)["serial"])
                except (OSError, http.client.HTTPException, NodeError, KeyError) as e:
                    failed += 1
                    reasons.append(str(e))
                    connection.close()
            fresh.close()
        kept.close()
        rotations = max(len(seen) - 1, 0)
        self.put("rotation", rotations=rotations, requests=requests, failed=failed)
        self.expect(rotations >= ROTATIONS, f"{ROTATIONS} rotations")
        self.expect(not failed, f"no failed request: {reasons[:3]}")
        return f"{rotations} new certificates of the web zone in {requests} requests, {failed} failed"

    # -- attacks ---------------------------------------------------------------------------------

    def attacked(self, name, refused, reason):
        self.result["channel_attacks"].append({"name": name, "refused": refused, "reason": reason})
        self.expect(refused, "a refusal")
        return reason

    def dial(self, name):
        """The network's owner to the issuer, with the node's evidence and the zone's report."""
        done = subprocess.run([ATTACK, name, self.key, str(self.ports["issuer"]),
                               str(self.ports["node"]), str(self.ports["zone"])],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
        if done.returncode == 2:
            raise NodeError(f"the attack could not be tried: {done.stdout.strip()}")
        return self.attacked(name, done.returncode == 0, done.stdout.strip())

    def diversion(self):
        """The network leads the zone to another issuer, which would believe it."""
        state = self.directory / "other-issuer"
        self.issuer_says("init", state, "--trust-domain", DOMAIN)
        other = self.issuer(state, self.ports["other"])
        self.start_zone("diverted", f"{IN_NODE}/nginx", issuer="other")
        said = self.said_by("diverted", "identity: the peer is refused")
        believed = any("a zone of digest" in line for line in other.lines)
        self.node.check("cloister stop diverted", timeout=300)
        return self.attacked("diversion", "key" in said and not believed,
                             said.split("identity: ")[-1])

    # -- all of it -------------------------------------------------------------------------------

    def run(self):
        self.step("measured boot", self.measured_boot)
        self.step("issuer", self.start_issuer)
        self.step("API zone", self.api)
        self.step("web zone", self.web)
        self.step("mutual TLS", self.mutual_tls)
        self.step("wrong digest", self.wrong_digest)
        self.step("rotation", self.rotation)
        for name in ("relay", "replay", "own-report", "no-evidence"):
            self.step(f"attack: {name}", lambda name=name: self.dial(name))
        self.step("attack: diversion", self.diversion)

    def happy_end(self):
        r = self.result
        print(f"nginx and etcd, two of Debian's packages in two zones, talk mutual TLS with "
              f"certificates for\n{r['svid']['spiffe_id']} and its like, which an issuer gave them "
              f"for their digests alone. A zone with\nanother digest got none. "
              f"{r['rotation']['rotations']} rotations, {r['rotation']['requests']} requests, "
              f"{r['rotation']['failed']} failed; {len(r['channel_attacks'])} attacks on the "
              f"channel refused.\ndocs/threat-model.md says what is not protected.")
