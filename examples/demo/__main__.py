"""Runs the story from an empty folder and prints each command before it runs it."""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from examples.demo import load, train

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".demo"
FILES = "examples/demo/files"
PER_PHASE = 400
CHANGING = "while it changed"


class Story:
    """Prints what it does, does it, and keeps the table."""

    def __init__(self) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ZAFFRE_")},
            "ZAFFRE_HOME": str(WORK / "home"),
            "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        self.colour = sys.stdout.isatty()

    def say(self, text: str) -> None:
        print(f"\n\033[1;34m{text}\033[0m" if self.colour else f"\n== {text}", flush=True)

    def zaffre(self, *words: str, quiet: bool = False, expect: int = 0) -> str:
        """Run one command line; its errors go straight to the terminal."""
        print(f"$ zaffre {shlex.join(words)}", flush=True)
        done = subprocess.run(
            ["zaffre", *words], env=self.environment, cwd=ROOT, text=True, stdout=subprocess.PIPE
        )
        if not quiet and done.stdout.strip():
            print(done.stdout.rstrip(), flush=True)
        if done.returncode != expect:
            raise SystemExit(f"the command ended with {done.returncode}, not {expect}")
        return done.stdout

    def value(self, *words: str) -> str:
        """One value that a command prints."""
        return self.zaffre(*words, "-o", "tsv").strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.demo")
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    keep = parser.parse_args().keep
    began = time.monotonic()
    story = Story()
    clean_up(story)
    try:
        tell(story)
        story.say(f"Done in {time.monotonic() - began:.0f} seconds")
        if keep:
            leave_running(story)
    finally:
        if not keep:
            clean_up(story)


def tell(story: Story) -> None:
    story.say("Train a linear and a boosted model on scikit-learn's breast cancer data")
    rows, probabilities, scores = train.train(WORK / "models")
    for name, score in scores.items():
        print(f"{name:8} right on {score:.1%} of unseen rows")
    expected = {"blue": probabilities["linear"], "green": probabilities["boosted"]}

    story.say("Start a server on loopback")
    story.zaffre("server", "start")

    story.say("Register both models")
    for name in ("linear", "boosted"):
        story.zaffre(
            "model", "create", "-f", f"{FILES}/{name}.yml", "--query", "[name, version]", "-o", "tsv"
        )
    story.zaffre(
        "model",
        "list",
        "--tag",
        "dataset=breast-cancer",
        "-o",
        "table",
        "--query",
        "[].{name: name, version: version, type: type}",
    )

    story.say("Create the endpoint and deploy blue")
    story.zaffre("online-endpoint", "create", "-f", f"{FILES}/endpoint.yml", quiet=True)
    timed(
        story,
        "online-deployment",
        "create",
        "-f",
        f"{FILES}/blue.yml",
        "--all-traffic",
        "--reason",
        "first release",
    )
    url = story.value("online-endpoint", "show", "-n", "tumours", "--query", "scoring_uri")
    key = json.loads(story.zaffre("online-endpoint", "get-credentials", "-n", "tumours", quiet=True))[
        "primaryKey"
    ]

    story.say("Send real rows and compare with local predictions")
    compare(story, rows, expected["blue"])

    story.say("Deploy green beside blue; it gets no traffic yet")
    timed(story, "online-deployment", "create", "-f", f"{FILES}/green.yml", "--reason", "boosted model")

    with load.Load(url, key, rows, expected) as traffic:
        roll_out(story, traffic)
        in_use(story)
        crash(story, traffic)
    report(story, traffic)


def timed(story: Story, *words: str) -> None:
    began = time.monotonic()
    story.zaffre(*words, quiet=True)
    print(f"ready after {time.monotonic() - began:.1f} s")


