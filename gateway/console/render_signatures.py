"""What meters signed, and with which keys, as the operator sees it."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.signatures import KeySource, MeterKey, SignedValue, StatedReading


def render_signed_value(value: SignedValue) -> dict[str, Any]:
    """`plain_data` and `signed_data` (the same in base64) are the record as the station sent it."""
    return {
        "nature": value.nature,
        "at": value.at,
        "verdict": value.verdict,
        "reason": value.reason,
        "encoding_method": value.encoding_method,
        "encoding_version": value.encoding_version,
        "signing_method": value.signing_method,
        "public_key": value.public_key,
        "key_source": value.key_source,
        "has_other_key": value.has_other_key,
        "meter_serial": value.meter_serial,
        "gateway_serial": value.gateway_serial,
        "pagination": value.pagination,
        "readings": [_render_stated(reading) for reading in value.readings],
        "plain_data": value.plain_data,
        "signed_data": value.signed_data,
    }


def render_meter_keys(keys: Sequence[MeterKey], source: KeySource) -> dict[str, str]:
    """The keys of one source by number of EVSE, as `PUT` takes those of the operator."""
    return {str(key.evse_no): key.text for key in keys if key.source is source}


def _render_stated(reading: StatedReading) -> dict[str, Any]:
    return {
        "at": reading.at,
        "at_raw": reading.at_raw,
        "transaction": reading.transaction,
        "register": reading.register,
        "energy_wh": reading.energy_wh,
        "status": reading.status,
        "error_flags": reading.error_flags,
    }
