"""As much of a master as its database connector needs, for bench.py; of Buildbot 4.1 and newer."""

from __future__ import annotations

from typing import Any, Callable

from twisted.application.service import MultiService
from twisted.internet import reactor


class Master:
    """What a connector asks its master for. connect() gives one, end() stops it."""

    def __init__(self, basedir: str, url: str) -> None:
        from buildbot.config.master import MasterConfig

        self.reactor = reactor
        self.basedir = basedir
        self.url = url
        self.config = MasterConfig()
        self.caches = self
        self.db: Any = None

    def get_cache(self, name: str, miss: Callable[..., Any]) -> Any:
        class Cache:
            get = staticmethod(miss)

        return Cache

    def get_db_url(self, config: Any) -> str:
        """Until Buildbot 4.2."""
        return self.url

    def get_db_config(self, config: Any) -> Any:
        """From Buildbot 4.3 on."""
        from buildbot.config.master import DBConfig

        return DBConfig(self.url)

    async def connect(self) -> Any:
        from buildbot.db import connector

        self.db = connector.DBConnector(self.basedir)
        if hasattr(self.db, "set_master"):
            await self.db.set_master(self)
        else:  # until Buildbot 4.1
            parent: Any = MultiService()
            parent.master = self
            await self.db.setServiceParent(parent)
        await self.db.setup(check_version=False, verbose=False)
        await self.db.model.upgrade()
        return self.db

    async def end(self) -> None:
        pool = self.db.pool
        await (pool.shutdown if hasattr(pool, "shutdown") else pool.stop)()
