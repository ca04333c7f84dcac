"""What a run looks like when it is told: findings, CDRs and a summary in readable lines, or one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from simulators.emsp.emsp import Emsp
from simulators.emsp.findings import Finding
from simulators.emsp.tokens import mask
from simulators.emsp.wire import JsonObject, parse_datetime

# More of the same rule only repeat it.
SHOWN_PER_RULE = 5


def tell_cdrs(cdrs: Sequence[JsonObject]) -> Iterator[str]:
    """One line per CDR: energy, duration, cost."""
    for cdr in cdrs:
        yield f"  CDR {cdr['id']}: {describe_cdr(cdr)}"


def describe_cdr(cdr: JsonObject) -> str:
    """Energy, duration, cost and token of a well-formed CDR."""
    end = parse_datetime(cdr["end_date_time"] if "end_date_time" in cdr else cdr["stop_date_time"])
    minutes = (end - parse_datetime(cdr["start_date_time"])).total_seconds() / 60
    before, after = cost_of(cdr)
    cost = f"{plain(before)} {cdr['currency']} excl. VAT"
    if after is not None:
        cost += f" ({plain(after)} incl.)"
    at = cdr["cdr_location"] if "cdr_location" in cdr else cdr["location"]["evses"][0]
    token = cdr["cdr_token"]["uid"] if "cdr_token" in cdr else cdr["auth_id"]
    return (
        f"{plain(cdr['total_energy'])} kWh in {minutes:.1f} min, {cost}, "
        f"at {at.get('evse_id', at.get('uid'))}, token {mask(token)}"
    )


def cost_of(cdr: JsonObject) -> tuple[Decimal, Decimal | None]:
    """The total of a well-formed CDR of any version, before taxes and with them (None: not told)."""
    cost = cdr["total_cost"]
    if not isinstance(cost, dict):
        return Decimal(cost), None
    if "excl_vat" in cost:
        after = cost.get("incl_vat")
        return Decimal(cost["excl_vat"]), None if after is None else Decimal(after)
    before = Decimal(cost["before_taxes"])
    taxes = [Decimal(tax["amount"]) for tax in cost.get("taxes") or ()]
    return before, before + sum(taxes) if taxes else None


def tell_findings(findings: Sequence[Finding]) -> Iterator[str]:
    """Violations first; of each rule the first few."""
    ordered = sorted(findings, key=lambda finding: not finding.is_violation)
    shown: dict[tuple[str, str], int] = {}
    for finding in ordered:
        key = (finding.rule.id, finding.rule.paragraph)
        shown[key] = shown.get(key, 0) + 1
        if shown[key] <= SHOWN_PER_RULE:
            yield str(finding)
    for (rule_id, _), count in shown.items():
        if count > SHOWN_PER_RULE:
            yield f"… and {count - SHOWN_PER_RULE} more of {rule_id}"


def tell_summary(emsp: Emsp) -> str:
    checked = ", ".join(f"{count} {what}" for what, count in sorted(emsp.findings.checked.items())) or "nothing"
    violations, notes = len(emsp.findings.violations), len(emsp.findings.notes)
    verdict = "all checks held" if not violations else f"{violations} violation{'s' if violations > 1 else ''}"
    if notes:
        verdict += f", {notes} note{'s' if notes > 1 else ''}"
    return f"checked {checked}: {verdict}"


def as_report(emsp: Emsp) -> JsonObject:
    """The run as one JSON object, for a program to read."""
    partner = emsp.partner
    return {
        "ok": not emsp.violations,
        "party": str(emsp.party),
        "cpo": None if partner is None else str(partner.party()),
        "version": None if partner is None else partner.version,
        "versions_url": emsp.versions_url,
        "checked": dict(sorted(emsp.findings.checked.items())),
        "objects": {name: getattr(emsp.store, name) for name in ("tariffs", "locations", "sessions", "cdrs")},
        "findings": [finding.as_dict() for finding in emsp.findings],
    }


def plain(value: Decimal | int) -> str:
    """A number without exponent and without zeros at its end."""
    text = format(Decimal(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
