"""What the meters of a session signed, and whether it holds."""

import asyncio
from collections.abc import Sequence

from gateway.core.envelopes import is_signed
from gateway.core.signatures import Judgement, judge_session
from gateway.core.topology import keys_of_evse
from gateway.domain.sessions import Fact, Session
from gateway.flows.memory import Memory
from gateway.ports import SignatureVerifier, Store


class Signatures:
    """Judges signed values when a bill is made or the operator looks: never while a station waits for an answer."""

    def __init__(self, store: Store, memory: Memory, verifier: SignatureVerifier) -> None:
        self._store = store
        self._memory = memory
        self._verifier = verifier

    async def judge(self, session: Session, facts: Sequence[Fact] | None = None) -> Judgement:
        """The signed values of a session; `facts` are read from the store unless given.  Raises StoreDownError.

        The arithmetic runs in a thread: hundreds of values may have been signed.
        """
        if facts is None:
            facts = await self._store.load_facts(session.id)
        if not any(is_signed(reading) for fact in facts for reading in fact.readings):
            return Judgement()
        station = self._memory.find_station(session.key.station_id)
        keys = keys_of_evse(station.meter_keys, session.key.evse_no) if station else ()
        return await asyncio.to_thread(judge_session, facts, session.ledger, keys, self._verifier.verify)
