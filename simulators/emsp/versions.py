"""The OCPI versions the eMSP speaks."""

from __future__ import annotations

from simulators.emsp.v211 import VERSION as V211
from simulators.emsp.v221 import VERSION as V221
from simulators.emsp.v230 import VERSION as V230
from simulators.emsp.version import OcpiVersion

VERSIONS: dict[str, OcpiVersion] = {version.number: version for version in (V211, V221, V230)}
