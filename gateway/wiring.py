"""What the running gateway and a replay wire alike: the stories of stations, from settings."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from gateway.config import Settings as Config
from gateway.core.doubts import DoubtRules
from gateway.core.preferences import PreferenceRules
from gateway.core.reservation_limits import ReservationLimits
from gateway.core.status import StatusRules
from gateway.core.waivers import EmptyCdrs, WaiverRules
from gateway.domain.ids import PartyId, party_id_of, station_key
from gateway.domain.locations import EvseStatus
from gateway.domain.profiles import ProfileType
from gateway.domain.retention import Kept
from gateway.flows.authorization import Authorizer
from gateway.flows.availability import Availability
from gateway.flows.expected import Expectations
from gateway.flows.inquiries import Inquiries
from gateway.flows.mailbox import Mailboxes
from gateway.flows.memory import Memory
from gateway.flows.profiles import ProfileRules
from gateway.flows.sealing import Sealing
from gateway.flows.session_terms import SealRules
from gateway.flows.signatures import Signatures
from gateway.flows.station_events import BootRules, StationEvents
from gateway.flows.transactions import Transactions
from gateway.ocpp.settings import Settings as OcppRules
from gateway.ocpp.version import Metering
from gateway.ops.signatures import EcdsaVerifier
from gateway.ports import Clock, Ids, Store

NOBODY = PartyId(country_code="XX", party_id="GWY")


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFlows:
    """The stories of stations around one store.  Load the memory, then `availability.begin()`."""

    availability: Availability
    transactions: Transactions
    signatures: Signatures
    sealing: Sealing
    events: StationEvents


def build_station_flows(
    config: Config,
    *,
    store: Store,
    memory: Memory,
    clock: Clock,
    ids: Ids,
    mailboxes: Mailboxes,
    inquiries: Inquiries | None = None,
    expectations: Expectations | None = None,
) -> StationFlows:
    """The flows as the settings want them; without `inquiries` no eMSP is asked about a card, and without
    `expectations` no partner has ordered anything."""
    authorizer = Authorizer(store, inquiries)
    rules = SealRules(
        seal_after_s=config.sessions.seal_after_s,
        gap_wait_s=config.sessions.gap_wait_s,
        ghost_after_s=config.sessions.ghost_after_s,
        round_to=_roundings(config),
        cost_interval_s=config.ocpp.cost_interval_s,
    )
    availability = Availability(
        store,
        memory,
        clock,
        mailboxes,
        StatusRules(
            preparing_is=EvseStatus(config.ocpp.preparing_is), finishing_is=EvseStatus(config.ocpp.finishing_is)
        ),
        offline_grace_s=config.ocpp.offline_grace_s,
        restart_grace_s=config.ocpp.restart_grace_s,
    )
    transactions = Transactions(store, memory, clock, ids, authorizer, rules, expectations)
    signatures = Signatures(store, memory, EcdsaVerifier())
    sealing = Sealing(
        store,
        memory,
        clock,
        ids,
        mailboxes,
        transactions,
        availability,
        rules,
        signatures,
        doubt_rules_of(config),
        waiver_rules_of(config),
    )
    boot_rules = BootRules(
        heartbeat_interval_s=config.ocpp.heartbeat_interval_s, pending_retry_s=config.ocpp.pending_retry_s
    )
    events = StationEvents(store, memory, clock, authorizer, availability, transactions, boot_rules, expectations)
    return StationFlows(
        availability=availability, transactions=transactions, signatures=signatures, sealing=sealing, events=events
    )


def ocpp_rules_of(config: Config) -> OcppRules:
    """What the settings say of connections."""
    ocpp = config.ocpp
    return OcppRules(
        fallback_version=ocpp.fallback_version,
        is_tolerant=not ocpp.strict_pending,
        compression=ocpp.compression,
        max_message_bytes=ocpp.max_message_bytes,
        max_handshakes=ocpp.handshakes_in_flight,
        ping_silence_s=ocpp.ping_interval_s,
        call_timeout_s=ocpp.call_timeout_s,
        settle_s=ocpp.settle_delay_s,
        heartbeat_s=ocpp.heartbeat_interval_s,
        metering=Metering(interval_s=ocpp.metering_interval_s) if ocpp.configure_metering else None,
    )


def profile_rules_of(config: Config) -> ProfileRules:
    """What the settings say of partners' charging profiles."""
    smart = config.smart_charging
    return ProfileRules(
        timeout_s=config.ocpi.command_timeout_s,
        requests_per_minute=smart.requests_per_minute,
        stack_level=smart.stack_level,
    )


def preference_rules_of(config: Config) -> PreferenceRules:
    """What the settings say of drivers' preferences."""
    smart = config.smart_charging
    return PreferenceRules(
        profile_types=frozenset(map(ProfileType, smart.profile_types)),
        needs_departure=smart.needs_departure,
        needs_energy=smart.needs_energy,
        window_s=smart.price_window_s,
    )


def doubt_rules_of(config: Config) -> DoubtRules:
    """What the settings say of sessions that a person must look at."""
    review = config.review
    hours, kwh = review.max_duration_h, review.max_energy_kwh
    return DoubtRules(
        hold_flags=frozenset(review.hold_flags),
        power_factor=Decimal(str(review.power_factor)),
        max_energy_wh=None if kwh is None else Decimal(str(kwh)) * 1000,
        max_duration=None if hours is None else timedelta(hours=hours),
    )


def waiver_rules_of(config: Config) -> WaiverRules:
    """What the settings say of sessions in which nothing was drawn."""
    sessions = config.sessions
    return WaiverRules(
        empty_cdrs=EmptyCdrs(sessions.empty_cdrs), never_at=frozenset(map(station_key, sessions.empty_cdrs_never_at))
    )


def reservation_limits_of(config: Config) -> ReservationLimits:
    """What the settings say of how much a partner may have kept."""
    limits = config.reservations
    return ReservationLimits(
        most_per_partner=limits.most_per_partner or None,
        most_per_driver=limits.most_per_driver or None,
        most_of_location_percent=limits.most_of_location_percent,
        longest=timedelta(seconds=limits.longest_s) if limits.longest_s else None,
    )


def retention_rules_of(config: Config) -> dict[Kept, timedelta]:
    """How long the settings keep what; what they keep for ever is not named."""
    kept = config.retention
    journal = (Kept.NOTICE, Kept.INCIDENT, Kept.QUARANTINED, Kept.DEVIATION, Kept.LATE_FACT)
    orders = (Kept.COMMAND, Kept.REMOTE_START, Kept.RESERVATION)
    days = {
        Kept.REFUSED: kept.refused_days,
        **dict.fromkeys(journal, kept.journal_days),
        **dict.fromkeys(orders, kept.orders_days),
        Kept.CARD: kept.tokens_days,
        Kept.UNBILLED: kept.unbilled_days,
        Kept.BILLED: kept.facts_days,
        Kept.CDR: kept.cdrs_days,
    }
    return {kind: timedelta(days=count) for kind, count in days.items() if count}


def parties_of(config: Config) -> tuple[PartyId, ...]:
    """The parties we speak for; a placeholder where none is configured."""
    return tuple(party_id_of(party.country_code, party.party_id) for party in config.ocpi.parties) or (NOBODY,)


def _roundings(config: Config) -> dict[PartyId, int]:
    return {
        party_id_of(party.country_code, party.party_id): party.round_to
        for party in config.ocpi.parties
        if party.round_to is not None
    }
