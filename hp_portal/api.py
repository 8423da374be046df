"""The stable surface: the only module of hp_portal that a plugin imports from."""

from __future__ import annotations

from hp_portal.audience import Audience
from hp_portal.business_days import add_days, counting, days_between, is_business_day
from hp_portal.case_kinds import CaseClock, CaseKind, CaseRefused, CaseState, CaseStep, PublicCases
from hp_portal.clock import now, today
from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import can, current_actor, the_actor
from hp_portal.core.access.reasons import reason_first
from hp_portal.core.attachments.attaching import (
    CannotRemove,
    attach_files,
    attached_files,
    find_attached,
    forget_attached,
    keep_attached,
    remove_attached,
)
from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.attachments.handing import hand_out_attached
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.owners import AttachedTo, explains
from hp_portal.core.audit.record import Who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.audit.shown import SHOWN, read_spans, spans, what_was_shown
from hp_portal.core.cases import for_plugins as cases
from hp_portal.core.cases.acting import open_case, portal_step
from hp_portal.core.cases.forms import ContactForm
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import BadCaseNumber, read_number, show_number
from hp_portal.core.cases.public_asking import open_public_case, send_public_form
from hp_portal.core.cases.reading import APPLICATION_CASES, CaseRow, application_cases
from hp_portal.core.cases.submitters import Contact
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.faxes import Fax, add_fax, parse_fax_number
from hp_portal.core.delivery.letters import Letter, ReturnedLetter, add_letter, returned_letters
from hp_portal.core.delivery.mail import is_email
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.delivery.states import MessageState, messages_about
from hp_portal.core.delivery.transports import ComposedFax, ComposedLetter, ComposedMail, NotSent
from hp_portal.core.documents.limited import (
    AT_ONCE,
    BY_THE_WORKER,
    DocumentError,
    DocumentLimits,
    DocumentTooLarge,
    Progress,
    no_progress,
)
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.documents.sheet_making import csv_file_apart, xlsx_file_apart
from hp_portal.core.documents.sheets import CSV_TYPE, XLSX_TYPE, Sheet, amount, csv_file, quantity, safe_text, xlsx_file
from hp_portal.core.documents.sheets import Value as SheetValue
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.downloads.queue import QueueFull
from hp_portal.core.drafts import keeping as drafts
from hp_portal.core.files.models import StoredFile
from hp_portal.core.files.storing import (
    FileOwner,
    FileTooLarge,
    delete_stored,
    find_stored,
    open_stored,
    receive_file,
    stored_bytes,
)
from hp_portal.core.identifiers.numbers import BadIdentifier, mask_tin, parse_npi, parse_tin
from hp_portal.core.identifiers.sealed import OptionalTin, SealedTin, masked_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.visits import last_visit
from hp_portal.core.kept.keeping import KeptGone, find_kept, keep_values
from hp_portal.core.leases.leasing import Lease, Leased, LeaseLost, release_lease, renew_lease, take_lease
from hp_portal.core.limits.of_plugins import (
    ForeignKind,
    TooManyAttempts,
    check_attempts,
    count_failure,
    forget_failures,
    keep_pace,
)
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.finding import find_payee, find_payees, is_payee
from hp_portal.core.payees.models import Payee
from hp_portal.core.printing import for_plugins as printing
from hp_portal.core.sheets import for_plugins as sheets
from hp_portal.core.signing import for_plugins as signing
from hp_portal.core.web.attachments import attachment, file_name_part
from hp_portal.core.web.bodies import takes_files
from hp_portal.core.web.charts import BarChart, Point, bar_chart, short_money
from hp_portal.core.web.cleaning import one_line, several_lines
from hp_portal.core.web.fields import AmountField, DayField, NpiField, ParsedField, TinField, later_than, read_day
from hp_portal.core.web.formats import (
    DOLLARS,
    parse_money,
    plain_money,
    show_count,
    show_date,
    show_datetime,
    show_money,
)
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.listing import Column, Listing, Order, PastTheEnd, Sorting, page_number, page_of
from hp_portal.core.web.render import after_post, db_session, page, redirect_to, settings, settings_of, wants_fragment
from hp_portal.core.web.templating import show_amounts_in
from hp_portal.core.web.where_from import counted_address
from hp_portal.core.wizard.declaring import Answer, Answers, Doubt, Fill, Section, Sent, Wizard, WizardStep
from hp_portal.core.wizard.mounting import mount_wizard
from hp_portal.database import (
    Base,
    BigId,
    Database,
    PortalSession,
    UTCDateTime,
    is_postgresql,
    key,
    lock,
    refresh_statistics,
    staging_table,
)
from hp_portal.draft_kinds import DraftKind
from hp_portal.events import Reference
from hp_portal.file_store import StoreAway
from hp_portal.hookspecs import (
    Application,
    DemoCheck,
    DocumentKind,
    EventSpec,
    HomeSearch,
    Job,
    MadeFile,
    Making,
    News,
    PaidSoFar,
    PatientTrace,
    PayeeRef,
    PaymentProof,
    Permission,
    PortalEvent,
    PublicLink,
    StaffLink,
    StaffQueue,
    Transport,
    hookimpl,
)
from hp_portal.scopes import (
    May,
    OfPerson,
    OrganizationScope,
    OwnedByOrganization,
    OwnedByOrganizationAlone,
    OwnedByOrganizationOrPayer,
    PaidTo,
    PayersOwn,
    Scoped,
    Shared,
    WholeScope,
    WrittenInSteps,
    granted_payees,
    of_organization,
    scope_organization,
    select_rows,
    with_unfinished,
)
from hp_portal.scopes import whole_for_plugins as whole
from hp_portal.seals import Seat, sealed_column, seat
from hp_portal.settings import Payer, Settings
from hp_portal.vault import Place, SealBroken, Vault

