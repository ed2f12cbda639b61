"""How SMPP says that a submit_sm is not taken."""

from __future__ import annotations

from smsd.services.statuses import (
    REJECTED_DESTINATION,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_NOT_ENOUGH_CREDITS,
    REJECTED_PREFIX_MISSING,
    REJECTED_PREPAID_PACKAGE_EXPIRED,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SOURCE,
    REJECTED_SYSTEM_ERROR,
)
from smsd.smpp import status

NETWORK_NOT_COVERED = 0x22
"""The platform's command_status for a destination that no route leads to, or that is in no known country."""
NOT_ENOUGH_CREDIT = 0xFF
"""The platform's command_status for an account whose credit does not cover the message, or has expired."""
CHANNEL_DISABLED = 0x4A1
"""The platform's command_status for a destination whose channel the operator has disabled."""

COMMAND_STATUSES = {
    REJECTED_DESTINATION: status.ESME_RINVDSTADR,
    REJECTED_SOURCE: status.ESME_RINVSRCADR,
    REJECTED_PREFIX_MISSING: NETWORK_NOT_COVERED,
    REJECTED_ROUTE_NOT_AVAILABLE: NETWORK_NOT_COVERED,
    REJECTED_MESSAGE_TOO_LONG: status.ESME_RINVMSGLEN,
    REJECTED_INVALID_UDH: status.ESME_RINVESMCLASS,
    REJECTED_SYSTEM_ERROR: CHANNEL_DISABLED,
    REJECTED_NOT_ENOUGH_CREDITS: NOT_ENOUGH_CREDIT,
    REJECTED_PREPAID_PACKAGE_EXPIRED: NOT_ENOUGH_CREDIT,
}
"""How SMPP says that a message is refused, by message status."""


class Unacceptable(Exception):
    """A submit_sm asks for what can't be done; ``status`` is the command_status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
