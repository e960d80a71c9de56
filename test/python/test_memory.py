"""No leak: the memory of the process stays as it is over a million calls (DAYBOOK_CALLS: how many)."""

import os
import sys

from harness import FolderCase, Parents, in_reactor, main
from twisted.internet import defer

import daybook
from daybook import Spec

CALLS = int(os.environ.get("DAYBOOK_CALLS", "1000000"))
WARM_UP = CALLS // 5
# The allocator's slack: a leak of 3 bytes a call is more. (SQLite's page cache grows with the database, so
# nothing here lets that grow.)
ALLOWED_KIB = 2 * 1024


def resident_kib():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


class TestMemory(FolderCase):
    timeout = 1500

    @in_reactor
    async def test_resident_memory_is_flat(self):
        store = self.open()
        parents = await Parents.add(store)
        buildid, _ = await parents.add_build(store)
        await store.set_build_property(buildid, "p", "1", "s")
        stepid, _, _ = await store.add_step(buildid, "s", "")
        await store.add_url(stepid, "n", "u")
        await store.set_build_data(buildid, "d", b"x" * 1000, "s")
        spec = Spec(filters=(("number", "in", (1, 2)), ("state_string", "contains", "s")), limit=5,
                    fields=("id", "properties"), total="exact", order=("-number",))
        codebases = [("r", None, "")]
        kinds = [
            lambda: store.get_build(buildid),
            lambda: store.get_builds(spec=spec),
            lambda: store.get_step(stepid),
            lambda: store.get_build_data(buildid, "d"),
            lambda: store.get_prev_successful_build(parents.builderid, 5, codebases),
            lambda: store.set_build_property(buildid, "p", "1", "s"),  # unchanged: the file does not grow
            lambda: store.finish_build(10**9, 0).addErrback(lambda f: f.trap(daybook.NotFoundError)),
            lambda: store.get_builds(spec=Spec(order=("no",))).addErrback(
                lambda f: f.trap(daybook.InvalidError)),
        ]
        left = iter(range(CALLS))
        sizes = []

        async def work():
            for i in left:
                await kinds[i % len(kinds)]()
                if i == WARM_UP or i == CALLS - 1:
                    sizes.append(resident_kib())

        await defer.gatherResults([defer.ensureDeferred(work()) for _ in range(64)])
        print(f"resident {sizes} KiB after {WARM_UP} and {CALLS} calls")
        self.assertLess(sizes[1] - sizes[0], ALLOWED_KIB)


if __name__ == "__main__":
    sys.exit(main(__name__))
