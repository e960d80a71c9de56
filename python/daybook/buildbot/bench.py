"""Measures Buildbot's own components and daybook's, through the same Deferred calls on the same database.

Buildbot's come first, in a master's connector as it is without daybook; then the drop-in is put in, and the same is
asked of a new connector on the same file. The figures of one run belong together; those of two runs do not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import tempfile
import time
from typing import Any, Callable, Dict, List, Tuple

from twisted.internet import defer, reactor, task

from daybook.buildbot.bench_data import MADE, Place, copy_database, fill, place_in
from daybook.buildbot.bench_master import Master

# What the drop-in is to reach at least, in ratios: on SQLite, and on a server.
WANTED: Dict[str, int] = {
    "add_build, 64 outstanding": 40,
    "get_build, 64 outstanding": 40,
    "add_build, one at a time": 5,
    "get_build, one at a time": 10,
    "get_prev_successful_build": 1000,
    "page of 50 with properties": 25,
}
WANTED_OF_SERVER: Dict[str, int] = {"add_build, 64 outstanding": 5, "get_build, 64 outstanding": 10}
Rates = Dict[str, float]


async def rate(outstanding: int, seconds: float, call: Callable[[], Any]) -> float:
    """Calls a second, with so many of them outstanding all the time."""
    end = time.perf_counter() + seconds
    count = 0

    async def one() -> None:
        nonlocal count
        while time.perf_counter() < end:
            await call()
            count += 1

    begin = time.perf_counter()
    await defer.gatherResults([defer.ensureDeferred(one()) for _ in range(outstanding)])
    return count / (time.perf_counter() - begin)


class Alone:
    """Answers each turn of the reactor: what the harness reaches without a store."""

    def __init__(self) -> None:
        self._waiting: List[defer.Deferred] = []

    def call(self) -> defer.Deferred:
        if not self._waiting:
            reactor.callLater(0, self._answer)
        answer: defer.Deferred = defer.Deferred()
        self._waiting.append(answer)
        return answer

    def _answer(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)


async def measure(master: Master, place: Place, seconds: float) -> Rates:
    from buildbot.data import builds as data
    from buildbot.data.resultspec import Property, ResultSpec

    builds = master.db.builds
    stamps = await master.db.sourcestamps.getSourceStampsForBuild(place.other_buildid)
    endpoint = data.BuildsEndpoint(None, master)

    def add() -> Any:
        return builds.addBuild(
            place.builderid, place.buildrequestid, None, place.masterid, "starting"
        )

    def get() -> Any:
        return builds.getBuild(place.buildid)

    def previous() -> Any:
        return builds.getPrevSuccessfulBuild(place.busy, 10**6, stamps)

    async def page() -> None:
        spec = ResultSpec(
            order=["-buildid"], limit=50, properties=[Property(b"property", "eq", ["*"])]
        )
        spec.apply(await endpoint.get(spec, {}))

    return {
        "page of 50 with properties": await rate(1, seconds, page),
        "get_prev_successful_build": await rate(1, seconds / 4, previous),
        "get_build, one at a time": await rate(1, seconds, get),
        "get_build, 64 outstanding": await rate(64, seconds, get),
        "add_build, one at a time": await rate(1, seconds, add),
        "add_build, 64 outstanding": await rate(64, seconds, add),
    }


async def compare(url: str, basedir: str, args: argparse.Namespace) -> Tuple[Rates, Rates, float]:
    import daybook.buildbot

    master = Master(basedir, url)
    await master.connect()
    place = MADE
    if args.copy_of:
        place = await master.db.pool.do(place_in)
    else:
        await master.db.pool.do(fill, master.db.model, args.builds)
    theirs = await measure(master, place, args.seconds)
    await master.end()
    if args.adopt:
        subprocess.run([args.daybook, "adopt", "--force", "--db", url], check=True, stdout=subprocess.DEVNULL)
    if not daybook.buildbot.install():
        raise SystemExit("daybook stays out of this Buildbot; see the log")
    await master.connect()
    ours = await measure(master, place, args.seconds)
    from daybook.buildbot.serving import store_of

    if store_of(master.db) is None:
        raise SystemExit("daybook does not serve this database; see the log")
    await master.end()
    return theirs, ours, await rate(64, args.seconds, Alone().call)


def show(theirs: Rates, ours: Rates, alone: float, wanted: Dict[str, int]) -> None:
    print(f"{'a second':28} {'Buildbot':>10} {'daybook':>10} {'times':>8} {'wanted':>8}")
    for name, times in ((name, ours[name] / theirs[name]) for name in WANTED):
        mark = wanted.get(name, "")
        print(f"{name:28} {theirs[name]:10.1f} {ours[name]:10.1f} {times:8.1f} {mark:>8}")
    print(f"{'the reactor alone, 64':28} {'':10} {alone:10.1f}")


def as_json(theirs: Rates, ours: Rates, alone: float, wanted: Dict[str, int]) -> str:
    lines = [
        {
            "name": name,
            "buildbot": theirs[name],
            "daybook": ours[name],
            "times": ours[name] / theirs[name],
            "wanted": wanted.get(name),
        }
        for name in WANTED
    ]
    return json.dumps({"rates": lines, "reactor_alone": alone})


def options(words: List[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m daybook.buildbot bench", description=__doc__)
    parser.add_argument("--builds", type=int, default=100_000, help="builds in the database")
    parser.add_argument("--seconds", type=float, default=5, help="for each figure")
    parser.add_argument("--folder", help="where the database is made (default: a temporary one)")
    place = parser.add_mutually_exclusive_group()
    place.add_argument(
        "--copy-of", metavar="FILE", help="measure a copy of this master's database instead"
    )
    place.add_argument("--db", metavar="URL", help="measure on a server, in this empty database")
    parser.add_argument("--daybook", default="daybook", help="the command, which adopts the database")
    parser.add_argument("--no-adopt", dest="adopt", action="store_false", help="leave it as it is")
    parser.add_argument("--json", action="store_true", help="the figures as JSON in place of a table")
    return parser.parse_args(words)


def main(words: List[str]) -> None:
    args = options(words)
    if args.adopt and not shutil.which(args.daybook):
        raise SystemExit(f"there is no command {args.daybook}: name it with --daybook, or --no-adopt")

    async def run() -> None:
        with tempfile.TemporaryDirectory(dir=args.folder) as basedir:
            path = os.path.join(basedir, "state.sqlite")
            if args.copy_of:
                copy_database(args.copy_of, path)
            wanted = WANTED_OF_SERVER if args.db else WANTED
            found = (*await compare(args.db or f"sqlite:///{path}", basedir, args), wanted)
            if args.json:
                print(as_json(*found))
            else:
                show(*found)

    task.react(lambda _: defer.ensureDeferred(run()))