def compare(story: Story, rows, expected) -> None:
    request = WORK / "request.json"
    request.write_text(json.dumps({"data": rows[:20].tolist()}))
    answer = json.loads(
        story.zaffre(
            "online-endpoint",
            "invoke",
            "-n",
            "tumours",
            "--request-file",
            str(request.relative_to(ROOT)),
            quiet=True,
        )
    )
    worst = max(abs(value - right) for value, right in zip(answer, expected[:20], strict=True))
    print(f"20 rows, largest difference {worst:.2g}")
    if worst > 1e-9:
        raise SystemExit("the endpoint's answers differ from the local predictions")


def roll_out(story: Story, traffic: load.Load) -> None:
    def step(name: str, *words: str) -> None:
        story.say(name)
        traffic.phase(CHANGING)
        story.zaffre("online-endpoint", "update", "-n", "tumours", *words, quiet=True)
        traffic.phase(name)
        traffic.wait_for(PER_PHASE)

    traffic.phase("blue alone")
    traffic.wait_for(PER_PHASE)
    step("Mirror 10 % to green", "--mirror-traffic", "green=10")
    step("10 % to green", "--mirror-traffic", "green=0", "--traffic", "blue=90 green=10")
    step("50 % to green", "--traffic", "blue=50 green=50")
    step("100 % to green", "--traffic", "blue=0 green=100")
    step("Roll back to blue", "--traffic", "blue=100 green=0", "--reason", "a second look")
    step("Forward to green again", "--traffic", "blue=0 green=100")


def in_use(story: Story) -> None:
    story.say("Delete blue's model while it is deployed: refused")
    story.zaffre("model", "delete", "-n", "tumours-linear", "-v", "1", "-y", expect=5)


def crash(story: Story, traffic: load.Load) -> None:
    story.say("Kill the control plane with SIGKILL under load, start it again")
    facts = json.loads((WORK / "home" / "server.json").read_text())
    traffic.phase("control plane killed")
    os.kill(facts["pid"], signal.SIGKILL)
    traffic.wait_for(PER_PHASE)
    story.zaffre("server", "start")
    traffic.phase("control plane back")
    traffic.wait_for(PER_PHASE)


def report(story: Story, traffic: load.Load) -> None:
    story.say("What the requests saw")
    print(f"{'phase':26}{'requests':>9}{'failed':>8}{'blue':>8}{'green':>8}{'p50 ms':>9}{'p99 ms':>9}")
    for phase in filter(lambda phase: phase.requests, load.merged(traffic.phases)):
        counts = phase.by_deployment
        print(
            f"{phase.name:26}{phase.requests:>9}{len(phase.failures):>8}{counts['blue']:>8}{counts['green']:>8}"
            f"{phase.percentile_ms(0.5):>9.1f}{phase.percentile_ms(0.99):>9.1f}"
        )
    failures = [failure for phase in traffic.phases for failure in phase.failures]
    print(f"{'all':26}{sum(phase.requests for phase in traffic.phases):>9}{len(failures):>8}")
    story.say("Where the last answer of green came from")
    story.zaffre("lineage", "show", traffic.revisions["green"], "-o", "table")
    if failures:
        raise SystemExit(f"{len(failures)} requests failed, the first: {failures[0]}")


def leave_running(story: Story) -> None:
    url = story.value("online-endpoint", "show", "-n", "tumours", "--query", "scoring_uri")
    facts = json.loads((WORK / "home" / "server.json").read_text())
    print(f"\ncontrol plane  {facts['url']}\nscoring        {url}")
    print(f"commands       ZAFFRE_HOME={WORK.relative_to(ROOT)}/home .venv/bin/zaffre ...")
    print(f"stop           ZAFFRE_HOME={WORK.relative_to(ROOT)}/home .venv/bin/zaffre server stop --all")


def clean_up(story: Story) -> None:
    if (WORK / "home").exists():
        story.say("Clean up")
        story.zaffre("server", "stop", "--all")
    shutil.rmtree(WORK, ignore_errors=True)


if __name__ == "__main__":
    main()
