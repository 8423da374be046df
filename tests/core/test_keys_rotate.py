"""`hp-portal keys rotate`: everything is sealed with the new key while the portal runs, and then the old one is worth nothing."""

from __future__ import annotations

import base64
import datetime as dt
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask

from hp_portal import cli, clock, vault
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.cases.models import COMMENT, ENTRY_WORDS, NOTE, NOTE_WORDS, CaseEntry, CaseNote
from hp_portal.core.cases.public_models import EMAIL_HASH, CaseSubmitter
from hp_portal.core.cases.submitters import find_submitter
from hp_portal.core.factors.apps import use_code
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.storing import open_stored, receive_file
from hp_portal.core.identity.models import Person
from hp_portal.core.kept.keeping import find_kept, keep_values
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.keys import rotating
from hp_portal.core.keys.models import DataKey
from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.finding import find_payees
from hp_portal.core.payees.models import Payee
from hp_portal.core.recovery.asking import ask
from hp_portal.core.registration.drafts import begin
from hp_portal.core.registration.facts import facts_of
from hp_portal.core.registration.models import Registration
from hp_portal.database import Base, PortalSession
from hp_portal.scopes import OwnedByOrganizationAlone
from hp_portal.seals import Seat, sealed_columns
from hp_portal.session import Who
from hp_portal.settings import ConfigurationError
from hp_portal.vault import SealBroken, key_mark
from hp_portal_plugins.profiles.changing.models import CONTENTS as FORM
from hp_portal_plugins.profiles.changing.models import SentForm
from hp_portal_plugins.profiles.proposing.models import PROPOSED, ProposedChange
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change, new_practitioner
from hp_portal_plugins.profiles.record.models import SEALED, PractitionerFact
from hp_portal_plugins.remittance.intake.kept_text import kept_interchange
from hp_portal_plugins.remittance.models import PAYEE_TIN, Claim, Payment, PaymentText
from tests.conftest import MakeApp
from tests.plugins.profiles.updates import provider_update
from tests.plugins.remittance.import_files import CLINIC, file_of, import_835, many_payments
from tests.support.access_requests import access_request
from tests.support.attaching import attached_file
from tests.support.cases import public_rows, tax_id_case
from tests.support.databases import DATA_KEY, data_key, database_of
from tests.support.drafts import draft_row
from tests.support.factors import add_app, code
from tests.support.identifiers import make_npi, make_tin
from tests.support.messages import answered_request, attachment, posted_letter, returned_mail
from tests.support.registering import asked_to_join
from tests.support.signing import signature
from tests.support.world import World

NEW = data_key("new")
PAYEES = 45
LETTER = b"a letter in many pieces. " * 4
WAS = {"payee.tin_sealed": b"tin", "organization.tin_sealed": b"tin", "remittance_payment.payee_tin_sealed": b"tin"}
Run = Callable[..., Result]


def key_id(text: str) -> str:
    return key_mark(base64.b64decode(text)).id


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    def run(app: Flask, *arguments: object) -> Result:
        monkeypatch.setattr(cli, "_app", [app])
        return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments])

    return run


@dataclass
class Filled:
    """A portal with something in every sealed column."""

    world: World
    person: Any
    token: str
    organization: int
    file: int

    def read(self, world: World) -> None:
        """Everything opens, and is found by its hashes, in this portal."""
        with world.session() as session:
            rows = session.scalars(sa.select(Payee)).all()
            assert {row.whole_tin(session) for row in rows} >= {make_tin(n) for n in range(1, PAYEES + 1)}
            for number in (1, PAYEES):
                assert [row.npi for row in find_payees(session, tin=make_tin(number))] == [make_npi(number)]
            assert session.get_one(Organization, self.organization).whole_tin(session) == make_tin(99)
            assert session.scalars(sa.select(AccessRequest)).one().whole_tin(session) == make_tin(98)
            texts = [kept_interchange(session, one) for one in session.scalars(sa.select(Payment.id))]
            assert len(texts) == 30
            for payment in session.scalars(sa.select(Payment)):
                tin = session.vault.open_text(payment.payee_tin_sealed or b"", PAYEE_TIN(payment.id), "tin")
                assert tin == CLINIC.tin
                assert payment.payee_tin_hash in session.vault.digests(tin, "tin")
            assert {claim.patient_last_name for claim in session.scalars(sa.select(Claim))} == {"TESTPATIENT"}
            for name in ("TESTPATIENT,", "TESTPATIENT,AN"):
                found = sa.select(sa.func.count()).select_from(Claim).where(Claim.name_begins(session, name))
                assert session.scalar(found) == 90
            member = sa.select(sa.func.count()).select_from(Claim).where(Claim.member_is(session, "M0000001"))
            assert session.scalar(member) == 90
            assert all(text and b"TESTPATIENT" in text for text in texts)
            assert open_stored(session, session.get_one(StoredFile, self.file)).read() == LETTER
            assert facts_of(session, session.scalars(sa.select(Registration)).one()).job == "Biller"
            (fact,) = session.scalars(sa.select(PractitionerFact))
            assert session.vault.open_text(fact.value_sealed or b"", SEALED(fact.token)) == "SAMPLEDEA"
            clerk = session.get_one(Person, self.person.person_id)
            assert find_submitter(session, session.scalars(sa.select(CaseSubmitter.case_id)).one()) is not None
            hashes = session.vault.digests("sam@office.example", EMAIL_HASH)
            assert session.scalars(sa.select(CaseSubmitter).where(CaseSubmitter.email_hash.in_(hashes))).one()
            assert use_code(session, clerk, code()).name == "Sample telephone"
            session.rollback()
            assert find_kept(session, self.person, "sample", self.token) == {"last_name": "SAMPLE"}


