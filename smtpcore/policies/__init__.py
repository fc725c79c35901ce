"""Ready policies: handlers that decide one thing each, without I/O, to be put together by ``Chain``."""

from __future__ import annotations

from smtpcore.policies.domains import AllowedDomains
from smtpcore.policies.greylist import Greylist, GreylistStore, MemoryGreylistStore
from smtpcore.policies.loop import LoopDetection
from smtpcore.policies.rate import Rate, RateLimit
from smtpcore.policies.require import Require

__all__ = [
    "AllowedDomains",
    "Greylist",
    "GreylistStore",
    "LoopDetection",
    "MemoryGreylistStore",
    "Rate",
    "RateLimit",
    "Require",
]
