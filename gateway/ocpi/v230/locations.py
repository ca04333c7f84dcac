"""Locations in OCPI 2.3.0 (mod_locations 8.3): parking places, a help line, and more kinds of plugs."""

from functools import partial

from gateway.ocpi.v221 import locations as v221
from gateway.ocpi.v221.common import Words

WORDS = Words(
    number="2.3.0",
    token_types=v221.TOKEN_TYPES | {"EMAID"},
    connector_types=v221.CONNECTOR_TYPES | {"MCS", "SAE_J3400"},
    parking_restrictions=v221.PARKING_RESTRICTIONS | {"EMPLOYEES", "TAXIS", "TENANTS"},
    location_extra=v221.LATER_LOCATION_EXTRA,
    evse_extra=v221.LATER_EVSE_EXTRA,
    connector_extra=v221.LATER_CONNECTOR_EXTRA,
)
render_location = partial(v221.render_location, words=WORDS)
render_evse = partial(v221.render_evse, words=WORDS)
render_connector = partial(v221.render_connector, words=WORDS)
