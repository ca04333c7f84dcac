"""Which function prepares and which applies each kind of change.

Preparing renders (on the event loop, for the caller: what cannot be rendered fails there); applying stamps and writes
(on the writer's thread, inside the transaction).
"""

from collections.abc import Callable, Sequence
from typing import Any

from gateway import ports
from gateway.ports import Change
from gateway.store import (
    callbacks,
    cdrs,
    counters,
    facts,
    hub_clients,
    invoices,
    journal,
    locations,
    outbox,
    partners,
    profiles,
    remote_starts,
    reservations,
    retention,
    sessions,
    stations,
    tariffs,
    tokens,
)
from gateway.store.statements import ROW_BYTES
from gateway.store.transaction import Transaction

Apply = Callable[[Transaction, Any, Any], Any]
Prepare = Callable[[Any], tuple[Any, int]]
Prepared = tuple[Apply, Any, Any]
"""How to apply a change, the change (None where what was prepared holds all of it), and what was prepared of it."""

StoreChange = Change | cdrs.KeepCdrRenderings | counters.ReserveNumbers
"""What the writer takes: the port's changes, and the store's own, which are not published."""


def prepare_work(work: Sequence[StoreChange]) -> tuple[list[Prepared], int]:
    """Render a Work; returns what to apply and its size in bytes."""
    prepared: list[Prepared] = []
    size = ROW_BYTES * len(work)
    for change in work:
        prepare, apply = _KINDS[type(change)]
        parts, more = prepare(change)
        size += more
        prepared.append((apply, None if type(change) is ports.SaveSession else change, parts))
    return prepared, size


def _nothing(_: Any) -> tuple[None, int]:
    return None, ROW_BYTES


_KINDS: dict[type, tuple[Prepare, Apply]] = {
    ports.SaveSession: (sessions.prepare_session, sessions.apply_session),
    ports.SaveConnectorStatus: (stations.prepare_connector_status, stations.apply_connector_status),
    ports.SaveStation: (stations.prepare_station, stations.apply_station),
    ports.DeleteStation: (_nothing, stations.apply_delete_station),
    ports.SaveCdr: (cdrs.prepare_cdr, cdrs.apply_cdr),
    cdrs.KeepCdrRenderings: (cdrs.prepare_renderings, cdrs.apply_renderings),
    ports.SaveLocation: (_nothing, locations.apply_location),
    ports.SaveEvseStatus: (_nothing, locations.apply_evse_status),
    ports.SaveTariff: (tariffs.prepare_tariff, tariffs.apply_tariff),
    ports.DeleteTariff: (_nothing, tariffs.apply_delete_tariff),
    ports.SaveToken: (tokens.prepare_token, tokens.apply_token),
    ports.DropPartnerTokens: (_nothing, tokens.apply_drop),
    ports.InvalidateToken: (_nothing, tokens.apply_invalidate),
    ports.SaveLocalToken: (_nothing, tokens.apply_local_token),
    ports.DeleteLocalToken: (_nothing, tokens.apply_delete_local),
    ports.SaveInvoice: (invoices.prepare_invoice, invoices.apply_invoice),
    ports.DeleteInvoice: (_nothing, invoices.apply_delete),
    ports.NoteInvoiceTold: (_nothing, invoices.apply_told),
    ports.SaveHubClient: (_nothing, hub_clients.apply_client),
    ports.DeleteHubClient: (_nothing, hub_clients.apply_delete),
    ports.SavePartner: (partners.prepare_partner, partners.apply_partner),
    ports.SaveDeviation: (_nothing, journal.apply_deviation),
    ports.SaveNotice: (journal.prepare_notice, journal.apply_notice),
    ports.SaveQuarantined: (journal.prepare_quarantined, journal.apply_quarantined),
    ports.SaveIncident: (_nothing, journal.apply_incident),
    ports.SaveLateFact: (facts.prepare_late_fact, facts.apply_late_fact),
    ports.Enqueue: (_nothing, outbox.apply_enqueue),
    ports.MarkSending: (_nothing, outbox.apply_mark),
    ports.SettleDelivery: (_nothing, outbox.apply_settle),
    ports.RefuseDelivery: (outbox.prepare_refuse, outbox.apply_refuse),
    ports.DropDeliveries: (_nothing, outbox.apply_drop_deliveries),
    ports.SaveCdrReceipt: (_nothing, outbox.apply_receipt),
    ports.SaveRemoteStart: (remote_starts.prepare_remote_start, remote_starts.apply_remote_start),
    ports.SaveProfile: (profiles.prepare_profile, profiles.apply_profile),
    ports.DropProfile: (_nothing, profiles.apply_drop_profile),
    ports.SaveCallback: (callbacks.prepare_callback, callbacks.apply_callback),
    ports.SaveReservation: (reservations.prepare_reservation, reservations.apply_reservation),
    ports.DropExpired: (_nothing, retention.apply_drop_expired),
    counters.ReserveNumbers: (_nothing, counters.apply_reservation),
}
