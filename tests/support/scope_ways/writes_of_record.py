"""Ways to write what is the payer's: payees, payments, accounts, sign-ins, settings and the record."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.identity.applications import ApplicationSetting, PersonApplication
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.identity.staff_roles import StaffRoleMember, StaffRolePermission
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.limits.models import Attempt
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.models import PasswordLink
from hp_portal_plugins.remittance.models import Payment, RemittanceFile

from .way import Attack, write, writes
from .writes import _change, _flush, _run

_later = clock.now


def _person(attack: Attack, **values: Any) -> Person:
    given = {"organization_id": attack.own.id, "username": "planted", "email": "planted@office.example", "name": "x"}
    flags = {"is_staff": False, "is_delegate": False, "password_hash": "x"}
    return Person(**{**given, **flags, "password_changed_at": _later(), "created_at": _later(), **values})


def _sign_in(attack: Attack) -> dict[str, Any]:
    values = {"token_hash": b"0" * 32, "person_id": attack.other.person.id, "address": "x", "user_agent": "x"}
    return {**values, "created_at": _later(), "last_seen_at": _later()}


def _link(attack: Attack) -> PasswordLink:
    return PasswordLink(person_id=attack.other.person.id, token_hash=b"1" * 32, made_at=_later(), expires_at=_later())


def _event(attack: Attack) -> dict[str, Any]:
    values = {"event": "identity.terms.accepted", "person_id": attack.own.person.id, "organization_id": attack.own.id}
    return {**values, "at": _later(), "request_id": "", "address": "", "reason": "", "fields": "{}"}


def _kept(attack: Attack) -> KeptValues:
    owner = {"organization_id": attack.own.id, "person_id": attack.other.person.id}
    return KeptValues(token_hash=b"2" * 32, kind="x", sealed=b"", expires_at=_later(), **owner)


def _file(attack: Attack) -> StoredFile:
    owner = {"organization_id": attack.own.id, "person_id": attack.other.person.id}
    return StoredFile(token="x", kind="x", name="x", size=0, pieces=0, stored_at=_later(), **owner)


writes(
    {
        "change an own payee": lambda a: _run(a, sa.update(Payee).values(name="Mine")),
        "change an own payee's object": lambda a: _change(a, Payee, a.own.payee.id, name="Mine"),
        "change a payee's TIN": lambda a: _run(a, sa.update(Payee).values(tin_hash=b"3" * 32)),
        "change an own payment": lambda a: _run(a, sa.update(Payment).values(amount=1)),
        "point an own payment at the other's payee": lambda a: _run(
            a, sa.update(Payment).values(payee_id=a.other.payee.id)
        ),
        "change an own payment's object": lambda a: _change(a, Payment, a.own.payment, trace_number="x"),
        "validate the own organization": lambda a: _run(
            a, sa.update(Organization).values(validated_at=_later(), name="x")
        ),
        "change the own organization's object": lambda a: _change(a, Organization, a.own.id, audience="billing"),
        "add an organization": lambda a: _flush(
            a, Organization(name="planted", audience="physician", created_at=_later())
        ),
        "become staff": lambda a: _run(a, sa.update(Person).values(is_staff=True)),
        "become a delegate": lambda a: _change(a, Person, a.own.person.id, is_delegate=True),
        "set a colleague's password": lambda a: _run(a, sa.update(Person).values(password_hash="x")),
        "leave the own organization": lambda a: _change(a, Person, a.own.person.id, organization_id=a.other.id),
        "add an account": lambda a: _flush(a, _person(a)),
        "add an account for the other": lambda a: _flush(a, _person(a, organization_id=a.other.id)),
        "add an account of staff": lambda a: _flush(a, _person(a, organization_id=None, is_staff=True)),
        "sign somebody else in": lambda a: _flush(a, SignIn(**_sign_in(a))),
        "insert a sign-in": lambda a: _run(a, sa.insert(SignIn).values(**_sign_in(a))),
        "insert into the table of sign-ins": lambda a: _run(
            a,
            sa.insert(SignIn.__table__).values(**_sign_in(a)),  # type: ignore[arg-type]
        ),
        "end the other's sign-ins": lambda a: _run(a, sa.update(SignIn).values(ended_at=_later())),
        "make a link for another's password": lambda a: _flush(a, _link(a)),
        "accept the terms for another": lambda a: _flush(
            a,
            Acceptance(person_id=a.other.person.id, agreement="x", version="x", accepted_at=_later(), address="x"),
        ),
        "give oneself an application": lambda a: _flush(
            a, PersonApplication(person_id=a.own.person.id, application="planted", given_at=_later())
        ),
        "take the other's applications": lambda a: _run(a, sa.delete(PersonApplication)),
        "enable an application": lambda a: _run(a, sa.update(ApplicationSetting).values(enabled=False)),
        "add a setting": lambda a: _flush(
            a, ApplicationSetting(application="planted", audience="x", enabled=True, changed_at=_later())
        ),
        "take a role of staff": lambda a: _flush(
            a, StaffRoleMember(role_id=_role(a), person_id=a.own.person.id, given_at=_later())
        ),
        "permit a role more": lambda a: _run(
            a, sa.update(StaffRolePermission).values(permission="staff:people:search")
        ),
        "forget the tries that were counted": lambda a: _run(a, sa.delete(Attempt)),
        "count tries against somebody": lambda a: _flush(a, Attempt(kind="x", subject=b"4" * 32, at=_later())),
        "rename what the payer imported": lambda a: _run(a, sa.update(RemittanceFile).values(name="x")),
        "forge an event": lambda a: _flush(a, AuditEvent(**_event(a))),
        "insert an event": lambda a: _run(a, sa.insert(AuditEvent).values(**_event(a))),
        "insert an event into the table": lambda a: _run(
            a,
            sa.insert(AuditEvent.__table__).values(**_event(a)),  # type: ignore[arg-type]
        ),
        "keep values for the other": lambda a: _flush(a, _kept(a)),
        "a file in the name of the other's person": lambda a: _flush(a, _file(a)),
        "a piece for the other's file": lambda a: _run(
            a,
            sa.insert(StoredPiece),
            {"file_id": a.other.stored_file, "position": 9, "sealed": b"", "organization_id": a.own.id},
        ),
        "move own pieces to the other's file": lambda a: _run(
            a,
            sa.update(StoredPiece)
            .where(StoredPiece.organization_id == a.own.id)
            .values(file_id=a.other.stored_file, position=8),
        ),
    }
)


@write("remove sign-ins", only="sqlite")
def remove_sign_ins(attack: Attack) -> None:
    _run(attack, sa.delete(SignIn))


def _role(attack: Attack) -> int:
    """The payer's role has the first number in the test's database."""
    del attack
    return 1
