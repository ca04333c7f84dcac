"""The OCPI versions the eMSP speaks."""

from __future__ import annotations

from simulators.emsp.v221 import VERSION as V221
from simulators.emsp.version import OcpiVersion

VERSIONS: dict[str, OcpiVersion] = {version.number: version for version in (V221,)}
