"""What waits for staff about remittances: imports, payments that cannot be read again or share a number, payees not on record."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.api import PortalSession, StaffQueue, now

from ..blueprint import READ_IMPORTS
from ..models import Payment
from .deciding import count_waiting
from .models import Upload
from .reading_again import count_unreadable, count_waiting_to_be_read
from .uploads import ACTIVE, FAILED, FAILED_SHOWN


def _failed(session: PortalSession) -> int:
    lately = Upload.uploaded_at > now() - FAILED_SHOWN
    return session.scalar(sa.select(sa.func.count()).where(Upload.state == FAILED, lately)) or 0


def _waiting(session: PortalSession) -> int:
    return session.scalar(sa.select(sa.func.count()).where(Upload.state.in_(ACTIVE))) or 0


def _not_on_record(session: PortalSession) -> int:
    payees = (
        sa.select(Payment.payee_tin_hash, Payment.payee_npi)
        .where(Payment.payee_id.is_(None), Payment.counts())
        .distinct()
    )
    return session.scalar(sa.select(sa.func.count()).select_from(payees.subquery())) or 0


_IMPORTS = "remittance_staff.imports"
QUEUES = (
    StaffQueue("import has failed", "imports have failed", _IMPORTS, READ_IMPORTS, _failed, "bad"),
    StaffQueue("file waits to be imported", "files wait to be imported", _IMPORTS, READ_IMPORTS, _waiting),
    StaffQueue(
        "payment waits to be read again after an upgrade",
        "payments wait to be read again after an upgrade",
        _IMPORTS,
        READ_IMPORTS,
        count_waiting_to_be_read,
    ),
    StaffQueue(
        "payment cannot be read again",
        "payments cannot be read again",
        _IMPORTS,
        READ_IMPORTS,
        count_unreadable,
        "warn",
    ),
    StaffQueue(
        "payment has the number of another",
        "payments have the number of another",
        "remittance_staff.same_numbers",
        READ_IMPORTS,
        count_waiting,
        "warn",
    ),
    StaffQueue(
        "payee is paid but not on record",
        "payees are paid but not on record",
        "remittance_staff.payees_not_on_record",
        READ_IMPORTS,
        _not_on_record,
        "warn",
    ),
)
