"""Lists of builds with their properties in the data layer: one question for a page's, not one a build."""

from __future__ import annotations

from typing import Any, Callable

from twisted.internet import defer

from daybook.buildbot.builds import Builds
from daybook.buildbot.serving import store_of


def ask_at_once(get: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps the endpoint's get(): what it would ask for each build is taken out of the question first."""

    @defer.inlineCallbacks
    def get_with_properties(self: Any, resultSpec: Any, kwargs: Any) -> Any:
        component = self.master.db.builds
        if not isinstance(component, Builds) or store_of(component.db) is None:
            return (yield get(self, resultSpec, kwargs))
        wanted = resultSpec.popProperties() if hasattr(resultSpec, "popProperties") else []
        builds = yield get(self, resultSpec, kwargs)
        if wanted and builds:
            found = yield component.properties_of([build["buildid"] for build in builds])
            for build in builds:
                properties = _chosen(found[build["buildid"]], wanted)
                if properties:
                    build["properties"] = properties
        return builds

    return get_with_properties


def _chosen(properties: dict, wanted: Any) -> dict:
    if "*" in wanted:
        return properties
    return {name: value for name, value in properties.items() if name in wanted}