def heads(session: PortalSession) -> dict[str, set[bytes]]:
    """What the values of each column begin with: format and key.

    Rows of an organization alone are in no whole scope: tests/plugins/remittance/test_notes.py has their keys rotated.
    """
    alone = {m.local_table for m in Base.registry.mappers if issubclass(m.class_, OwnedByOrganizationAlone)}
    return {
        f"{column.table.name}.{column.name}": {
            bytes(value)[:9] for value in session.scalars(sa.select(column)) if value
        }
        for column, _ in sealed_columns(Base.metadata)
        if column.table not in alone
    }


@pytest.fixture
def filled(world: World, monkeypatch: pytest.MonkeyPatch) -> Filled:
    monkeypatch.setattr("hp_portal.core.files.storing.PIECE", 16)
    organization = world.organization()
    clerk = world.person("sample.clerk", organization=organization)
    for number in range(1, PAYEES + 1):
        world.payee(make_tin(number), make_npi(number))
    import_835(world, file_of(*many_payments(30)))
    person = Who(person_id=clerk.id, organization_id=organization.id)
    with world.session() as session:
        session.get_one(Organization, organization.id).set_tin(session, make_tin(99))
        stored = receive_file(session, io.BytesIO(LETTER), "letter.txt", owner=person, kind="sample letter")
        token = keep_values(session, person, "sample", {"last_name": "SAMPLE"})  # type: ignore[arg-type]
    posted_letter(world)
    returned_mail(world)
    attachment(world)
    asked_to_join(world, organization)
    with world.session() as session:
        begin(session, "192.0.2.1")
        ask(session, "sample.clerk", "192.0.2.1", "192.0.2.1")
    answered_request(world, organization)
    with world.session() as session:
        access_request(session, organization, tin=make_tin(98))
        asked = tax_id_case(session, organization)
        attached_file(session, f"case:{asked.case_id}", organization)
        words = {"case_id": asked.case_id, "at": clock.now()}
        said = session.vault.seal_text("Said", ENTRY_WORDS("said"))
        noted = session.vault.seal_text("Noted", NOTE_WORDS("noted"))
        session.add(CaseEntry(token="said", what=COMMENT, by_staff=True, words_sealed=said, **words))
        session.add_all(public_rows(session, asked.case_id))
        provider_update(session, session.get_one(Organization, organization.id))
        session.add(CaseNote(token="noted", what=NOTE, words_sealed=noted, **words))
        practitioner = new_practitioner(session)
        dea = Fact("practitioner", practitioner.id, "dea_number", "", "SAMPLEDEA", clock.now().date())
        apply_change(session, Stated("practitioner-added"), [dea])
        draft_row(session, organization, clerk.id)
        form = session.vault.seal_text("{}", FORM("form"))
        session.add(
            SentForm(organization_id=organization.id, case_id=asked.case_id, token="form", contents_sealed=form)
        )
        proposal = {"kind": "location-changed", "effective_on": clock.now().date(), "case_id": asked.case_id}
        wanted = session.vault.seal_text("{}", PROPOSED("proposal"))
        owner = {"organization_id": organization.id, "token": "proposal"}
        session.add(ProposedChange(contents_sealed=wanted, **proposal, **owner))
        signature(session, organization)
    add_app(world, clerk)
    made = Filled(world, person, token, organization.id, stored.id)
    made.read(world)
    return made


