"""OCPI 2.3.0: what it changed of 2.2.1; the rest is taken from there."""

from dataclasses import replace

from gateway.ocpi import v221
from gateway.ocpi.v230 import cdrs, commands, credentials, invoices, locations, tariffs, tokens

VERSION = replace(
    v221.VERSION,
    number="2.3.0",
    modules=(*v221.VERSION.modules, ("invoicereconciliation", "SENDER")),
    parse_credentials=credentials.parse_credentials,
    render_credentials=credentials.render_credentials,
    render_location=locations.render_location,
    render_evse=locations.render_evse,
    render_connector=locations.render_connector,
    render_session=cdrs.render_session,
    render_cdr=cdrs.render_cdr,
    render_tariff=tariffs.render_tariff,
    parse_token=tokens.parse_token,
    parse_token_patch=tokens.parse_token_patch,
    parse_authorization=tokens.parse_authorization,
    command_parsers=commands.PARSERS,
    render_token_type=tokens.render_token_type,
    render_invoice=invoices.render_invoice,
)
