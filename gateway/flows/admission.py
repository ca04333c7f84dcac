"""A station at the door: may it connect, and as what?"""

import hmac
from dataclasses import dataclass

import structlog

from gateway.domain.events import Admitted, HandshakeAsked, Refused
from gateway.domain.ids import station_key
from gateway.domain.stations import Admission, Station
from gateway.errors import ConflictError
from gateway.flows.memory import Memory
from gateway.ports import Clock, SaveStation, Secrets, Store

log = structlog.get_logger(__name__)

QUARANTINE_LIMIT = 1_000
"""Unknown identities kept at once: whoever invents them must not fill the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRules:
    """`unknown_stations`: quarantine, accept or refuse."""

    unknown_stations: str = "quarantine"


class Doorkeeper:
    """Decides on handshakes, before the upgrade."""

    def __init__(self, store: Store, memory: Memory, clock: Clock, secrets: Secrets, rules: AdmissionRules) -> None:
        self._store = store
        self._memory = memory
        self._clock = clock
        self._secrets = secrets
        self._rules = rules
        self._arriving = 0

    async def decide(self, asked: HandshakeAsked) -> Admitted | Refused:
        """Admit or refuse; an unknown station that is let in is written down first."""
        if asked.user is not None and station_key(asked.user) != station_key(asked.station_id):
            # OCPP 2.0.1 A00.FR.204: the user name is the identity
            return Refused(401, f"the user name {asked.user!r} is not the identity {asked.station_id!r}")
        station = self._memory.find_station(asked.station_id)
        if station is None:
            return await self._decide_unknown(asked)
        refusal = self._find_refusal(station, asked)
        if refusal is not None:
            return refusal
        return Admitted(station_id=station.id, admission=station.admission, ocpp_version=station.ocpp_version)

    def _find_refusal(self, station: Station, asked: HandshakeAsked) -> Refused | None:
        """OCPP 2.0.1 A00.FR.002: a connection with another profile than the station's is refused."""
        profile = station.security_profile
        if profile == 2 and not asked.is_tls:
            return Refused(403, "the station has security profile 2: connect with wss:// to the TLS listener")
        if profile == 1 and asked.is_tls:
            return Refused(
                403, "the station has security profile 1 (no TLS): set its profile to 2 or connect with ws://"
            )
        if profile == 0 or station.password_hash is None:
            if profile in (1, 2):
                return Refused(401, f"the station has security profile {profile} and no password set: PUT one")
            return None
        if asked.password is None:
            return Refused(401, "the station has a password and sent none (HTTP Basic authentication)")
        if not self.is_password(station.password_hash, asked.password):
            return Refused(401, "wrong password")
        return None

    def is_password(self, password_hash: str, password: bytes) -> bool:
        """Does what the station sent match?  1.6 stations send the key's bytes or their hex text (A00.FR.205)."""
        return any(
            hmac.compare_digest(password_hash, self._secrets.keyed_hash(candidate))
            for candidate in _candidates_of(password)
        )

    async def _decide_unknown(self, asked: HandshakeAsked) -> Admitted | Refused:
        rule = self._rules.unknown_stations
        if rule == "refuse":
            return Refused(404, "unknown station: provision it by PUT stations/{id}")
        admission = Admission.ACCEPTED if rule == "accept" else Admission.PENDING
        waiting = len(self._memory.quarantined) + self._arriving
        if admission is Admission.PENDING and waiting >= QUARANTINE_LIMIT:
            return Refused(
                404, f"unknown station, and {QUARANTINE_LIMIT} others wait already: provision or delete some"
            )
        station = Station(id=asked.station_id, admission=admission, created_at=self._clock.now())
        self._arriving += 1
        try:
            await self._store.commit([SaveStation(station)])
        except ConflictError:  # its other handshake, or the operator, was faster
            return await self.decide(asked)
        finally:
            self._arriving -= 1
        log.info("unknown station admitted", station_id=station.id, admission=admission, remote=asked.remote)
        return Admitted(station_id=station.id, admission=admission)


def _candidates_of(password: bytes) -> list[bytes]:
    candidates = [password]
    try:
        if 32 <= len(password) <= 40 and password.isalnum():
            candidates.append(bytes.fromhex(password.decode("ascii")))
    except ValueError:
        pass
    return candidates