@pytest.fixture
def rotating_world(filled: Filled, database_url: str, make_app: MakeApp) -> World:
    """The same portal, started with the new key in front."""
    return World(make_app(database_url, data_key=f"{NEW},{DATA_KEY}"))


def test_everything_is_sealed_with_the_new_key_and_the_old_one_is_retired(
    filled: Filled, rotating_world: World, database_url: str, make_app: MakeApp, run: Run
) -> None:
    with rotating_world.session() as session:
        columns = heads(session)
    assert all(columns.values()), "the test has a value in every sealed column"
    done = run(rotating_world.app, "keys", "rotate")
    assert done.exit_code == 0, done.output
    assert "remittance_text.sealed: 30" in done.stderr, "progress is shown"
    assert f"Retired: {key_id(DATA_KEY)}" in done.output
    after = World(make_app(database_url, data_key=NEW))
    with after.session() as session:
        assert heads(session) == {name: {b"\x02" + bytes.fromhex(key_id(NEW))} for name in columns}
    filled.read(after)
    with after.session() as session:
        (text,) = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == "keys.rotated"))
    assert json.loads(text)["retired"] == [key_id(DATA_KEY)]
    assert "seals, and everything is sealed with it" in run(after.app, "keys", "list").output
    for listed in (DATA_KEY, f"{DATA_KEY},{NEW}"):
        with pytest.raises(ConfigurationError, match=r"was retired|lacks a key|is not the data key"):
            database_of(make_app(database_url, data_key=listed)).new_session()
    again = run(after.app, "keys", "rotate")
    assert "0 values were sealed again" in again.output
    assert again.exit_code == 0


def test_a_value_of_the_retired_key_is_refused_though_the_key_is_listed(
    filled: Filled, rotating_world: World, database_url: str, make_app: MakeApp, run: Run
) -> None:
    """As from a stolen key and an old backup."""
    with filled.world.session() as session:
        old = session.scalars(sa.select(PaymentText).order_by(PaymentText.payment_id)).first()
    assert old is not None
    assert run(rotating_world.app, "keys", "rotate").exit_code == 0
    after = World(make_app(database_url, data_key=f"{NEW},{DATA_KEY}"))
    with after.session() as session:
        session.get_one(PaymentText, old.payment_id).sealed = old.sealed
    with after.session() as session, pytest.raises(SealBroken, match="was retired"):
        kept_interchange(session, old.payment_id)
    refused = run(after.app, "keys", "rotate")
    assert refused.exit_code == 1
    assert f"remittance_text.sealed, payment_id {old.payment_id}" in refused.stderr
    assert run(after.app, "keys", "rotate", "--also-retired").exit_code == 0
    with after.session() as session:
        assert kept_interchange(session, old.payment_id)


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_a_rotation_that_was_killed_goes_on(
    filled: Filled, rotating_world: World, database_url: str, make_app: MakeApp, run: Run, batches: int
) -> None:
    told: list[str] = []

    def stop(column: str, _sealed: int) -> None:
        told.append(column)
        if len(told) == batches:
            raise KeyboardInterrupt

    with rotating_world.session() as session, pytest.raises(KeyboardInterrupt):
        rotating.rotate(session, stop)
    filled.read(rotating_world)
    with pytest.raises(ConfigurationError, match="lacks a key"):
        database_of(make_app(database_url, data_key=NEW)).new_session()
    assert run(rotating_world.app, "keys", "rotate").exit_code == 0
    filled.read(World(make_app(database_url, data_key=NEW)))


def test_what_is_sealed_with_the_old_key_meanwhile_is_found(filled: Filled, rotating_world: World) -> None:
    """A web server that has not been restarted yet."""
    late: list[int] = []

    def meanwhile(column: str, _sealed: int) -> None:
        if column == "remittance_text.sealed" and not late:
            late.append(filled.world.payee(make_tin(77), make_npi(77)).id)

    with rotating_world.session() as session:
        done = rotating.rotate(session, meanwhile)
        assert done.finished
        assert session.get_one(Payee, late[0]).tin_sealed[:9] == session.vault.head


