"""Run in another folder by test_wheel.py: starts the installed portal and prints what its pages answer."""

from __future__ import annotations

import hp_portal
from hp_portal import clock, migrations
from hp_portal.app import create_app
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.identity.actor import TERMS_OF_USE, hash_token
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.organizations.models import Organization
from hp_portal.scopes import WholeScope

app = create_app()
migrations.upgrade(app)
now = clock.now()
with app.extensions["hp_portal.database"].new_session(WholeScope("a test builds")) as session:
    start_settings(session, app.extensions["hp_portal.plugins"].applications)
    organization = Organization(name="Sample Clinic", audience="physician", validated_at=now, created_at=now)
    session.add(organization)
    session.flush()
    person = Person(
        organization_id=organization.id, username="a.clerk", email="a@office.example", name="A Clerk", password_hash="",
        password_changed_at=now, is_staff=False, is_delegate=False, created_at=now,
    )  # fmt: skip
    session.add(person)
    session.flush()
    version = app.extensions["hp_portal.settings"].terms_version
    session.add_all(
        [
            PersonApplication(person_id=person.id, application="remittance", given_at=now),
            Acceptance(person_id=person.id, agreement=TERMS_OF_USE, version=version, accepted_at=now, address=""),
            SignIn(
                token_hash=hash_token("token"), person_id=person.id, created_at=now, last_seen_at=now, address="",
                user_agent="",
            ),
        ]
    )  # fmt: skip
    session.commit()

client = app.test_client()
with client.session_transaction() as kept:
    kept["_user_id"], kept["_fresh"] = "token", True
print(hp_portal.__file__)
with app.test_request_context():
    sheet = app.jinja_env.globals["asset"]("portal.bundle.css")  # type: ignore[operator]
for url, shown in (("/", "/"), ("/apps/remittance/", "/apps/remittance/"), ("/help/signing-in", "/help/signing-in")):
    response = client.get(url)
    print(shown, response.status_code, response.mimetype)
response = client.get(sheet)
print("/static/portal.bundle.css", response.status_code, response.mimetype)
