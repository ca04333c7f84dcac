import asyncio
import hashlib
from typing import Any

import pytest

from gateway.domain.events import Admitted, HandshakeAsked, Refused
from gateway.domain.stations import Admission, Station
from gateway.errors import StoreDownError
from gateway.flows import admission
from gateway.flows.admission import AdmissionRules, Doorkeeper
from gateway.flows.provisioning import password_bytes
from gateway.ports import DeleteStation, SaveStation
from tests.unit.flows.stage import Stage
from tests.unit.flows.words import NOON, STATION

KEY_HEX = "0123456789abcdef0123456789ABCDEF"
KEY = bytes.fromhex(KEY_HEX)
TEXT = "correct horse battery"


class PlainSecrets:
    def keyed_hash(self, secret: bytes) -> str:
        return hashlib.sha256(secret).hexdigest()

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, text: str) -> str:
        return text

    def new_token(self) -> str:
        return "token"


def doorkeeper(stage: Stage, unknown_stations: str = "quarantine") -> Doorkeeper:
    store: Any = stage.store
    rules = AdmissionRules(unknown_stations=unknown_stations)
    return Doorkeeper(store, stage.memory, stage.clock, PlainSecrets(), rules)


def asked(
    station_id: str = STATION, *, user: str | None = None, password: bytes | None = None, is_tls: bool = False
) -> HandshakeAsked:
    return HandshakeAsked(
        station_id=station_id,
        path=f"/ocpp/{station_id}",
        remote="192.0.2.1:5000",
        is_tls=is_tls,
        offered=("ocpp1.6",),
        user=user,
        password=password,
    )


async def provide(
    stage: Stage, *, profile: int | None = None, password: str | None = None, version: str = "1.6"
) -> None:
    """The station, provisioned anew."""
    await stage.provide(DeleteStation(STATION))
    hashed = None if password is None else PlainSecrets().keyed_hash(password_bytes(password))
    station = Station(
        id=STATION,
        admission=Admission.ACCEPTED,
        security_profile=profile,
        password_hash=hashed,
        ocpp_version=version,
        created_at=NOON,
    )
    await stage.provide(SaveStation(station))


def status_of(decision: Admitted | Refused) -> int:
    return decision.http_status if isinstance(decision, Refused) else 101


# --- unknown stations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "admitted"), [("quarantine", Admission.PENDING), ("accept", Admission.ACCEPTED)])
async def test_an_unknown_station_is_let_in_as_the_rule_says_and_written_down(
    stage: Stage, rule: str, admitted: Admission
) -> None:
    decision = await doorkeeper(stage, rule).decide(asked("NEW", user="new", password=b"x"))

    assert decision == Admitted(station_id="NEW", admission=admitted)
    assert [station.admission for station in await stage.store.real.load_stations() if station.id == "NEW"] == [
        admitted
    ]


async def test_an_unknown_station_is_refused_where_that_is_the_rule(stage: Stage) -> None:
    decision = await doorkeeper(stage, "refuse").decide(asked("NEW"))

    assert isinstance(decision, Refused)
    assert (decision.http_status, "PUT stations" in decision.reason) == (404, True)
    assert stage.memory.find_station("NEW") is None


async def test_a_station_that_returns_in_another_spelling_is_the_same(stage: Stage) -> None:
    door = doorkeeper(stage)
    await door.decide(asked("New"))

    decision = await door.decide(asked("NEW"))

    assert decision == Admitted(station_id="New", admission=Admission.PENDING)
    assert await door.decide(asked("cs1")) == Admitted(station_id=STATION, admission=Admission.ACCEPTED)


async def test_invented_identities_fill_no_disk(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "QUARANTINE_LIMIT", 2)
    door = doorkeeper(stage)

    decisions = [await door.decide(asked(name)) for name in ("A", "B", "C", "A")]

    assert [status_of(decision) for decision in decisions] == [101, 101, 404, 101]
    assert stage.memory.quarantined == {"a", "b"}


async def test_the_limit_holds_for_handshakes_at_the_same_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "QUARANTINE_LIMIT", 2)
    door = doorkeeper(stage)

    decisions = await asyncio.gather(*(door.decide(asked(name)) for name in "ABCDE"))

    assert sorted(map(status_of, decisions)) == [101, 101, 404, 404, 404]


async def test_a_place_in_quarantine_is_free_again_once_a_station_is_accepted_or_deleted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "QUARANTINE_LIMIT", 1)
    door = doorkeeper(stage)
    await door.decide(asked("A"))
    await stage.provide(DeleteStation("A"))

    assert status_of(await door.decide(asked("B"))) == 101
    await stage.reopen()
    assert status_of(await doorkeeper(stage).decide(asked("C"))) == 404


