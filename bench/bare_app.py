"""The baseline of the request bench: a Flask view with the search's query, template and audit insert, and nothing else.

Served as `bench.bare_app:app` with the portal's own settings in the environment.
"""

from __future__ import annotations

import json
import uuid
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import sqlalchemy as sa
from flask import Flask, request
from jinja2 import ChoiceLoader, FileSystemLoader, StrictUndefined
from jinja2_fragments.flask import render_block

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.web import templating
from hp_portal.database import make_engine
from hp_portal.settings import load_settings
from hp_portal_plugins.remittance.codes.plain_words import method_word, payment_word, status_word
from hp_portal_plugins.remittance.inquiry.search import PAYMENTS
from hp_portal_plugins.remittance.keys import number_key
from hp_portal_plugins.remittance.models import Payment
from hp_portal_plugins.remittance.office.models import Posting
from hp_portal_plugins.remittance.office.posting import NOT_POSTED

ORGANIZATION = 1


def make_app() -> Flask:
    settings = load_settings()
    app = Flask(
        "bare",
        template_folder=str(files("hp_portal.templates")),
        static_folder=None,
        instance_path=str(settings.instance_path.resolve()),
    )
    plugin = Path(str(files("hp_portal_plugins") / "remittance"))
    app.jinja_env.loader = ChoiceLoader(
        [FileSystemLoader(str(files("hp_portal.templates"))), FileSystemLoader(plugin / "templates")]
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.globals["csrf_token"] = lambda: ""
    app.jinja_env.globals["can"] = lambda _permission: True
    templating.install(app, settings, version="bare")
    for rule, endpoint in (
        ("/apps/remittance/", "remittance.index"),
        ("/apps/remittance/payments/<int:payment_id>", "remittance.payment"),
        ("/apps/remittance/choose", "remittance.choose"),
    ):
        app.add_url_rule(rule, endpoint, lambda **_: "")
    engine = make_engine(settings.database_url, settings.database_pool)
    app.add_url_rule("/search", "search", _view(engine))
    return app


def _view(engine: sa.Engine):  # type: ignore[no-untyped-def]
    payment = Payment.__table__.c
    grant = sa.table("access_grant", sa.column("payee_id"), sa.column("organization_id"), sa.column("ended_at"))
    granted = sa.select(grant.c.payee_id).where(
        grant.c.organization_id == sa.bindparam("organization"), grant.c.ended_at.is_(None)
    )
    posting = Posting.__table__.c
    marked = sa.exists().where(
        posting.payment_id == payment.id, posting.organization_id == sa.bindparam("organization")
    )
    query = (
        sa.select(
            marked.label("has_marks"),
            payment.id,
            payment.trace_number,
            payment.method,
            payment.effective_on,
            payment.payee_name,
            payment.payee_npi,
            payment.claim_count,
            payment.amount,
            payment.currency,
            payment.set_aside,
            payment.in_question,
            payment.repeated,
            payment.part_of_id,
        )
        .where(payment.number_key == sa.bindparam("key"), payment.payee_id.in_(granted))
        .order_by(payment.effective_on.desc().nulls_last(), payment.id.desc())
        .limit(25)
    )
    insert = sa.insert(AuditEvent.__table__)  # type: ignore[arg-type]
    # The table's head and the pager are drawn here, too, from values made once.
    headers = PAYMENTS.read({}).headers(lambda wanted: f"/apps/remittance/?sort={wanted}")

    def search() -> str:
        number = request.args["number"]
        with engine.begin() as connection:
            rows = connection.execute(query, {"key": number_key(number), "organization": ORGANIZATION}).all()
            connection.execute(
                insert,
                {
                    "at": clock.now(),
                    "event": "remittance.payment.searched",
                    "person_id": 1,
                    "organization_id": ORGANIZATION,
                    "sign_in_id": 1,
                    "request_id": uuid.uuid4().hex,
                    "address": request.remote_addr,
                    "reason": "",
                    "fields": json.dumps({"kind": "number", "keys": {"number": number}, "shown": len(rows), "page": 1}),
                },
            )
        return render_block(
            "remittance/index.html",
            "results",
            found=SimpleNamespace(
                rows=rows,
                number=1,
                pages=1,
                total=len(rows),
                first=1,
                last=len(rows),
                headers=headers,
                order=None,
                url_for_page=lambda wanted: f"/apps/remittance/?page={wanted}",
            ),
            posted={row.id: NOT_POSTED for row in rows},
            ticked=False,
            save_url="/apps/remittance/searches/new",
            amount=sum(row.amount for row in rows),
            not_in_sum=0,
            found_claims=None,
            claims_too="",
            nothing=False,
            newest=None,
            problem=None,
            gone=False,
            criteria={"number": number},
            number=number,
            months=[],
            bars=[],
            method_word=method_word,
            payment_word=payment_word,
            status_word=status_word,
        )

    return search


app = make_app()
