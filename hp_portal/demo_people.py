"""Who is in the demo: payees, organizations, the people who can sign in, staff. Production never imports it.

TINs start with 00, which the IRS does not issue; telephone numbers have 555; mail domains end in .example.
"""

from __future__ import annotations

from dataclasses import dataclass

from stdnum import luhn

from hp_portal import demo_registrations
from hp_portal.core.factors.demo import MUST_HAVE, WITH_APP


def demo_npi(number: int) -> str:
    """An NPI with a valid check digit from the end of the range: 19999xxxxC."""
    base = f"19999{number:04d}"
    return base + str(luhn.calc_check_digit("80840" + base))


@dataclass(frozen=True)
class DemoPayee:
    """A payee of the demo's record, with or without an NPI, and the organization that holds it (none: nobody does)."""

    vendor_number: str
    name: str
    provider_type: str
    tin: str
    npi: str
    organizations: tuple[str, ...]


PHYSICIANS, HOSPITAL, DENTAL = "Lakeshore Demo Family Medicine", "Exampleton Demo Hospital", "Bright Demo Dental"
PHARMACY, SPECIALTY = "Corner Demo Pharmacy", "Prairie Demo Cardiology"
BILLING, PENDING = "Ledger Demo Billing Service", "Newcomer Demo Clinic"

DEMO_PAYEES = (
    DemoPayee("V100001", f"{PHYSICIANS} – Main Street", "physician", "000000011", demo_npi(1), (PHYSICIANS, BILLING)),
    DemoPayee("V100002", f"{PHYSICIANS} – Harbor", "physician", "000000011", demo_npi(2), (PHYSICIANS, BILLING)),
    DemoPayee("V100003", HOSPITAL, "hospital", "000000022", demo_npi(3), (HOSPITAL,)),
    DemoPayee("V100004", DENTAL, "dental", "000000033", demo_npi(4), (DENTAL,)),
    DemoPayee("V100005", PHARMACY, "pharmacy", "000000044", demo_npi(5), (PHARMACY,)),
    DemoPayee("V100006", SPECIALTY, "specialty", "000000055", demo_npi(6), (SPECIALTY, BILLING)),
    DemoPayee("V100007", f"{PHYSICIANS} – Not linked yet", "physician", "000000011", demo_npi(7), ()),
    DemoPayee("V100008", PENDING, "physician", "000000066", demo_npi(8), ()),
    DemoPayee("V100010", demo_registrations.WAITS, "physician", "000000088", demo_npi(10), ()),
    DemoPayee("V100009", "Wayside Demo Therapy", "physician", "000000077", "", ()),
)

ORGANIZATIONS = {
    PHYSICIANS: "physician",
    HOSPITAL: "hospital",
    DENTAL: "dental",
    PHARMACY: "pharmacy",
    SPECIALTY: "specialty",
    BILLING: "billing",
    PENDING: "physician",
    demo_registrations.WAITS: "physician",
    demo_registrations.ON_TRIAL: "physician",
    demo_registrations.WAS_DECLINED: "hospital",
}
UNVALIDATED = {PENDING, demo_registrations.WAITS, demo_registrations.WAS_DECLINED}


@dataclass(frozen=True)
class DemoPerson:
    """Somebody who can sign in to the demo; `also` is another organization that they work for with the same account."""

    role: str
    username: str
    name: str
    organization: str
    delegate: bool = False
    applications: bool = True
    terms: bool = True
    left: bool = False
    also: str = ""


PEOPLE = (
    DemoPerson("delegate", "demo.delegate", "Demo Delegate", PHYSICIANS, delegate=True),
    DemoPerson("user", "demo.office", "Demo Office", PHYSICIANS),
    DemoPerson("user with an authenticator app", WITH_APP, "Demo Secure", PHYSICIANS),
    DemoPerson("user who works for two organizations", "demo.both", "Demo Both", PHYSICIANS, also=HOSPITAL),
    DemoPerson("user without applications", "demo.noapps", "Demo Noapps", PHYSICIANS, applications=False),
    DemoPerson("user at the first sign-in (terms of use)", "demo.first", "Demo First", PHYSICIANS, terms=False),
    DemoPerson("user who has left and can no longer sign in", "demo.left", "Demo Left", PHYSICIANS, left=True),
    DemoPerson("delegate who must set up a second factor", MUST_HAVE, "Demo Required", HOSPITAL, delegate=True),
    DemoPerson("hospital delegate", "demo.hospital", "Demo Hospital", HOSPITAL, delegate=True),
    DemoPerson("dental delegate", "demo.dental", "Demo Dental", DENTAL, delegate=True),
    DemoPerson("pharmacy delegate", "demo.pharmacy", "Demo Pharmacy", PHARMACY, delegate=True),
    DemoPerson("specialty delegate", "demo.specialty", "Demo Specialty", SPECIALTY, delegate=True),
    DemoPerson("billing delegate", "demo.billing", "Demo Billing", BILLING, delegate=True),
    DemoPerson("delegate of an account not validated yet", "demo.pending", "Demo Pending", PENDING, delegate=True),
    *(DemoPerson(*one, delegate=True) for one in demo_registrations.PEOPLE),
)
STAFF = (
    ("staff administrator", "demo.staff", "Demo Staff"),
    ("staff with search only", "demo.support", "Demo Support"),
)
# Links of an organization that is not validated yet to payees of others, who are told; one has objected.
DEMO_NOTICES = (
    (PHYSICIANS, "V100001", "Nobody at our office knows this clinic."),
    (DENTAL, "V100004", ""),
)