async def test_two_handshakes_of_one_unknown_station_at_the_same_time_are_both_let_in(stage: Stage) -> None:
    door = doorkeeper(stage)

    decisions = await asyncio.gather(door.decide(asked("NEW")), door.decide(asked("new")))

    assert [decision.admission for decision in decisions if isinstance(decision, Admitted)] == [Admission.PENDING] * 2
    assert len(await stage.store.real.load_stations()) == 2


async def test_an_unknown_station_that_cannot_be_written_down_is_not_let_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "QUARANTINE_LIMIT", 1)
    door = doorkeeper(stage)
    stage.store.is_down = True
    with pytest.raises(StoreDownError):
        await door.decide(asked("NEW"))

    stage.store.is_down = False

    assert status_of(await door.decide(asked("NEW"))) == 101


# --- credentials -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("user", "status"), [("CS1", 101), ("cs1", 101), (None, 101), ("CS2", 401), ("", 401)])
async def test_the_user_is_the_identity_in_any_spelling(stage: Stage, user: str | None, status: int) -> None:
    password = None if user is None else b"whatever"

    assert status_of(await doorkeeper(stage).decide(asked(user=user, password=password))) == status


@pytest.mark.parametrize(
    ("profile", "password", "is_tls", "status"),
    [
        (None, None, False, 101),
        (None, None, True, 101),
        (0, None, False, 101),
        (0, TEXT, False, 101),
        (1, TEXT, False, 101),
        (1, None, False, 401),
        (1, "wrong", False, 401),
        (1, TEXT, True, 403),
        (2, TEXT, True, 101),
        (2, None, True, 401),
        (2, "wrong", True, 401),
        (2, TEXT, False, 403),
    ],
)
async def test_a_connection_must_have_the_stations_profile(
    stage: Stage, profile: int | None, password: str | None, is_tls: bool, status: int
) -> None:
    await provide(stage, profile=profile, password=TEXT if profile else None)

    sent = None if password is None else password.encode()
    decision = await doorkeeper(stage).decide(asked(user=sent and STATION, password=sent, is_tls=is_tls))

    assert status_of(decision) == status


async def test_a_password_without_a_profile_is_asked_for_on_both_listeners(stage: Stage) -> None:
    await provide(stage, password=TEXT)
    door = doorkeeper(stage)

    for is_tls in (False, True):
        assert status_of(await door.decide(asked(is_tls=is_tls))) == 401
        assert status_of(await door.decide(asked(user=STATION, password=TEXT.encode(), is_tls=is_tls))) == 101


@pytest.mark.parametrize("profile", [1, 2])
async def test_a_profile_that_needs_a_password_and_has_none_admits_nobody(stage: Stage, profile: int) -> None:
    await provide(stage, profile=profile)

    decision = await doorkeeper(stage).decide(asked(user=STATION, password=b"", is_tls=profile == 2))

    assert isinstance(decision, Refused)
    assert (decision.http_status, "no password set" in decision.reason) == (401, True)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (KEY, 101),
        (KEY_HEX.encode(), 101),
        (KEY_HEX.lower().encode(), 101),
        (KEY_HEX[:-1].encode(), 401),
        (KEY[:-1], 401),
        (b"", 401),
        (b"\xff" * 32, 401),
        (KEY_HEX.encode() + b" ", 401),
    ],
)
async def test_a_key_of_16_may_be_sent_as_bytes_or_as_their_hex_text(stage: Stage, sent: bytes, status: int) -> None:
    await provide(stage, profile=1, password=KEY_HEX)  # OCPP 1.6 security whitepaper A00.FR.205

    assert status_of(await doorkeeper(stage).decide(asked(user=STATION, password=sent))) == status


async def test_a_password_of_2x_is_its_text_even_if_it_looks_like_hex(stage: Stage) -> None:
    await provide(stage, profile=1, password=KEY_HEX, version="2.0.1")
    door = doorkeeper(stage)

    assert status_of(await door.decide(asked(user=STATION, password=KEY_HEX.encode()))) == 101
    assert status_of(await door.decide(asked(user=STATION, password=KEY_HEX[:-1].encode() + b"0"))) == 401


async def test_a_pinned_version_goes_with_the_admission(stage: Stage) -> None:
    await provide(stage, version="2.0.1")

    assert await doorkeeper(stage).decide(asked()) == Admitted(
        station_id=STATION, admission=Admission.ACCEPTED, ocpp_version="2.0.1"
    )
