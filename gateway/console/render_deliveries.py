"""Deliveries and the answers of partners as JSON."""

from typing import Any

from gateway.domain.deliveries import Delivery, PartnerAnswer


def render_answer(said: PartnerAnswer) -> dict[str, Any]:
    return {
        "at": said.at,
        "http_status": said.http_status or None,
        "status_code": said.status_code,
        "message": said.message,
        "location": said.location,
    }


def render_delivery(delivery: Delivery) -> dict[str, Any]:
    subject = delivery.subject
    return {
        "no": delivery.no,
        "kind": subject.kind,
        "id": subject.object_id,
        "evse_uid": subject.evse_uid or None,
        "connector_id": subject.connector_id or None,
        "state": delivery.state,
        "due_at": delivery.due_at,
        "created_at": delivery.created_at,
        "answer": None if delivery.answer is None else render_answer(delivery.answer),
    }
