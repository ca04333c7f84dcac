from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.tariffs import choose_tariff, types_for
from tests.unit.core.test_cdrs import TARIFF
from tests.unit.core.test_sessions import NOON

SECOND = timedelta(seconds=1)
OLD = replace(TARIFF, id="OLD", end_at=NOON)
NEW = replace(TARIFF, id="NEW", start_at=NOON)


@pytest.mark.parametrize(("seconds", "tariff_id"), [(-1, "OLD"), (0, "NEW"), (1, "NEW")])
def test_the_end_of_a_tariff_is_exclusive_and_its_start_is_not(seconds: int, tariff_id: str) -> None:
    chosen = choose_tariff([OLD, NEW], NOON + seconds * SECOND)

    assert chosen is not None
    assert chosen.id == tariff_id


def test_none_valid_is_none() -> None:
    assert choose_tariff([OLD], NOON) is None
    assert choose_tariff([NEW], NOON - SECOND) is None
    assert choose_tariff([], NOON) is None


def test_only_tariffs_for_drivers_with_a_contract_are_chosen() -> None:
    ad_hoc, regular = replace(TARIFF, type="AD_HOC_PAYMENT"), replace(TARIFF, id="R", type="REGULAR")

    assert choose_tariff([ad_hoc, regular, TARIFF], NOON) is regular
    assert choose_tariff([ad_hoc], NOON) is None


def test_a_driver_has_the_tariff_of_his_kind_first() -> None:
    plain, regular = replace(TARIFF, id="P"), replace(TARIFF, id="R", type="REGULAR")
    ad_hoc, cheap = replace(TARIFF, id="A", type="AD_HOC_PAYMENT"), replace(TARIFF, id="C", type="PROFILE_CHEAP")
    offered = [plain, regular, ad_hoc, cheap]

    assert choose_tariff(offered, NOON, types_for(token_type="AD_HOC_USER")) is ad_hoc
    assert choose_tariff(offered, NOON, types_for(token_type="RFID", profile_type="CHEAP")) is cheap
    assert choose_tariff(offered, NOON, types_for(token_type="RFID", profile_type="REGULAR")) is plain
    assert choose_tariff([regular, plain], NOON, types_for(profile_type="FAST")) is regular
    assert choose_tariff([plain, cheap], NOON, types_for(token_type="AD_HOC_USER")) is plain
