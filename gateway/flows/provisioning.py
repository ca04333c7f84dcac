"""Stations as the operator provisions them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import structlog

from gateway.core.public_keys import parse_public_key
from gateway.domain.ids import station_key
from gateway.domain.signatures import KeySource, MeterKey
from gateway.domain.stations import Admission, Station
from gateway.errors import ConflictError, NotFoundError, RevisionConflictError, WireError
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.ports import Clock, DeleteStation, SaveStation, Secrets, Stations, Store

log = structlog.get_logger(__name__)

TRIGGER_TIMEOUT_S = 10.0
SECURITY_PROFILES = (0, 1, 2)
ID_LENGTH = 48  # OCPP 2.0.1 part 4, 3.1.1: identifierString; 1.6 gives no figure


class Unset(Enum):
    """A key that was left out, which is not the same as null."""

    UNSET = "unset"


UNSET = Unset.UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOrder:
    """What the operator wants of a station: a key left out keeps its value, None clears it.

    `meter_public_keys` are those of its meters by number of EVSE ("0": of the whole station), all of them.
    """

    security_profile: int | Unset | None = UNSET
    password: str | Unset | None = UNSET
    ocpp_version: str | Unset | None = UNSET
    meter_public_keys: Mapping[str, str] | Unset | None = UNSET


class Provisioning:
    """Puts and deletes stations, each in its station's own order.  `versions` are the OCPP versions we speak."""

    def __init__(
        self,
        *,
        store: Store,
        memory: Memory,
        mailboxes: Mailboxes,
        stations: Stations,
        clock: Clock,
        secrets: Secrets,
        versions: Collection[str],
    ) -> None:
        self._store = store
        self._memory = memory
        self._mailboxes = mailboxes
        self._stations = stations
        self._clock = clock
        self._secrets = secrets
        self._versions = tuple(versions)
        self._asking: set[asyncio.Task[None]] = set()

    def list(self) -> Sequence[Station]:
        return sorted(self._memory.stations.values(), key=lambda station: station_key(station.id))

    def load(self, station_id: str) -> Station:
        station = self._memory.find_station(station_id)
        if station is None:
            raise NotFoundError(f"there is no station {station_id!r}")
        return station

    async def put(self, station_id: str, order: StationOrder) -> tuple[Station, bool]:
        """Create, change or accept a station; True if it is new.

        A station in quarantine is accepted by this and asked to boot again, so that the technician sees it at once.
        One whose password, profile or version changed is disconnected: it has to come back under the new rules.
        """
        check_station_id(station_id)
        before, station = await self._mailboxes.run(station_id, lambda: self._save(station_id, order))
        log.info("station put", station_id=station.id, is_new=before is None, admission=station.admission)
        if before is not None and self._must_reconnect(before, station):
            reason = "the operator changed its password, security profile or version"
            await self._stations.disconnect(station.id, reason)
        elif before is not None and before.admission is not Admission.ACCEPTED:
            await self._begin_to_ask(station.id)
        return station, before is None

    async def delete(self, station_id: str) -> None:
        """Forget a station and disconnect it; not while a session is open or a plug reserved."""
        station = self.load(station_id)

        async def drop() -> None:
            sessions = self._memory.open_sessions_of_station(station.id)
            if sessions:
                raise ConflictError(
                    f"session {sessions[0].id!r} is open at station {station.id!r}; stop it before deleting the station"
                )
            reserved = self._memory.reservations_of(station.id)
            if reserved:
                raise ConflictError(
                    f"reservation {reserved[0].id!r} keeps a plug of station {station.id!r}; cancel it before deleting "
                    "the station"
                )
            await self._store.commit([DeleteStation(station.id)])

        await self._mailboxes.run(station.id, drop)
        log.info("station deleted", station_id=station.id)
        await self._stations.disconnect(station.id, "the operator deleted the station")

    async def _save(self, station_id: str, order: StationOrder) -> tuple[Station | None, Station]:
        try:
            return await self._save_once(station_id, order)
        except RevisionConflictError:
            return await self._save_once(station_id, order)

    async def _save_once(self, station_id: str, order: StationOrder) -> tuple[Station | None, Station]:
        before = self._memory.find_station(station_id)
        station = before or Station(id=station_id, admission=Admission.ACCEPTED, created_at=self._clock.now())
        wanted = self._apply(replace(station, admission=Admission.ACCEPTED), order)
        if wanted == before:
            return before, before
        changes = await self._store.commit([SaveStation(wanted)])
        return before, next(change.station for change in changes if isinstance(change, SaveStation))

    def _apply(self, station: Station, order: StationOrder) -> Station:
        if not isinstance(order.ocpp_version, Unset):
            station = replace(station, ocpp_version=self._check_version(order.ocpp_version))
        if not isinstance(order.security_profile, Unset):
            station = replace(station, security_profile=check_profile(order.security_profile))
        if not isinstance(order.password, Unset):
            station = replace(station, password_hash=self._hash(order.password))
        if not isinstance(order.meter_public_keys, Unset):
            given = parse_meter_keys(order.meter_public_keys or {})
            reported = (key for key in station.meter_keys if key.source is not KeySource.OPERATOR)
            station = replace(station, meter_keys=(*given, *reported))
        if station.security_profile and station.password_hash is None:
            raise WireError("$.password", f"is missing: security profile {station.security_profile} needs a password")
        return station

    def _check_version(self, version: str | None) -> str | None:
        if version is not None and version not in self._versions:
            raise WireError("$.ocpp_version", f"{version!r} is not one of {', '.join(self._versions)}")
        return version

    def _hash(self, password: str | None) -> str | None:
        return None if password is None else self._secrets.keyed_hash(password_bytes(password))

    def _must_reconnect(self, before: Station, station: Station) -> bool:
        """Does the open connection stand on rules that hold no more?"""
        connection = self._stations.find_connection(station.id)
        if connection is None:
            return False
        has_other_version = station.ocpp_version not in (None, connection.version)
        has_other_profile = station.security_profile != before.security_profile and station.security_profile != 0
        return has_other_version or has_other_profile or station.password_hash != before.password_hash

    async def _begin_to_ask(self, station_id: str) -> None:
        """Send the question; the operator does not wait for a station that takes its time."""
        task = asyncio.create_task(self._ask_to_boot(station_id))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        await asyncio.sleep(0)

    async def _ask_to_boot(self, station_id: str) -> None:
        """As good as it goes: a station that cannot be asked boots by itself when its interval is over."""
        outcome = await self._stations.call(
            station_id, "TriggerMessage", {"requestedMessage": "BootNotification"}, timeout_s=TRIGGER_TIMEOUT_S
        )
        log.info("station asked to boot", station_id=station_id, outcome=outcome.outcome)


