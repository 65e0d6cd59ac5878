"""Where posts come from. Every module here whose name has no leading underscore is a platform."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors._base import Connector


@cache
def connectors() -> Mapping[str, Connector]:
    """Every platform that can be followed, by its name, in alphabetical order."""
    names = sorted(m.name for m in iter_modules(__path__) if not m.name.startswith("_"))
    found = (cast("Connector", import_module(f"{__name__}.{name}")) for name in names)
    return MappingProxyType({connector.platform: connector for connector in found})
