"""master.db.build_data. Names, parameters and models are Buildbot's own."""

from __future__ import annotations

from buildbot.db import build_data

from daybook.buildbot.serving import store_of

_Own = build_data.BuildDataConnectorComponent


def _model(id, buildid, name, length, source, value):
    return build_data.BuildDataModel(
        buildid=buildid, name=name, length=length, source=source, value=value
    )


class BuildData(_Own):
    def setBuildData(self, buildid, name, value, source):
        store = store_of(self.db)
        if store is None:
            return super().setBuildData(buildid, name, value, source)
        return store.set_build_data(buildid, name, bytes(value), source)

    def getBuildData(self, buildid, name):
        store = store_of(self.db)
        if store is None:
            return super().getBuildData(buildid, name)
        return store.ask("get_build_data", _model, None, buildid, name)

    def getBuildDataNoValue(self, buildid, name):
        store = store_of(self.db)
        if store is None:
            return super().getBuildDataNoValue(buildid, name)
        return store.ask("get_build_data_no_value", _model, None, buildid, name)

    def getAllBuildDataNoValues(self, buildid):
        store = store_of(self.db)
        if store is None:
            return super().getAllBuildDataNoValues(buildid)
        asked = store.ask("get_all_build_data_no_values", _model, None, buildid, None, None)
        return asked.addCallback(list)

    def deleteOldBuildData(self, older_than_timestamp):
        store = store_of(self.db)
        if store is None:
            return super().deleteOldBuildData(older_than_timestamp)
        return store.delete_old_build_data(int(older_than_timestamp))
