"""Which changes partners are told of, and which messages cost nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.deliveries import DeliveryKind, profile_subject, session_subject
from gateway.domain.locations import EvseStatus
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerStatus
from gateway.domain.profiles import SessionProfile
from gateway.domain.sessions import ChargingState, Session, SessionStatus
from gateway.flows.memory import Memory
from gateway.flows.outbox import Outbox
from gateway.ports import (
    Change,
    DeleteTariff,
    DropDeliveries,
    Enqueue,
    SaveCdr,
    SaveEvseStatus,
    SaveLocation,
    SavePartner,
    SaveProfile,
    SaveSession,
    SaveTariff,
)
from tests.contract.samples import CDR, EVSE, FACT, LOCATION, NOON, OURS, PARTNER_ROW, SESSION, TARIFF, THEIRS
from tests.unit.flows.stage import FakeClock

MINUTE = timedelta(minutes=1)
MODULES = ("locations", "tariffs", "sessions", "cdrs")


def receiver(partner_id: str, *modules: str, **changes: object) -> Partner:
    endpoints = tuple(
        Endpoint(identifier=module, role="RECEIVER", url=f"https://emsp.example/{module}") for module in modules
    )
    partner = replace(PARTNER_ROW, id=partner_id, status=PartnerStatus.REGISTERED, endpoints=endpoints)
    return replace(partner, **changes)  # type: ignore[arg-type]


class Desk:
    """The outbox with what it stands on."""

    def __init__(self) -> None:
        self.memory, self.clock = Memory(), FakeClock()
        self.outbox = Outbox(self.memory, self.clock, MINUTE)

    def commit(self, change: Change) -> list[Enqueue]:
        """Save a change with what it brings; its deliveries."""
        followers = list(self.outbox.follow(change))
        changes: Sequence[Change] = [change, *followers]
        self.memory.apply(changes)
        self.outbox.on_changes(changes)
        return [one for one in followers if isinstance(one, Enqueue)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def kinds(rows: Sequence[Enqueue]) -> list[tuple[str, DeliveryKind]]:
    return [(row.delivery.partner_id, row.delivery.subject.kind) for row in rows]


def running(**changes: object) -> Session:
    assert SESSION.partner_id is not None
    session = replace(SESSION, status=SessionStatus.ACTIVE, revision=1, sealed_cdr_id=None, seal_due_at=None, hold=None)
    return replace(session, **changes)  # type: ignore[arg-type]


OWNER = SESSION.partner_id or ""


def test_only_the_owner_of_the_card_is_told_of_a_session(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))
    desk.commit(SavePartner(receiver("other", *MODULES)))

    assert kinds(desk.commit(SaveSession(running(), fact=FACT))) == [(OWNER, DeliveryKind.SESSION)]
    assert desk.commit(SaveSession(running(id="local", partner_id=None), fact=FACT)) == []


def test_a_partner_without_the_module_has_nothing_waiting(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, "locations")))

    assert desk.commit(SaveSession(running(), fact=FACT)) == []
    assert desk.commit(SaveCdr(replace(CDR, partner_id=OWNER))) == []
    assert desk.commit(SaveTariff(TARIFF)) == []


def test_messages_add_nothing_while_a_delivery_waits(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))
    desk.commit(SaveSession(running(), fact=FACT))

    assert desk.commit(SaveSession(running(revision=2), fact=FACT)) == []


def test_progress_after_a_telling_waits_for_the_interval_and_a_new_state_does_not(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))
    desk.commit(SaveSession(running(), fact=FACT))
    desk.outbox.on_sending(session_subject(SESSION.id))
    (row,) = desk.commit(SaveSession(running(revision=2), fact=FACT))
    assert row.delivery.due_at == NOON + MINUTE

    suspended = replace(SESSION.ledger, charging_state=ChargingState.SUSPENDED_EV)
    (row,) = desk.commit(SaveSession(running(revision=3), fact=FACT, ledger=suspended))

    assert row.delivery.due_at == NOON


def test_the_seal_sends_what_waits_and_adds_nothing_to_what_was_told(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))
    due_at = NOON + timedelta(seconds=5)
    ended = running(status=SessionStatus.COMPLETED, seal_due_at=due_at)
    (row,) = desk.commit(SaveSession(ended, fact=FACT))
    assert row.delivery.due_at > due_at

    sealed = SaveSession(replace(ended, sealed_cdr_id="c", seal_due_at=None))
    assert [one.delivery.due_at for one in desk.outbox.follow(sealed) if isinstance(one, Enqueue)] == [NOON]
    desk.outbox.on_sending(session_subject(SESSION.id))
    assert desk.commit(sealed) == []


def test_a_status_goes_to_all_who_see_the_location_once_it_changed(desk: Desk) -> None:
    desk.commit(SavePartner(receiver("a", *MODULES)))
    desk.commit(SavePartner(receiver("b", "sessions")))
    desk.commit(SaveLocation(LOCATION))
    change = SaveEvseStatus(LOCATION.id, EVSE.uid, EvseStatus.OUTOFORDER, NOON)

    assert kinds(desk.commit(change)) == [("a", DeliveryKind.EVSE_STATUS)]
    assert desk.commit(change) == []


def test_a_plug_that_flaps_is_told_of_at_once_and_then_now_and_then_with_its_last_word(desk: Desk) -> None:
    desk.commit(SavePartner(receiver("a", *MODULES)))
    desk.commit(SaveLocation(LOCATION))

    def due_s(status: EvseStatus) -> float:
        (row,) = desk.commit(SaveEvseStatus(LOCATION.id, EVSE.uid, status, desk.clock.at))
        return (row.delivery.due_at - NOON).total_seconds()

    told = []
    for second, status in enumerate([EvseStatus.OUTOFORDER, EvseStatus.AVAILABLE] * 3):
        desk.clock.at = NOON + timedelta(seconds=second)
        told.append(due_s(status))

    assert told == [0, 2, 4, 4, 6, 6]
    desk.clock.at = NOON + MINUTE
    assert due_s(EvseStatus.OUTOFORDER) == 60


def test_an_unpublished_location_goes_only_to_who_may_see_it_and_its_withdrawal_to_who_saw_it(desk: Desk) -> None:
    desk.commit(SavePartner(receiver("plain", *MODULES)))
    desk.commit(SavePartner(receiver("trusted", *MODULES, sees_unpublished=True)))
    hidden = replace(LOCATION, publish=False)
    assert kinds(desk.commit(SaveLocation(hidden))) == [("trusted", DeliveryKind.LOCATION)]
    desk.commit(SaveLocation(LOCATION))

    told = kinds(desk.commit(SaveLocation(hidden)))

    assert told == [("plain", DeliveryKind.LOCATION), ("trusted", DeliveryKind.LOCATION)]


def test_a_tariff_that_is_deleted_is_told(desk: Desk) -> None:
    desk.commit(SavePartner(receiver("a", *MODULES)))
    desk.commit(SaveTariff(TARIFF))

    assert kinds(desk.commit(DeleteTariff(TARIFF.id))) == [("a", DeliveryKind.TARIFF)]
    assert desk.commit(DeleteTariff("never-there")) == []


def test_a_partner_that_registers_is_told_everything_but_bills(desk: Desk) -> None:
    desk.commit(SaveTariff(TARIFF))
    desk.commit(SaveLocation(LOCATION))
    desk.commit(SaveSession(running()))

    told = kinds(desk.commit(SavePartner(receiver(OWNER, *MODULES))))

    assert [kind for _, kind in told] == [DeliveryKind.TARIFF, DeliveryKind.LOCATION, DeliveryKind.SESSION]
    assert desk.commit(SavePartner(receiver(OWNER, *MODULES, name="Other name"))) == []


def test_nothing_is_told_to_a_partner_that_left(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))
    left = SavePartner(replace(receiver(OWNER), status=PartnerStatus.ENDED))

    assert list(desk.outbox.follow(left)) == [DropDeliveries(OWNER)]
    desk.commit(left)
    assert desk.commit(SaveTariff(TARIFF)) == []


PROFILE = SessionProfile(session_id="S", station_id="CP-1", partner_id=OWNER, profile=None, set_at=NOON)
SENDER = Endpoint(identifier="chargingprofiles", role="SENDER", url="https://emsp.example/chargingprofiles")


def test_who_set_a_profile_is_told_of_it_where_it_has_the_interface(desk: Desk) -> None:
    desk.commit(SavePartner(receiver(OWNER, "sessions", "chargingprofiles")))
    assert desk.commit(SaveProfile(PROFILE)) == []  # of charging profiles it is the sender that is told

    desk.commit(SavePartner(receiver(OWNER, endpoints=(SENDER,))))

    (row,) = desk.commit(SaveProfile(PROFILE))
    assert (row.delivery.partner_id, row.delivery.subject) == (OWNER, profile_subject("S"))


def test_a_resync_tells_what_holds_for_sessions_with_a_profile(desk: Desk) -> None:
    owner = receiver(OWNER, endpoints=(SENDER,))
    desk.commit(SavePartner(owner))
    desk.commit(SaveProfile(PROFILE))
    desk.commit(SaveProfile(replace(PROFILE, session_id="T", partner_id="other")))

    assert [row.delivery.subject for row in desk.outbox.resync(owner)] == [profile_subject("S")]


def test_who_only_shows_charging_places_is_told_of_no_drivers(desk: Desk) -> None:
    guide = receiver(OWNER, *MODULES, roles=(PartnerRole(party=THEIRS, role="NAP", name="Access point"),))

    assert desk.commit(SavePartner(guide)) == []
    assert kinds(desk.commit(SaveTariff(TARIFF))) == [(OWNER, DeliveryKind.TARIFF)]
    assert kinds(desk.commit(SaveLocation(LOCATION))) == [(OWNER, DeliveryKind.LOCATION)]
    assert desk.commit(SaveSession(running(), fact=FACT)) == []
    assert desk.commit(SaveCdr(replace(CDR, partner_id=OWNER))) == []


def test_a_partner_that_is_to_know_another_party_of_ours_is_told_everything_anew(desk: Desk) -> None:
    desk.commit(SaveTariff(TARIFF))
    desk.commit(SavePartner(receiver(OWNER, *MODULES)))

    assert desk.commit(SavePartner(receiver(OWNER, *MODULES, name="Another name"))) == []
    told = desk.commit(SavePartner(receiver(OWNER, *MODULES, our_party=OURS)))

    assert kinds(told) == [(OWNER, DeliveryKind.TARIFF)]