def password_bytes(password: str) -> bytes:
    """What of a password is hashed.

    32 to 40 hex digits may be a key (OCPP 1.6 security whitepaper A00.FR.205): some stations send its bytes, others the
    digits.  So the bytes are hashed, and whoever checks takes what a station sent both ways; a password that only looks
    like hex is sent as its digits and found the same way.
    """
    if 32 <= len(password) <= 40:
        try:
            return bytes.fromhex(password)
        except ValueError:
            pass
    return password.encode()


def parse_meter_keys(given: Mapping[str, str]) -> tuple[MeterKey, ...]:
    """The operator's keys in the order of the EVSEs.  Raises WireError for a number or a key that is none."""
    keys = []
    for number, text in given.items():
        path = f"$.meter_public_keys.{number}"
        if not number.isascii() or not number.isdigit() or len(number) > 4 or str(int(number)) != number:
            raise WireError(path, f"{number!r} is no number of an EVSE (0 stands for the whole station)")
        try:
            parse_public_key(text)
        except ValueError as fault:
            raise WireError(path, f"is no public key of a meter: it {fault}") from None
        keys.append(MeterKey(evse_no=int(number), source=KeySource.OPERATOR, text=text))
    return tuple(sorted(keys, key=lambda key: key.evse_no))


def check_profile(profile: int | None) -> int | None:
    if profile is not None and profile not in SECURITY_PROFILES:
        raise WireError("$.security_profile", f"{profile} is not supported; give 0 (none), 1 (password) or 2 (TLS)")
    return profile


def check_station_id(station_id: str) -> None:
    """An identity is the last segment of a path and the user of HTTP Basic authentication: no slash, no colon."""
    is_printable = station_id.isascii() and station_id.isprintable()
    if not is_printable or not 0 < len(station_id) <= ID_LENGTH or set(station_id) & {"/", ":"}:
        raise WireError(
            "$.station_id", f"{station_id!r} is not an identity: 1 to {ID_LENGTH} printable ASCII characters, no / or :"
        )
