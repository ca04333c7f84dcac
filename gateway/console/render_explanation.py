"""The story of a bill as JSON."""

from typing import Any

from gateway.console.render_deliveries import render_answer, render_delivery
from gateway.console.render_ledger import render_cdr, render_fact, render_reading
from gateway.console.render_signatures import render_signed_value
from gateway.domain.bills import Amount, Bill, BillLine
from gateway.domain.explanations import Explanation, FactStory, LateStory, PeriodStory, TakenReading


def render_explanation(explanation: Explanation) -> dict[str, Any]:
    """The bill, each message and what was made of it, each period with its arithmetic, what the meter signed (with the
    verdicts of the day the bill was made), and what came after."""
    return {
        "cdr": render_cdr(explanation.cdr),
        "station_id": explanation.session.key.station_id,
        "transaction_id": explanation.session.transaction_id,
        "time_zone": explanation.cdr.terms.place.location.time_zone if explanation.cdr.terms.place else None,
        "facts": [_render_fact(story) for story in explanation.story.facts],
        "periods": [_render_period(story) for story in explanation.periods],
        "arithmetic": None if explanation.bill is None else _render_bill(explanation.bill),
        "signed_values": [render_signed_value(value) for value in explanation.cdr.signed_values],
        "late": [_render_late(late) for late in explanation.late],
        "other_cdrs": [render_cdr(other) for other in explanation.others],
        "shown": [{"version": shown.version, "at": shown.at} for shown in explanation.shown],
        "taken_by": [
            {"partner_id": receipt.partner_id, **render_answer(receipt.answer)} for receipt in explanation.receipts
        ],
        "pushes": [render_delivery(delivery) for delivery in explanation.waiting],
        "doubts": list(explanation.doubts),
    }


def _render_fact(story: FactStory) -> dict[str, Any]:
    return {
        "counts_at": story.at,
        **{name: value for name, value in render_fact(story.fact).items() if name not in ("readings", "token_uid")},
        "taken": [_render_taken(taken) for taken in story.taken],
        "left_out": [{"reading": render_reading(left.reading), "reason": left.reason} for left in story.left],
        "notes": list(story.notes),
    }


def _render_taken(taken: TakenReading) -> dict[str, Any]:
    return {
        "at": taken.at,
        "register_wh": taken.register_wh,
        "drawn_wh": taken.drawn_wh,
        "since": taken.since,
        "note": taken.note,
    }


def _render_period(story: PeriodStory) -> dict[str, Any]:
    period = story.period
    return {
        "start_at": period.start_at,
        "end_at": story.end_at,
        "phase": period.phase,
        "duration_s": period.duration_s,
        "energy_wh": period.energy_wh,
        "begun_by": story.begun_by,
        "lines": [_render_line(line) for line in story.lines],
    }


def _render_line(line: BillLine) -> dict[str, Any]:
    step = line.step
    return {
        "part": line.part,
        "dimension": line.dimension,
        "tariff_id": line.tariff_id,
        "element": line.element_no,
        "units": line.units,
        "quantity": line.quantity,
        "price": line.component.price,
        "vat": line.vat,
        "amount": _render_amount(line.amount),
        "step": None if step is None else {"size": step.step_size, "used": step.used, "billed": step.billed},
    }


def _render_bill(bill: Bill) -> dict[str, Any]:
    return {
        "currency": bill.currency,
        "parts": {part.value: _render_amount(amount) for part, amount in bill.parts.items()},
        "sum": _render_amount(bill.summed),
        "cost": _render_amount(bill.cost),
        "limits": [
            {
                "limit": applied.limit,
                "sum": _render_amount(applied.summed),
                "cost": _render_amount(applied.limited),
            }
            for applied in bill.limits
        ],
    }


def _render_amount(amount: Amount) -> dict[str, Any]:
    return {"before_taxes": amount.before_taxes, "with_taxes": amount.with_taxes}


def _render_late(late: LateStory) -> dict[str, Any]:
    return {"fact": render_fact(late.fact), "reason": late.reason, "counts": late.counts}