__all__ = [
    "APPLICATION_CASES",
    "AT_ONCE",
    "BY_THE_WORKER",
    "CSV_TYPE",
    "DOLLARS",
    "SHOWN",
    "XLSX_TYPE",
    "Actor",
    "AmountField",
    "Answer",
    "Answers",
    "Application",
    "AttachedFile",
    "AttachedTo",
    "Attachment",
    "AttachmentsField",
    "Audience",
    "BadCaseNumber",
    "BadIdentifier",
    "BarChart",
    "Base",
    "BigId",
    "CannotRemove",
    "Case",
    "CaseClock",
    "CaseKind",
    "CaseRefused",
    "CaseRow",
    "CaseState",
    "CaseStep",
    "Column",
    "ComposedFax",
    "ComposedLetter",
    "ComposedMail",
    "Contact",
    "ContactForm",
    "Database",
    "DayField",
    "DemoCheck",
    "DocumentError",
    "DocumentKind",
    "DocumentLimits",
    "DocumentTooLarge",
    "Doubt",
    "DraftKind",
    "EventSpec",
    "Fax",
    "FileOwner",
    "FileTooLarge",
    "Fill",
    "ForeignKind",
    "Grant",
    "HomeSearch",
    "Job",
    "KeptGone",
    "Lease",
    "LeaseLost",
    "Leased",
    "Letter",
    "Listing",
    "MadeFile",
    "Making",
    "May",
    "MessageState",
    "News",
    "NotSent",
    "NpiField",
    "OfPerson",
    "OptionalTin",
    "Order",
    "Organization",
    "OrganizationScope",
    "Outgoing",
    "OwnedByOrganization",
    "OwnedByOrganizationAlone",
    "OwnedByOrganizationOrPayer",
    "PaidSoFar",
    "PaidTo",
    "ParsedField",
    "PastTheEnd",
    "PatientTrace",
    "Payee",
    "PayeeRef",
    "Payer",
    "PayersOwn",
    "PaymentProof",
    "Permission",
    "Person",
    "Place",
    "Point",
    "PortalEvent",
    "PortalSession",
    "Progress",
    "PublicCases",
    "PublicLink",
    "QueueFull",
    "Reference",
    "ReturnedLetter",
    "Scoped",
    "SealBroken",
    "SealedTin",
    "Seat",
    "Section",
    "Sent",
    "Settings",
    "Shared",
    "Sheet",
    "SheetValue",
    "Sorting",
    "StaffLink",
    "StaffQueue",
    "StoreAway",
    "StoredFile",
    "TinField",
    "TooManyAttempts",
    "Transport",
    "UTCDateTime",
    "Vault",
    "Who",
    "WholeScope",
    "Wizard",
    "WizardStep",
    "WrittenInSteps",
    "absolute_url",
    "access",
    "add_days",
    "add_fax",
    "add_letter",
    "add_message",
    "after_post",
    "amount",
    "application_cases",
    "attach_files",
    "attached_files",
    "attachment",
    "bar_chart",
    "can",
    "cancel_messages",
    "cases",
    "check_attempts",
    "count_failure",
    "counted_address",
    "counting",
    "csv_file",
    "csv_file_apart",
    "current_actor",
    "days_between",
    "db_session",
    "delete_stored",
    "drafts",
    "explains",
    "file_name_part",
    "find_attached",
    "find_kept",
    "find_payee",
    "find_payees",
    "find_stored",
    "forget_attached",
    "forget_failures",
    "granted_payees",
    "hand_out_attached",
    "hand_over",
    "hookimpl",
    "is_business_day",
    "is_email",
    "is_payee",
    "is_postgresql",
    "keep_attached",
    "keep_pace",
    "keep_values",
    "key",
    "last_visit",
    "later_than",
    "lock",
    "mask_tin",
    "masked_tin",
    "messages_about",
    "mount_wizard",
    "no_progress",
    "now",
    "of_organization",
    "one_line",
    "open_case",
    "open_public_case",
    "open_stored",
    "page",
    "page_number",
    "page_of",
    "parse_fax_number",
    "parse_money",
    "parse_npi",
    "parse_tin",
    "plain_money",
    "portal_step",
    "printing",
    "quantity",
    "read_day",
    "read_number",
    "read_spans",
    "reason_first",
    "receive_file",
    "record",
    "record_refusal",
    "redirect_to",
    "refresh_statistics",
    "release_lease",
    "remove_attached",
    "render_pdf",
    "renew_lease",
    "returned_letters",
    "safe_text",
    "scope_organization",
    "sealed_column",
    "seat",
    "select_rows",
    "send_public_form",
    "settings",
    "settings_of",
    "several_lines",
    "sheets",
    "short_money",
    "show_amounts_in",
    "show_count",
    "show_date",
    "show_datetime",
    "show_money",
    "show_number",
    "signing",
    "spans",
    "staging_table",
    "stored_bytes",
    "take_lease",
    "takes_files",
    "the_actor",
    "today",
    "too_many",
    "wants_fragment",
    "what_was_shown",
    "whole",
    "with_unfinished",
    "xlsx_file",
    "xlsx_file_apart",
]
