"""What partners refused is kept for a while, for the operator."""

from collections.abc import Sequence

from gateway.domain.deliveries import Delivery, DeliveryState, Subject
from gateway.domain.retention import Kept
from gateway.ports import Change, DropExpired

Lanes = dict[str, dict[Subject, Delivery]]
Name = tuple[Kept, str | int]


def find_dropped(changes: Sequence[Change]) -> frozenset[Name]:
    """The refusals that are kept no longer: by themselves, or with their bills."""
    kinds = (Kept.REFUSED, Kept.CDR)
    return frozenset(
        (change.kind, change.key[-1]) for change in changes if isinstance(change, DropExpired) and change.kind in kinds
    )


def drop_refused(lanes: Lanes, dropped: frozenset[Name]) -> None:
    """Take them off; one that waits again by now stays."""
    for lane, rows in list(lanes.items()):
        for subject, row in list(rows.items()):
            names = {(Kept.REFUSED, row.no), (Kept.CDR, subject.object_id)}
            if row.state is DeliveryState.REFUSED and not dropped.isdisjoint(names):
                del rows[subject]
                if not rows:
                    del lanes[lane]
