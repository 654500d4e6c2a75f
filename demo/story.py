# SPDX-License-Identifier: Apache-2.0
"""What the demos have in common: steps that print a line each with their evidence, expectations
that fail the demo without ending it, and a result checked against its schema."""
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests/node/lib"), str(ROOT / "demo")]
import schema  # noqa: E402
from node import BUILD, NodeError  # noqa: E402
from machine import signals_as_exit  # noqa: E402


def mib(n):
    return f"{n / (1 << 20):.0f} MiB"


def short(digest):
    return digest[:16] + "…"


class Story:
    """A demo. Its class has NAME (result.json goes to build/NAME), EMPTY (the result's sections
    before anything ran), run(), stop() and happy_end(), which prints what was shown."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.begin = time.monotonic()
        self.failures = []
        self.unmet = []
        self.result = {"ok": False, "failures": self.failures, "seconds": 0,
                       "version": (ROOT / "VERSION").read_text().strip(),
                       **{name: dict(section) if isinstance(section, dict) else section
                          for name, section in self.EMPTY.items()}}

    # -- telling -------------------------------------------------------------------------------

    def seconds(self):
        return time.monotonic() - self.begin

    def expect(self, condition, what):
        """An expectation; the demo goes on without it, but fails."""
        if not condition:
            self.unmet.append(what)

    def step(self, name, function):
        """One step: one line."""
        if sys.stdout.isatty():
            print(f"{'':9} …     {name}", end="\r", flush=True)
        self.unmet = []
        try:
            evidence = function()
        except Exception as e:
            self.unmet.append(str(e))
            print(f"{self.seconds():7.1f} s FAIL  {name}: {e}", flush=True)
            raise
        finally:
            self.failures += [f"{name}: {what}" for what in self.unmet]
        mark = "FAIL" if self.unmet else "ok  "
        print(f"{self.seconds():7.1f} s {mark}  {name}: {evidence}", flush=True)
        for what in self.unmet:
            print(f"{'':9}       expected: {what}", flush=True)

    def put(self, section, **figures):
        self.result[section] = {**self.result[section], **figures}

    # -- small helpers -------------------------------------------------------------------------

    def cloister(self, *arguments, codes=(0,)):
        """`cloister` outside the node."""
        command = [str(BUILD / "bin/cloister"), *map(str, arguments)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=600)
        if done.returncode not in codes:
            raise NodeError(f"`cloister {arguments[0]}` ended with {done.returncode}: "
                            f"{(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout

    # -- all of it -----------------------------------------------------------------------------

    @property
    def path(self):
        return BUILD / self.NAME / "result.json"

    def finish(self):
        """Writes the figures, checked against their schema."""
        self.result["seconds"] = round(self.seconds(), 1)
        self.result["ok"] = not self.failures
        rules = json.loads((ROOT / f"share/schema/{self.NAME}-result.schema.json").read_text())
        wrong = schema.errors(self.result, rules)
        if wrong:
            self.failures += [f"result.json: {w}" for w in wrong]
            self.result["ok"] = False
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.result, indent=2) + "\n")
        part.rename(self.path)

    def summary(self):
        print()
        if self.result["ok"]:
            self.happy_end()
        else:
            print("The demo failed:")
            for what in self.failures:
                print(f"  {what}")
        print(f"{self.result['seconds']:.0f} seconds; figures: {os.path.relpath(self.path)}")


def tell(story, needed):
    """Runs a demo from its class. needed: files that must have been built."""
    # A shell that starts this in the background has it ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for path in needed:
        if not path.exists():
            print(f"cloister: {story.NAME}: {os.path.relpath(path)} is missing; run "
                  f"`make {story.NAME}`", file=sys.stderr)
            return 1
    status = 1
    (BUILD / "run").mkdir(parents=True, exist_ok=True)
    # Dumps are as large as the machine: not in /tmp, which may be memory.
    with signals_as_exit(), tempfile.TemporaryDirectory(prefix="demo-", dir=BUILD / "run") as d:
        demo = story(d)
        try:
            demo.run()
        except KeyboardInterrupt:
            demo.failures.append("interrupted")
            status = 130
        except SystemExit as e:
            demo.failures.append("ended by a signal")
            status = e.code
        except Exception as e:
            if not demo.failures:
                demo.failures.append(str(e))
        finally:
            demo.stop()
            demo.finish()
        demo.summary()
    return 0 if demo.result["ok"] else status
