"""From errors to HTTP and OCPI status codes."""

import json

import pytest

from gateway.errors import PartnerError, WireError
from gateway.ocpi.envelope import ERRORS, HANDSHAKE_FAULTS, MESSAGE_LIMIT, Reply, render_response, reply_for
from tests.fakes.ocpi_store import NOON


def test_no_error_of_ours_has_a_code_of_hubs() -> None:
    """4xxx are for hubs to say.  OCPI 2.2.1 status_codes 5.4"""
    codes = {code for _, _, code in ERRORS} | set(HANDSHAKE_FAULTS.values())

    assert all(2000 <= code < 4000 for code in codes)


def test_content_that_is_wrong_is_no_error_of_http() -> None:
    assert [http for kind, http, _ in ERRORS if kind in (WireError, PartnerError)] == [200, 200]


def test_an_answer_without_data_has_no_member_for_it() -> None:
    response = render_response(Reply(), NOON)

    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"status_code": 1000, "timestamp": "2026-03-01T12:00:00Z"}
    assert response.content_type == "application/json"


@pytest.mark.parametrize("length", [10, 5000])
def test_a_message_is_cut_to_what_a_partner_can_read(length: int) -> None:
    message = reply_for(WireError("$", "x" * length)).message

    assert message is not None
    assert len(message) <= MESSAGE_LIMIT
