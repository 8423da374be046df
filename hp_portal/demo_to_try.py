"""What is worth trying in the demo, beside the numbers of payments."""

TO_TRY = (
    ("demo.staff", "/staff/", "what needs attention, with numbers"),
    (
        "demo.staff",
        "/staff/organizations/all",
        "open an organization, create an account, make a link to set a password",
    ),
    ("demo.staff", "/staff/applications", "enable applications, give them to people, choose what new people get"),
    ("demo.staff", "/staff/payees/new", "add a payee; then link it to an organization on the organization's page"),
    (
        "demo.staff",
        "/staff/remittance/inspect",
        "open a reported payment with a reason, such as one of the numbers above",
    ),
    (
        "demo.staff",
        "/staff/remittance/",
        "imported files: one in part because it breaks off, one because a claim of it was lost (SE01), one names a currency "
        "that is not known; their reports say what is wrong",
    ),
    (
        "demo.staff",
        "/staff/remittance/same-number",
        "payments that have the number of another: compare them, keep both, replace or void; a whole file that was sent again is "
        "one decision; undo it under Decided",
    ),
    ("demo.staff", "/staff/refusals", "who asked again and again for what they may not have"),
    ("demo.staff", "/staff/roles", "what each role of staff may do"),
    (
        "demo.staff",
        "/staff/agreements",
        "write the next version of the terms of use, preview it, publish it from today: everybody is asked again",
    ),
    (
        "demo.secure",
        "/sign-in-security",
        "sign in with a second factor: /demo/codes shows what the authenticator app shows now; make recovery codes; add an "
        "app of your own, or a passkey (open the demo by the name localhost for that)",
    ),
    (
        "demo.office",
        "/change-password",
        "change the password, then look into /demo/mailbox/: “This was not me” locks the account; staff see it under People who "
        "are locked out",
    ),
    (
        "demo.office",
        "/apps/profiles/",
        "add a practitioner at 3 of 12 locations, say that one leaves, or check and clear boxes in *Who works where*; change a "
        "telephone number, which applies at once; sign, and see what was sent, before and after, on the page of the case",
    ),
    (
        "demo.delegate",
        "/apps/profiles/attestation",
        "attest by exception: press *Not right* beside a line, correct it with a form, and confirm the rest with one signature; "
        "the statement is a PDF then",
    ),
    (
        "demo.staff",
        "/staff/profiles/contradictions",
        "what speaks against the record of the office: flag something, and settle it",
    ),
    (
        "demo.delegate",
        "/apps/profiles/practitioners",
        "open somebody, and make a change form for other payers: as PDF, CSV and JSON, signed, by fax or e-mail",
    ),
    (
        "nobody",
        "/forgot-password",
        "forget the password of demo.office: the message is in /demo/mailbox/; try nobody@office.example, too, and demo.staff, "
        "who has no second factor",
    ),
    (
        "demo.both",
        "/",
        "one account for a practice and a hospital: choose one, open the other from the top of a page in a new tab, and see that "
        "each tab stays with its own",
    ),
    ("demo.required", "/", "a delegate who is led to set up a second factor before anything else"),
    (
        "nobody",
        "/register",
        "get an account: check 0000060001 with Tax ID 00-0000077 and vendor number V100009; with 0000057001, Tax ID 00-0000011 "
        "and V100007 the organization is registered already. The message with the link is in /demo/mailbox/: confirm it in a "
        "private window, and this one goes on by the code shown there. Back and other ways lose nothing that was typed. "
        "Under the name Demo Sample you are asked whether you are the practitioner",
    ),
    (
        "demo.delegate",
        "/accounts",
        "everybody with an account in the organization: open demo.office, take an application, send a password link, deactivate "
        "it and bring it back; /demo/mailbox/ has what the person is told",
    ),
    (
        "demo.delegate",
        "/accounts/new",
        "create an account for a new colleague: an invitation, whose link is in /demo/mailbox/: follow it in a private window; "
        "try demo.dental@office.example, too, which has an account elsewhere: nothing tells so before the link is followed",
    ),
    (
        "demo.delegate",
        "/accounts/invitations",
        "an invitation that waits, and one that has expired: send it again, cancel it",
    ),
    (
        "demo.delegate",
        "/accounts/applications",
        "who has which application, in one table: change several people, and save once",
    ),
    (
        "demo.delegate",
        "/accounts?name=noapps",
        "somebody who leaves in two weeks: change the day, make it today, or take it back",
    ),
    ("demo.pharmacy", "/", "one delegate alone is advised to name a second, and can put that away"),
    (
        "demo.delegate",
        "/who-can-see-our-data",
        "who can see the payments of the organization: open one as demo.billing and see it counted, then end its access; "
        "/demo/mailbox/ has who is told",
    ),
    ("demo.specialty", "/", "access of a billing service that ends soon: extend it, or let it end"),
    (
        "demo.delegate",
        "/access-review",
        "keep or end each account and each billing service, sign, and take the PDF for the auditor along",
    ),
    ("demo.staff", "/staff/access-reviews", "an access review that is overdue, and one that was signed"),
    (
        "demo.delegate",
        "/our-activity",
        "the record of the organization: by person, application and day, by a patient account such as one of a claim, as CSV",
    ),
    ("demo.delegate", "/joins", "who asks to join, or has registered because somebody has left"),
    (
        "nobody",
        "/find-my-delegate",
        "without signing in: Tax ID 00-0000011 with ZIP code 55000, then ask the delegates to contact you; another Tax ID is not "
        "registered",
    ),
    (
        "demo.delegate",
        "/contact-requests",
        "somebody asks to be contacted: answer, close or report it, then look into /demo/mailbox/",
    ),
    (
        "demo.billing",
        "/apps/tax-id-npi-access/requests",
        "requests for access: waiting, declined, expired. Ask for one more, or paste a table under Many at once; the "
        "link of an approver at office.example is in /demo/mailbox/: answer it in a private window; staff look at others first",
    ),
    (
        "demo.delegate",
        "/access-requests",
        "a billing service asks to see payments: approve a part of it until a day, or decline; one NPI is not linked yet",
    ),
    (
        "demo.staff",
        "/staff/access-requests",
        "a request for a Tax ID that is not on record, and an approver who knows nobody",
    ),
    ("demo.office", "/apps/tax-id-npi-access/add-several", "add Tax IDs from a table, row by row"),
    ("demo.staff", "/staff/contact-requests", "a request that a delegate reported as suspicious"),
    (
        "demo.staff",
        "/staff/registrations",
        "who waits for an account: a provider not on record, a wrong address, an objection, a request that nobody answered",
    ),
    ("demo.staff", "/staff/try-proof", "what the number of a payment would answer to somebody who registers"),
    ("demo.declined", "/registration", "a registration that was declined, and the ways on"),
    (
        "demo.staff",
        "/staff/registrations?show=ended",
        "the same: move the account into the hospital that holds the payee",
    ),
    ("demo.pin", "/registration", "an account that waits for its PIN; the letter is under Letters"),
    ("demo.staff", "/staff/tax-id-alerts", "decide on an objection to a linked Tax ID"),
    ("demo.dental", "/", "told that somebody was linked to one's Tax ID: object, or dismiss the notice"),
    (
        "demo.office",
        "/apps/remittance/codes?codes=CO-16+N290+MA130+PR-204",
        "what codes of a remittance mean and what can be done now, without a payment",
    ),
    (
        "demo.office",
        "/apps/tax-id-npi-access/add",
        "add a Tax ID and NPI with a payment: its number, and its amount or date or the vendor number",
    ),
    (
        "demo.hospital",
        "/apps/remittance/?number=940000052004",
        "download a payment of 2,000 claims as PDF or Excel: made in the background, on a page that shows how far it is",
    ),
    (
        "demo.office",
        "/apps/remittance/",
        "paste any number with its heading: EFT 940000050002, Claim number: 26D10000163 (and its reversal, its correction); "
        "what is new since the last visit; a bar of the chart opens its month",
    ),
    (
        "demo.office",
        "/apps/remittance/?number=0000057001",
        "from nothing found to the Tax ID with the number kept, and back to the payment",
    ),
    (
        "demo.office",
        "/apps/remittance/?period=30&unposted=1",
        "what is not yet posted: mark a payment or some of its claims, take the mark back, save the search; a colleague "
        "(demo.delegate) sees the same, the billing service and the plan's staff do not",
    ),
    (
        "demo.office",
        "/apps/remittance/?number=940000050001",
        "posted before a claim of it was reversed",
    ),
    (
        "demo.office",
        "/apps/remittance/?number=940000050005",
        "notes of the office about a payment and a claim, which only the office sees",
    ),
    (
        "demo.office",
        "/apps/remittance/?number=940000050031",
        "what is said before one posts a payment of which a part is missing; 940000050032 names a currency that is not known",
    ),
    (
        "demo.hospital",
        "/apps/remittance/?number=940000052002",
        "claims that say their news: reversal, correction, taken back; open all of them at once",
    ),
    (
        "demo.office",
        "/apps/remittance/denials",
        "what was denied or reduced in the last 90 days, by reason; open a reason, take the lines along as CSV or Excel; one "
        "denial was reversed later",
    ),
    (
        "demo.delegate",
        "/apps/remittance/recoveries",
        "what is still to be taken back: a recovery of which a part has been taken, with its patient, claim and payments; "
        "by payee and days, as CSV or Excel",
    ),
    (
        "demo.office",
        "/apps/remittance/recoveries?show=all",
        "the same with what was taken at once and with interest that the plan paid",
    ),
    (
        "demo.hospital",
        "/apps/remittance/recoveries?show=all",
        "what is taken back, carried forward and adjusted: one recovery put off, half taken and open, one settled, and a balance "
        "carried from payment to payment",
    ),
    (
        "demo.hospital",
        "/documents/",
        "the large documents that one asked for: kept for a week, with size, to be removed",
    ),
    (
        "demo.billing",
        "/apps/remittance/?issued_from=2020-01-01",
        "tick payments, or take all results: one ZIP of PDFs, workbook, CSV or 835, at once or in the background",
    ),
    (
        "demo.delegate",
        "/cases/",
        "what the office has asked, by when it hears from the plan, and a question to answer; also on the home page. Open one, "
        "and *Print this case*: a tagged PDF with its number on every page and in the QR code",
    ),
    (
        "demo.delegate",
        "/apps/tax-id-npi-access/case",
        "the same question on paper: *Print a form to fill by hand*",
    ),
    (
        "demo.staff",
        "/staff/cases",
        "the queue over all applications: assign many, ask, answer, save a filter, look at the figures",
    ),
    (
        "nobody",
        "/case-status/",
        "a provider update that waits for staff: its number is in the message to sender@faraway.example in /demo/mailbox/; look "
        "it up with that address, have the link sent, and open it from the mailbox",
    ),
    (
        "nobody",
        "/profiles/updates",
        "send a provider update without an account, confirm it from /demo/mailbox/, and attach a W-9",
    ),
    (
        "demo.staff",
        "/staff/cases?kind=profiles.update",
        "the provider update that somebody without an account has sent: ask, link it to a payee, give it to an organization",
    ),
    ("demo.staff", "/staff/documents", "downloads that wait for the worker or failed"),
    (
        "demo.staff",
        "/staff/letters",
        "write a test letter, make a print run, look at its PDF, mark it as mailed, and see it in /demo/mailbox/",
    ),
    (
        "demo.staff",
        "/staff/faxes",
        "write a test fax to 952-555-0100, look at its PDF, mark it as sent, and see it in /demo/mailbox/",
    ),
    ("demo.staff", "/staff/deliveries", "send a test message, see what became of it, and look into /demo/mailbox/"),
    ("demo.office", "/reason", "why one looks at patient information; asked before the first claims of a session"),
    ("demo.delegate", "/my-activity", "what one did, in sentences with links and reasons"),
    ("demo.delegate", "/help/?q=why+can+I+not+find+a+payment", "ask help"),
)
"""Who, where and what."""
