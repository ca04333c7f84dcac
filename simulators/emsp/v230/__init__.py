"""OCPI 2.3.0, as an eMSP speaks and checks it: what it changed of 2.2.1."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from simulators.emsp.v221 import VERSION as V221
from simulators.emsp.v221 import receivers
from simulators.emsp.v221.judge import KINDS, Kinds, check_credentials, fits_as, judge_as
from simulators.emsp.v221.rules.cdrs import check_cdr
from simulators.emsp.v221.rules.locations import check_connector, check_evse, check_location
from simulators.emsp.v221.rules.sessions import check_session
from simulators.emsp.v221.rules.tariffs import check_tariff
from simulators.emsp.v230 import models
from simulators.emsp.v230.rules import check_parking, check_taxes
from simulators.emsp.version import Route

KINDS_230: Kinds = {
    **KINDS,
    "credentials": (models.Credentials, check_credentials),
    "location": (models.Location, lambda location: (*check_location(location), *check_parking(location))),
    "evse": (models.Evse, check_evse),
    "connector": (models.Connector, check_connector),
    "session": (models.Session, check_session),
    "cdr": (models.Cdr, lambda cdr: (*check_cdr(cdr), *check_taxes(cdr))),
    "tariff": (models.Tariff, check_tariff),
    "token": (models.Token, None),
    "invoice": (models.InvoiceReconciliationRecord, None),
}
INVOICES = "invoicereconciliation"

VERSION = replace(
    V221,
    number="2.3.0",
    kinds={**V221.kinds, INVOICES: "invoice"},
    interfaces=(*V221.interfaces, (INVOICES, "RECEIVER", INVOICES)),
    routes=(
        *V221.routes,
        # OCPI 2.3.0 mod_invoice_reconciliation, Receiver Interface
        Route("POST", INVOICES, INVOICES, receivers.post_object, body=True),
        Route("GET", f"{INVOICES}/{receivers.OWNED}", INVOICES, receivers.get_object),
        Route("PUT", f"{INVOICES}/{receivers.OWNED}", INVOICES, receivers.put_object, body=True),
        Route("DELETE", f"{INVOICES}/{receivers.OWNED}", INVOICES, receivers.delete_object),
    ),
    judge=partial(judge_as, KINDS_230),
    is_well_formed=partial(fits_as, KINDS_230),
)
