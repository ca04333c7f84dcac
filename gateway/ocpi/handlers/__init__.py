"""One file per module: who calls, parse, flow, render."""

from gateway.ocpi.exchange import Handler
from gateway.ocpi.handlers import (
    cdrs,
    chargingprofiles,
    commands,
    credentials,
    hubclientinfo,
    invoicereconciliation,
    locations,
    sessions,
    tariffs,
    tokens,
)

# Module to its routes: method, what follows the module's URL, handler.
MODULES: dict[str, tuple[tuple[str, str, Handler], ...]] = {
    "credentials": (
        ("GET", "", credentials.get_credentials),
        ("POST", "", credentials.post_credentials),
        ("PUT", "", credentials.put_credentials),
        ("DELETE", "", credentials.delete_credentials),
    ),
    "locations": (
        ("GET", "", locations.list_locations),
        ("GET", "/{location_id}", locations.get_location),
        ("GET", "/{location_id}/{evse_uid}", locations.get_evse),
        ("GET", "/{location_id}/{evse_uid}/{connector_id}", locations.get_connector),
    ),
    "sessions": (
        ("GET", "", sessions.list_sessions),
        ("PUT", "/{session_id}/charging_preferences", sessions.put_preferences),
    ),
    "cdrs": (("GET", "", cdrs.list_cdrs),),
    "tariffs": (("GET", "", tariffs.list_tariffs),),
    "commands": (("POST", "/{command}", commands.post_command),),
    "chargingprofiles": (
        ("GET", "/{session_id}", chargingprofiles.get_profile),
        ("PUT", "/{session_id}", chargingprofiles.put_profile),
        ("DELETE", "/{session_id}", chargingprofiles.delete_profile),
    ),
    "tokens": (
        ("GET", "/{country_code}/{party_id}/{token_uid}", tokens.get_token),
        ("PUT", "/{country_code}/{party_id}/{token_uid}", tokens.put_token),
        ("PATCH", "/{country_code}/{party_id}/{token_uid}", tokens.patch_token),
    ),
    "invoicereconciliation": (("GET", "", invoicereconciliation.list_invoices),),
    "hubclientinfo": (
        ("GET", "/{country_code}/{party_id}", hubclientinfo.get_client),
        ("PUT", "/{country_code}/{party_id}", hubclientinfo.put_client),
    ),
}

REGISTRATION = frozenset({"credentials", "versions"})
"""Modules that a registration token opens."""

CONFIGURATION = REGISTRATION | {"hubclientinfo"}
"""Modules that are never routed.  OCPI 2.2.1 transport_and_format "Message Routing Headers" """
