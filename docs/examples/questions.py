"""*Questions*: an application with a form of its own, and cases with a queue and a clock."""

from flask import Blueprint, url_for
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from hp_portal import api

ASK, ANSWER = "questions:question:ask", "questions:question:answer"
QUESTION = api.CaseKind(
    "questions.question", "Question", permission=ASK, staff_permission=ANSWER,
    states=(
        api.CaseState("received", "Received", "Received", "We answer on this page."),
        api.CaseState("answered", "Answered", "Answered", "The answer is below.", tone="good", ended=True),
    ),
    steps=(api.CaseStep("answer", "Answer", ("received",), "answered", "Answered it", words="required"),),
    clock=lambda: api.CaseClock(3, "business", "We answer within 3 business days.", "our service standard"),
)  # fmt: skip


class QuestionForm(FlaskForm):
    subject = StringField("Subject", [DataRequired("Say what it is about."), Length(max=100)])
    question = TextAreaField("Question", [DataRequired("Enter your question."), Length(max=4000)])


def send(session, sent):
    said = sent.answers["question"]
    case = api.open_case(
        session, QUESTION, said["subject"], organization_id=sent.organization_id, words=said["question"]
    )
    return url_for("cases.one", case_id=case.id)


STEP = api.WizardStep("question", "Question", QuestionForm)
FORM = api.Wizard("questions.question", "Ask a question", ASK, (STEP,), send)
blueprint = Blueprint("questions", __name__)
api.mount_wizard(blueprint, FORM, "/ask")


@api.hookimpl
def portal_application():
    return api.Application(
        "questions", "Questions", "Ask us, and read the answer.", 80, blueprint, index=FORM.endpoint("start"),
        permissions=(api.Permission(ASK, "Ask questions"),), case_kinds=(QUESTION,), draft_kinds=(FORM.drafts,),
        staff_permissions=(api.Permission(ANSWER, "Answer questions"),), starts_enabled_for=frozenset(api.Audience),
    )  # fmt: skip
