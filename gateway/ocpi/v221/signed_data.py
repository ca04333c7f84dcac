"""Signed meter values in a CDR (OCPI 2.2.1 mod_cdrs, SignedData and SignedValue)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import structlog

from gateway.domain.signatures import SignedValue
from gateway.ocpi.wire import NOT_AVAILABLE, without_absent

log = structlog.get_logger(__name__)

MOST_DATA: Final = 5000
MOST_METHOD: Final = 36
MOST_KEY: Final = 512
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def render_signed_data(cdr_id: str, values: Sequence[SignedValue]) -> dict[str, Any] | None:
    """All that can be said whole, in the order of the session; None if there is nothing.

    What does not fit is withheld with a warning, never cut: a shortened record would not verify.  A CDR names one
    format and one key: values of another format than the last value's are withheld, and no key is named if several
    were used.  The version of OCMF ("1.4") is no whole number, as this field would need.
    """
    if not values:
        return None
    method = _method_of(values[-1])
    kept = [value for value in values if _fits(cdr_id, value, method)]
    if not kept:
        return None
    keys = {value.public_key for value in kept if value.public_key is not None}
    key = keys.pop() if len(keys) == 1 else None
    return without_absent(
        {
            "encoding_method": method,
            "public_key": key if key is not None and len(key) <= MOST_KEY else None,
            "signed_values": [
                {"nature": value.nature.value, "plain_data": _plain(value), "signed_data": value.signed_data}
                for value in kept
            ],
        }
    )


def _fits(cdr_id: str, value: SignedValue, method: str) -> bool:
    if _method_of(value) != method:
        problem = f"its format is {_method_of(value)}, that of the last value {method}"
    elif max(len(value.plain_data), len(value.signed_data)) > MOST_DATA:
        problem = f"longer than {MOST_DATA} characters"
    elif not value.plain_data:
        problem = "empty"
    else:
        return True
    log.warning("signed value withheld from OCPI", cdr_id=cdr_id, nature=value.nature, at=value.at, reason=problem)
    return False


def _method_of(value: SignedValue) -> str:
    method = value.encoding_method
    is_sayable = method is not None and len(method) <= MOST_METHOD and method.isascii() and method.isprintable()
    return method if is_sayable and method is not None else NOT_AVAILABLE


def _plain(value: SignedValue) -> str:
    """Line breaks are not allowed in OCPI's texts; between the words of JSON or XML a blank is the same.

    The bytes under the signature stand in `signed_data`.
    """
    return _CONTROL.sub(" ", value.plain_data)
