"""daybook under a Buildbot master: `master.db.builds`, `.steps` and `.build_data` answered by daybook.

Two lines in buildbot.tac, before the master is made:

    import daybook.buildbot
    daybook.buildbot.install()

buildbot.tac and not master.cfg, because it is run once, by the running master alone, before the master makes
its components; master.cfg comes too late for that, and is also read by checkconfig, upgrade-master and each
reconfiguration. To take daybook out again remove the lines and restart.

What daybook cannot serve (a version of Buildbot, a database, a URL) is said in the log, and Buildbot's own
components go on as if it were not there.
"""

from __future__ import annotations

from twisted.python import log

from daybook import __version__

OLDEST = (4, 1)


def install() -> bool:
    """Puts daybook's components in the place of Buildbot's, for every master made from now on.

    Result: whether it did; if not, the log says why.
    """
    try:
        import buildbot

        _check_version(buildbot.version)
        from daybook.buildbot import components

        components.install()
    except Exception as error:
        log.msg(f"daybook {__version__} stays out of this Buildbot master: {error}")
        return False
    return True


def _check_version(version: str) -> None:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers and numbers < OLDEST:
        raise RuntimeError(f"it serves Buildbot 4.1 and newer, and this is {version}")
