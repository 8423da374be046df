"""Signing electronically, from the page to the paper, and cases on paper: by both sides and nobody else."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa
from flask import Blueprint, abort, render_template_string
from flask.typing import ResponseReturnValue
from pydantic import ValidationError

from hp_portal import worker
from hp_portal.api import (
    Application,
    Case,
    CaseKind,
    CaseState,
    CaseStep,
    Permission,
    PortalSession,
    access,
    db_session,
    hookimpl,
    redirect_to,
    the_actor,
)
from hp_portal.case_settings import CaseSettings
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import Who, set_who
from hp_portal.core.cases import printing
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.submitters import WITHOUT_ACCOUNT, Contact, add_submitter
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.organizations.models import Organization
from hp_portal.core.printing.for_plugins import PrintedAnswer, PrintedAnswers, PrintedForm, PrintedSection
from hp_portal.core.signing.for_plugins import (
    NotTheirName,
    Signature,
    SignedForm,
    Stranger,
    is_unchanged,
    show_signature,
    sign,
    signed_form,
)
from hp_portal.core.signing.models import SIGNED_CONTENTS
from hp_portal.core.signing.names import same_name
from hp_portal.core.signing.signing import NotAsSigned, signing_agreement
from tests.conftest import MakeApp
from tests.support.attaching import attached_file
from tests.support.cases import portal_case, tax_id_case
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.paper import codes_on, page_picture
from tests.support.pdf import TaggedPdf
from tests.support.pool import Refillable
from tests.support.world import World

PAGE = """{% extends "base.html" %}{% block title %}Sign{% endblock %}{% block content %}<h1>Sign</h1>
{{ ui.form_errors(form) }}<form method="post" novalidate>{{ ui.csrf() }}{{ ui.signature_fields(form) }}
{% call ui.actions() %}{{ ui.submit("Sign") }}{% endcall %}</form>{% endblock %}"""
STAFF = "staff:cases:work"


class Trial(Refillable):
    """An application whose cases are signed; `hours` is what they say."""

    hours = "8 to 5"

    def form(self, _session: PortalSession, case_id: int) -> PrintedForm:
        answers = PrintedAnswers((PrintedAnswer("Hours", self.hours), PrintedAnswer("Site", "Harbor")))
        return PrintedForm("Change of hours", "CH-1", "2026-11", (PrintedSection("What was sent", (answers,)),))

    def view(self, case_id: int) -> ResponseReturnValue:
        db = db_session()
        case = db.get(Case, case_id) or abort(404)
        content, form = self.form(db, case_id), SignedForm()
        form.to_sign(content, the_actor().display_name)
        if not form.validate_on_submit():
            return render_template_string(PAGE, form=form), 422 if form.is_submitted() else 200
        sign(
            db,
            content,
            about=f"case:{case_id}",
            typed=form.signature.data,
            organization_id=case.organization_id,
        )
        db.commit()
        return redirect_to(f"/cases/{case_id}")

    @hookimpl
    def portal_application(self) -> Application:
        pages = Blueprint("trial", __name__)
        pages.get("/", endpoint="index")(access.requires("trial:thing:read")(lambda: ""))
        view = access.requires("trial:thing:read")(lambda case_id: self.view(case_id))
        pages.add_url_rule("/sign/<id:case_id>", "sign", view, methods=["GET", "POST"])
        states = (
            CaseState("sent", "Sent", "Sent", "We look at it."),
            CaseState("done", "Done", "Done", "", ended=True),
        )
        steps = (CaseStep("end", "End", ("sent",), "done", "Ended"),)
        signed = CaseKind(
            "trial.signed",
            "Change of hours",
            "trial:thing:read",
            "trial:thing:decide",
            states,
            steps,
            printed=self.form,
        )
        plain = replace(signed, key="trial.plain", label="Plain question", printed=None)
        return Application(
            "trial",
            "Trial",
            "",
            50,
            pages,
            "trial.index",
            permissions=(Permission("trial:thing:read", "Read"),),
            staff_permissions=(Permission("trial:thing:decide", "Decide"),),
            case_kinds=(signed, plain),
        )


@dataclass
class Portal:
    world: World
    trial: Trial
    harbor: Organization

    def case(self, kind: str = "trial.signed", **values: object) -> Case:
        with self.world.session() as session:
            return portal_case(session, self.harbor, kind, "sent", **values)

    def signatures(self) -> list[Signature]:
        with self.world.session() as session:
            return list(session.scalars(sa.select(Signature).order_by(Signature.id)))


@pytest.fixture
def portal(database_url: str, make_app: MakeApp) -> Portal:
    trial = Trial()
    world = World(make_app(database_url, extra_plugins={"trial": trial}))
    world.enable("trial", "physician")
    harbor = world.organization("Harbor Clinic")
    world.person("a.clerk", name="Anna-Lena  Łuczak", organization=harbor)
    world.person("s.stranger")
    world.staff("w.worker", permissions=["staff:console:open", STAFF, "staff:tax-ids:manage", "trial:thing:decide"])
    world.staff("o.other", permissions=[STAFF])
    return Portal(world, trial, harbor)


def printed(client: PortalClient, path: str) -> TaggedPdf:
    answer = client.get(f"{path}/print")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/pdf"
    return TaggedPdf(answer.data)


def shown(client: PortalClient, path: str) -> str:
    return text_of(tree_of(client.get(path)))


def link_to(client: PortalClient, path: str, words: str) -> str:
    """Where the one link of a page leads that says these words."""
    [link] = [one for one in tree_of(client.get(path)).iter("a") if text_of(one) == words]
    return link.get("href") or ""


def sign_page(client: PortalClient, path: str, **values: str) -> tuple[int, str]:
    """Sign as the page asks for it, but for these values; what is hidden is as the page has it."""
    hidden = re.findall(r'name="signing"[^>]* value="([^"]*)"', client.get(path).text)[0]
    sent = {"signing": hidden, "agree": "y", "signature": "anna lena luczak", **values}
    answer = client.post(path, {name: value for name, value in sent.items() if value})
    return answer.status_code, answer.text


def test_a_form_is_signed_and_stays_as_it_was_signed(portal: Portal) -> None:
    case = portal.case()
    path, pages = f"/apps/trial/sign/{case.id}", f"/cases/{case.id}"
    office, staff = portal.world.sign_in("a.clerk"), portal.world.sign_in("w.worker")
    page = shown(office, path)
    assert "I intend to sign this form." in page
    assert "Sample Health Plan electronically instead of on paper" in page, "the payer's name stands in the agreement"
    assert "As it stands here: Anna-Lena Łuczak" in page

    status, told = sign_page(office, path, agree="")
    assert (status, "Check the box to sign electronically" in told) == (422, True)
    status, told = sign_page(office, path, signature="Anna Somebody")
    assert (status, "Type your name as it stands here" in told, "Anna Somebody" in told) == (422, True, True)
    seen = re.findall(r'name="signing"[^>]* value="([^"]*)"', office.get(path).text)[0]
    portal.trial.hours = "9 to 6"
    status, told = sign_page(office, path, signing=seen)
    assert (status, "has changed since the page was shown" in told) == (422, True), "what nobody has read is not signed"
    assert portal.signatures() == []

    assert sign_page(office, path)[0] == 303
    [kept] = portal.signatures()
    agreement = kept.agreement
    assert (kept.typed, kept.name, kept.address) == ("anna lena luczak", "Anna-Lena  Łuczak", "127.0.0.1")
    assert (kept.organization_id, kept.about) == (portal.harbor.id, f"case:{case.id}")
    with portal.world.session() as session:
        now = portal.trial.form(session, case.id)
        [event] = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "signature.made"))
    assert kept.digest == hashlib.sha256(now.signed_bytes()).hexdigest()
    assert kept.digest in str(event.fields)

    for client, at in ((office, pages), (staff, f"/staff{pages}")):
        page = shown(client, at)
        assert "Signed electronically" in page
        assert kept.digest in page
        assert "Changed since it was signed" not in page
        text = printed(client, at).text
        assert "anna lena luczak" in text
        assert agreement in text
        assert "Hours 9 to 6" in text
        assert "has been changed since" not in text

    portal.trial.hours = "closed"
    assert "Changed since it was signed" in shown(office, pages)
    assert "has been changed since" in printed(staff, f"/staff{pages}").text
    for client, at in ((office, pages), (staff, f"/staff{pages}")):
        answer = client.get(link_to(client, at, "See what was signed"))
        assert answer.headers["Content-Disposition"].endswith(f'"case-{show_number(case.number)}-as-signed.pdf"')
        text = TaggedPdf(answer.data).text
        assert ("Hours 9 to 6" in text, "closed" in text, "changed since" in text) == (True, False, False)
    assert office.get(f"/cases/{portal.case().id}/signed/{kept.id}").status_code == 404, "of another case"
    with portal.world.session() as session:
        kept = session.scalars(sa.select(Signature)).one()
        assert not is_unchanged(kept, portal.trial.form(session, case.id))
        assert is_unchanged(kept, now)
        assert signed_form(session, kept) == now, "what was signed can be shown again"
    with portal.world.session_of(portal.world.organization()) as session:
        assert session.scalars(sa.select(Signature)).all() == [], "signatures are their organization's"


def test_signatures_are_never_changed(portal: Portal) -> None:
    case = portal.case()
    assert sign_page(portal.world.sign_in("a.clerk"), f"/apps/trial/sign/{case.id}")[0] == 303
    for statement in (
        sa.update(Signature).values(typed="Somebody Else"),
        sa.update(Signature).values(agreement=""),
        sa.update(Signature).values(digest="0" * 64),
        sa.delete(Signature),
    ):
        with (
            pytest.raises(sa.exc.DBAPIError, match=r"signatures are never changed|permission denied"),
            portal.world.session() as session,
        ):
            session.execute(statement.execution_options(synchronize_session=False))
    with portal.world.session() as session:
        kept = session.scalars(sa.select(Signature)).one()
        kept.contents_sealed = session.vault.seal(b"{}", SIGNED_CONTENTS(kept.token))
        session.flush()
        with pytest.raises(NotAsSigned):
            signed_form(session, kept)


def test_somebody_without_an_account_signs_with_name_and_address(portal: Portal) -> None:
    sam = Stranger("Sam Stranger", "s@mail.example")
    with portal.world.app.app_context(), portal.world.session() as session:
        set_who(session, Who(address="192.0.2.9"))
        form = portal.trial.form(session, 0)
        with pytest.raises(ValueError, match="somebody"):
            sign(session, form, about="trial:1", typed="Sam Stranger", organization_id=None)
        with pytest.raises(NotTheirName):
            sign(session, form, about="trial:1", typed="Sam", organization_id=None, stranger=sam)
        kept = sign(session, form, about="trial:1", typed="sam STRANGER", organization_id=None, stranger=sam)
        assert (kept.person_id, kept.email, kept.address) == (None, "s@mail.example", "192.0.2.9")
        assert kept.agreement == signing_agreement().text
        assert show_signature(kept, form).name == "Sam Stranger, s@mail.example"


@pytest.mark.parametrize(
    ("typed", "name", "same"),
    [
        ("anna  lena LUCZAK", "Anna-Lena Łuczak", True),
        ("Jose Oneil", "José O’Neil", True),
        ("Jürgen Weiss", "JÜRGEN WEIß", True),
        ("J. Sample", "J Sample", True),
        ("王小明", "王小明", True),
        ("王小", "王小明", False),
        ("Anna Luczak", "Anna-Lena Łuczak", False),
        ("", "", False),
        ("!", ".", False),
    ],
)
def test_capitals_spaces_and_accents_do_not_tell_names_apart(typed: str, name: str, same: bool) -> None:
    assert same_name(typed, name) is same


def test_the_payer_s_own_agreement_is_what_people_sign(portal: Portal, make_app: MakeApp, database_url: str) -> None:
    case = portal.case()
    path, text = f"/apps/trial/sign/{case.id}", "I sign this for {payer}, and mean it as if I had signed it by hand."
    seen = re.findall(r'name="signing"[^>]* value="([^"]*)"', portal.world.sign_in("a.clerk").get(path).text)[0]
    world = World(make_app(database_url, extra_plugins={"trial": portal.trial}, signing_agreement=text))
    office = world.sign_in("a.clerk")
    status, told = sign_page(office, path, signing=seen)
    assert (status, "or the agreement, has changed" in told) == (422, True), (
        "nobody signs an agreement they have not read"
    )
    assert sign_page(office, path)[0] == 303
    [kept] = portal.signatures()
    assert kept.agreement == "I sign this for Sample Health Plan, and mean it as if I had signed it by hand."
    with pytest.raises(ValidationError):
        CaseSettings.model_validate({"signing_agreement": "Too short."})


def test_a_case_on_paper_says_what_its_page_says(portal: Portal) -> None:
    world = portal.world
    with world.session() as session:
        row = tax_id_case(session, portal.harbor)
        case = session.get_one(Case, row.case_id)
        attached_file(session, f"case:{case.id}", portal.harbor)
    office, staff, stranger, other = (world.sign_in(name) for name in ("a.clerk", "w.worker", "s.stranger", "o.other"))
    path = f"/cases/{case.id}"
    note = {"note": "Called, and nobody answered."}
    assert staff.post(f"/staff{path}/note", note).status_code == 303
    assert staff.post(f"/staff{path}/comment", {"comment": "Which practice?", "read": ""}).status_code == 303
    assert office.post(f"{path}/comment", {"comment": "#panic() *Harbor*\nSecond line"}).status_code == 303
    for client, at in ((office, path), (staff, f"/staff{path}")):
        answer = client.get(f"{at}/print")
        number = show_number(case.number)
        assert f"filename=case-{number}.pdf" in answer.headers["Content-Disposition"].replace('"', "")
        pdf = TaggedPdf(answer.data)
        headings = [one.whole_text for one in pdf.tree.all("H2")]
        assert headings == [
            "Where it stands",
            "What happened",
            "Whom to ask",
            "What was sent",
            "Attached files",
        ]
        for said in (
            "Received We make sure who you are, and answer here.",
            "Harbor Clinic",
            "Telephone 952-555-0100",
            "What was written The first payment is still to come.",
            "Which practice?",
            "#panic() *Harbor* Second line",
            "note.txt",
            "Kind Tax ID without a payment",
            "You hear from us by Nov",
            "We answer within 5 business days. Source: our service standard.",
        ):
            assert said in pdf.text, said
        assert "nobody answered" not in pdf.text, "notes among staff go to nobody"
        assert "Staff W Worker" not in pdf.text
        assert codes_on(page_picture(answer.data)) == [f"CASE {number}"]
    assert stranger.get(f"{path}/print").status_code == 404
    assert other.get(f"/staff{path}/print").status_code == 404
    with world.session() as session:
        events = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "case.printed")).all()
    assert len(events) == 2


def test_who_sent_a_case_in_without_an_account_is_told_to_no_office(portal: Portal) -> None:
    case, staff = portal.case(), portal.world.sign_in("w.worker")
    with portal.world.session() as session:
        add_submitter(session, case.id, Contact("Sam Stranger", "s@mail.example", "952-555-0100"))
    text = printed(staff, f"/staff/cases/{case.id}").text
    assert "Sam Stranger" not in text, "what staff print is for the organization that the case was linked to"
    assert f"Sent by {WITHOUT_ACCOUNT}" in text
    with portal.world.session() as session:
        session.get_one(Case, case.id).organization_id = None
    assert "Sent by Sam Stranger" in printed(staff, f"/staff/cases/{case.id}").text, "the sender's own"


def test_a_case_with_a_long_history_is_printed_by_the_worker(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "MOST_AT_ONCE", -1)
    case, office = portal.case(), portal.world.sign_in("a.clerk")
    waiting = office.get(f"/cases/{case.id}/print")
    assert waiting.status_code == 303
    job = next(job for job in worker.all_jobs(portal.world.app) if job.key == "documents.make")
    with portal.world.app.app_context():
        assert worker.run_job(portal.world.app, job)
    file = f"{waiting.location}/file"
    assert "Hours 8 to 5" in TaggedPdf(office.get(file).data).text
    with portal.world.session() as session:
        session.execute(sa.delete(PersonApplication).where(PersonApplication.application == "trial"))
    assert office.get(file).status_code == 404, "who may see the case no longer does not get it on paper"


def test_the_form_of_a_kind_is_printed_to_be_filled_by_hand(portal: Portal) -> None:
    office = portal.world.sign_in("a.clerk")
    link = link_to(office, "/apps/tax-id-npi-access/case", "Print a form to fill by hand")
    answer = office.get(link)
    assert answer.content_type == "application/pdf"
    assert "Why is there no payment" in TaggedPdf(answer.data).text
    assert codes_on(page_picture(answer.data)) == ["FORM TAX-1 2026-11"]
    assert office.get("/cases/blank/trial.signed").status_code == 404, "it has none"
    assert portal.world.sign_in("o.other").get(link).status_code == 404, "of a kind that is not theirs"


def test_a_case_whose_kind_declares_nothing_is_printed_all_the_same(portal: Portal) -> None:
    case = portal.case("trial.plain", title="A plain question")
    pdf = printed(portal.world.sign_in("a.clerk"), f"/cases/{case.id}")
    assert [one.whole_text for one in pdf.tree.all("H1")] == ["A plain question"]
    assert [one.whole_text for one in pdf.tree.all("H2")] == ["Where it stands", "What happened", "Whom to ask"]
    assert "Sent We look at it." in pdf.text
