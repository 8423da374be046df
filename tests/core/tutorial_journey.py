"""Run by test_tutorial.py where the tutorial's plugin is installed: an office, another office, staff and the worker."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock, worker
from hp_portal.app import create_app
from tests.support.world import World

app = create_app()
world = World(app)
for name in ("a.clerk", "another.clerk"):
    world.person(name)

office = world.sign_in("a.clerk")
assert "No requests" in office.get("/apps/callbacks/").text
assert office.get("/apps/callbacks/new").status_code == 200
assert office.get("/help/callbacks").status_code == 200

refused = office.post("/apps/callbacks/new", {"day": "someday", "phone": "555-0142", "subject": ""})
assert refused.status_code == 422
for words in ("Enter a date as month, day and year.", "Say in a few words", "someday", "555-0142"):
    assert words in refused.text, words

for day, subject in (("2026-12-01", "A recovery"), ("12/2/2026", "A missing check")):
    done = office.post("/apps/callbacks/new", {"day": day, "phone": "555-0142", "subject": subject})
    assert done.headers["Location"] == "/apps/callbacks/"
shown = office.get("/apps/callbacks/?sort=subject", fragment=True).text
assert "<h1" not in shown
assert shown.index("A missing check") < shown.index("A recovery")
assert "A recovery" not in world.sign_in("another.clerk").get("/apps/callbacks/").text

world.staff("without", permissions=["staff:console:open"])
assert world.sign_in("without").get("/staff/callbacks/", check=False).status_code == 403
world.staff("caller", permissions=["staff:console:open", "callbacks:request:finish"])
staff = world.sign_in("caller")
queue = staff.get("/staff/callbacks/").text
assert "555-0142 <form" in queue
assert 'action="/staff/callbacks/1/finish"' in queue
assert staff.post("/staff/callbacks/1/finish").headers["Location"] == "/staff/callbacks/"
assert "1 open request" in staff.get("/staff/callbacks/").text
assert staff.post("/staff/callbacks/99/finish", check=False).status_code == 404

requests = sa.table("callbacks_request", sa.column("id"), sa.column("done_at"))
with world.database.engine.begin() as connection:
    long_ago = (clock.now() - dt.timedelta(days=31)).replace(tzinfo=None).isoformat(" ")
    connection.execute(sa.update(requests).where(requests.c.id == 1).values(done_at=long_ago))
assert worker.run_once(app)
with world.database.engine.connect() as connection:
    assert connection.scalars(sa.select(requests.c.id)).all() == [2], "forgotten after the 30 days that are set"
    events = connection.scalars(
        sa.text("SELECT event FROM audit_event WHERE event LIKE 'callbacks.%' ORDER BY id")
    ).all()
assert events == ["callbacks.request.asked", "callbacks.request.asked", "callbacks.request.finished"]
print("The journey is over.")
