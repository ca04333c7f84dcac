"""OCPI 2.2.1: domain to wire, and wire to domain, as plain functions gathered in `VERSION`."""

from gateway.ocpi.v221 import cdrs, commands, credentials, locations, profiles, sessions, tariffs, tokens
from gateway.ocpi.version import Version

VERSION = Version(
    number="2.2.1",
    modules=(
        ("credentials", "SENDER"),
        ("locations", "SENDER"),
        ("sessions", "SENDER"),
        ("cdrs", "SENDER"),
        ("tariffs", "SENDER"),
        ("tokens", "RECEIVER"),
        ("commands", "RECEIVER"),
        ("chargingprofiles", "RECEIVER"),
        ("hubclientinfo", "RECEIVER"),
    ),
    parse_endpoints=credentials.parse_endpoints,
    render_endpoint=credentials.render_endpoint,
    parse_credentials=credentials.parse_credentials,
    render_credentials=credentials.render_credentials,
    render_location=locations.render_location,
    render_evse=locations.render_evse,
    render_connector=locations.render_connector,
    render_session=sessions.render_session,
    render_cdr=cdrs.render_cdr,
    render_tariff=tariffs.render_tariff,
    parse_token=tokens.parse_token,
    parse_token_patch=tokens.parse_token_patch,
    render_token=tokens.render_token,
    parse_authorization=tokens.parse_authorization,
    render_location_references=tokens.render_location_references,
    command_parsers=commands.PARSERS,
    render_command_response=commands.render_command_response,
    render_command_result=commands.render_command_result,
    render_token_type=tokens.render_token_type,
    profiles=profiles.WORDS,
    parse_preferences=profiles.parse_preferences,
)
