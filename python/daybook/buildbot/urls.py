"""Translates a master's database URL, in SQLAlchemy's form, into daybook's."""

from __future__ import annotations

import os
from typing import Dict, Optional, Sequence, Union
from urllib.parse import quote

from sqlalchemy.engine import URL, make_url

# Options that say how Buildbot or its driver connects: nothing that daybook has to know,
_IGNORED = {
    "sqlite": {"serialize_access"},
    "postgresql": set(),
    "mysql": {"charset", "max_idle", "storage_engine", "use_unicode"},
}
# and what its engine takes under the same names (psycopg's are libpq's, mysqlclient's are MariaDB's).
_KEPT = {
    "sqlite": set(),
    "postgresql": {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "options",
        "passfile",
        "port",
        "service",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "tcp_user_timeout",
    },
    "mysql": {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_mode", "unix_socket"},
}
_SCHEMES = {"postgres": "postgresql", "mariadb": "mysql"}


class UnknownUrl(ValueError):
    """A URL that daybook cannot serve; the message names what in it."""


def translate(url: Union[str, URL], basedir: Optional[str]) -> str:
    """Gives the URL by which daybook opens the master's database, as its drop-in.

    basedir is the master's, None where its place is in the URL already (an engine's).

    Raises UnknownUrl for an engine or an option that is not known, and for a database in memory.
    """
    parsed = make_url(url)
    scheme = parsed.drivername.split("+")[0]
    scheme = _SCHEMES.get(scheme, scheme)
    if scheme not in _IGNORED:
        raise UnknownUrl(f"daybook knows no database {parsed.drivername}")
    options: Dict[str, str] = {}
    for name, value in _joined_hosts(dict(parsed.query)).items():
        if not isinstance(value, str):
            raise UnknownUrl(f"the database URL has the option {name} twice")
        if name in _KEPT[scheme]:
            options[name] = value
        elif name not in _IGNORED[scheme]:
            raise UnknownUrl(f"daybook does not know the option {name} of the database URL")
    options["writes"] = "master"
    query = "&".join(f"{name}={quote(value)}" for name, value in options.items())
    if scheme == "sqlite":
        return f"sqlite:///{quote(_path(parsed, basedir))}?{query}"
    return f"{scheme}://{_authority(parsed)}/{quote(parsed.database or '')}?{query}"


def _joined_hosts(query: Dict[str, Union[str, Sequence[str]]]) -> Dict[str, Union[str, Sequence[str]]]:
    """SQLAlchemy names several hosts as host=a:1&host=b:2, libpq as host=a,b&port=1,2."""
    hosts = query.get("host", "")
    if isinstance(hosts, str):
        return query
    pairs = [host.partition(":") for host in hosts]
    joined = {"host": ",".join(pair[0] for pair in pairs), "port": ",".join(pair[2] for pair in pairs)}
    return {**query, **joined}


def _path(url: URL, basedir: Optional[str]) -> str:
    if not url.database or url.database == ":memory:":
        raise UnknownUrl("the database is in memory, where nobody but Buildbot can reach it")
    path = url.database
    if basedir is not None:
        path = os.path.join(basedir, path % {"basedir": basedir})
    return os.path.abspath(path)


def _authority(url: URL) -> str:
    text = quote(url.username or "", safe="")
    if url.password is not None:
        text += ":" + quote(str(url.password), safe="")
    if text:
        text += "@"
    text += url.host or ""
    return f"{text}:{url.port}" if url.port else text