def test_a_value_that_does_not_open_keeps_the_old_key_in_force(
    filled: Filled, rotating_world: World, database_url: str, make_app: MakeApp, run: Run
) -> None:
    with filled.world.session() as session:
        one, other = session.scalars(sa.select(Payee).order_by(Payee.id).limit(2)).all()
        one.tin_sealed, right = other.tin_sealed, one.tin_sealed
    done = run(rotating_world.app, "keys", "rotate")
    assert done.exit_code == 1
    assert f"payee.tin_sealed, id {one.id}: a sealed value has been altered, or moved" in done.stderr
    assert "No key was retired" in done.stderr
    with pytest.raises(ConfigurationError, match="lacks a key"):
        database_of(make_app(database_url, data_key=NEW)).new_session()
    with rotating_world.session() as session:
        session.get_one(Payee, one.id).tin_sealed = right
    assert run(rotating_world.app, "keys", "rotate").exit_code == 0
    filled.read(World(make_app(database_url, data_key=NEW)))


LATER = (
    "attached_file",
    "authenticator_app",
    "delegate_request",
    "message",
    "message_attachment",
    "portal_case_entry",
    "portal_case_form",
    "portal_case_note",
    "profiles_practitioner_fact",
    "portal_draft",
    "profiles_proposal",
    "profiles_sent_form",
    "portal_case_submitter",
    "profiles_update",
    "recovery_ask",
    "registration",
    "registration_draft",
    "returned_mail",
    "signature",
)


def seal_as_before(session: PortalSession) -> None:
    """Every value as it was sealed before seals were bound to their places; kept values by a word that nobody knows."""
    cipher = AESGCM(vault._derive(base64.b64decode(DATA_KEY), b"seal"))
    for column, mark in sealed_columns(Base.metadata):
        if mark.again is not None or column.table.name in LATER:
            continue  # of a later release
        table, keys = column.table, list(column.table.primary_key.columns)
        for row in session.execute(sa.select(table).where(column.is_not(None))).all():
            if mark.places is not None:
                ((place, was),) = mark.places(session, [row])
            else:
                seat = Seat(table.name, column.name)
                place, was = seat(*(getattr(row, name) for name in mark.row)), mark.was or "kept sample word"
            value = session.vault.open(getattr(row, column.name), place)
            old = vault.short_id(key_id(DATA_KEY)) + bytes(12) + cipher.encrypt(bytes(12), value, was.encode())
            same = [key == getattr(row, key.name) for key in keys]
            session.execute(sa.update(table).where(*same).values({column.name: old}))
    session.execute(sa.update(DataKey).values(complete_at=None))


def test_values_of_before_are_bound_to_their_places_with_the_same_key(
    filled: Filled, database_url: str, make_app: MakeApp, run: Run, clock: Any
) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    with filled.world.session() as session:
        seal_as_before(session)
    before = World(make_app(database_url))
    with before.session() as session:
        payee = session.scalars(sa.select(Payee)).first()
        assert payee is not None
        assert payee.whole_tin(session) == make_tin(1)
        old = payee.tin_sealed
    waits = run(before.app, "keys", "rotate")
    assert waits.exit_code == 1
    assert "1 values of the time before the upgrade expire by themselves" in waits.output
    with before.session() as session:
        session.execute(sa.delete(KeptValues))
    assert run(before.app, "keys", "rotate").exit_code == 0
    after = World(make_app(database_url))
    with after.session() as session:
        row = session.get_one(Payee, payee.id)
        assert row.whole_tin(session) == make_tin(1)
        row.tin_sealed = old
        session.flush()
        with pytest.raises(SealBroken, match="without its place"):
            row.whole_tin(session)
        session.rollback()


def test_large_values_go_in_small_batches(
    filled: Filled, rotating_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many rows at a time as fit into some megabytes."""
    monkeypatch.setattr(rotating, "_BYTES", 150)
    told: list[tuple[str, int]] = []
    with rotating_world.session() as session:
        rotating.rotate(session, lambda column, sealed: told.append((column, sealed)))
        pieces = session.scalar(sa.select(sa.func.count()).select_from(StoredPiece))
    counted = [sealed for column, sealed in told if column == "stored_piece.sealed"]
    assert counted == [pieces] if pieces and pieces <= 20 else counted[:1] == [20]
    payees = [sealed for column, sealed in told if column == "payee.tin_sealed"]
    assert payees[:3] == [20, 23, 26], "45 bytes each: three at a time after the first twenty"


def test_a_new_key_is_printed(run: Run, sqlite_app: Flask) -> None:
    one, other = (run(sqlite_app, "keys", "new").output.strip() for _ in range(2))
    assert one != other
    assert len(base64.b64decode(one)) == 32
