import pytest

from gateway.flows.masking import mask_uid


@pytest.mark.parametrize(("uid", "shown"), [("04AABBCC", "04…CC"), ("123456", "…"), ("", "…")])
def test_a_uid_in_a_log_is_masked(uid: str, shown: str) -> None:
    assert mask_uid(uid) == shown
