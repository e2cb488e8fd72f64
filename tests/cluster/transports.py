"""Transports to a ledger's service in this process: everything is pickled on its way, and some of it gets lost."""

from __future__ import annotations

import pickle
from collections import Counter
from concurrent.futures import TimeoutError as NotYet

from jobs import identity
from jobs.config import Settings
from rnnctl.cluster.calls import Answer, Call, LedgerGone, Parcel, Unreachable
from rnnctl.cluster.service import Service
from store.workers import WorkerRecord

SETTINGS = Settings()


def record(name: str, **changes: object) -> WorkerRecord:
    return WorkerRecord(name, device="cpu", **{**vars(identity.here()), **changes})  # type: ignore[arg-type]


class Pickling:
    """Carries calls as Ray does: nothing of the caller's objects arrives but what pickle takes along."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent: Counter[str] = Counter()

    def send(self, call: Call, timeout: float) -> Answer:
        self.sent[call.method] += 1
        future = self.service.submit(pickle.loads(pickle.dumps(call)))
        try:
            return pickle.loads(pickle.dumps(future.result(timeout)))
        except NotYet:
            raise Unreachable("no answer") from None

    def packed(self, content: bytes) -> bytes | Parcel:
        return content


class Losing(Pickling):
    """Loses some answers to calls of a method, which are done all the same; then it may be gone for good.

    answers: how many are lost. after: how many arrive before.
    """

    def __init__(self, service: Service, method: str, answers: int, after: int = 0) -> None:
        super().__init__(service)
        self.method, self.left, self.after = method, answers, after
        self.gone = False

    def send(self, call: Call, timeout: float) -> Answer:
        if self.gone:
            raise LedgerGone("dead")
        answer = super().send(call, timeout)
        if call.method == self.method and self.sent[call.method] > self.after and self.left > 0:
            self.left -= 1
            raise Unreachable("the connection broke")
        return answer
