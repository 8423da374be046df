"""A small 835 with one claim, for tests that need a payment and not the importer's finer points."""

from __future__ import annotations

ISA = "ISA*00*          *00*          *ZZ*99999          *ZZ*RECEIVER       *261101*1200*^*00501*{control:09d}*0*P*:~"


def make_835(
    *,
    tin: str,
    npi: str,
    trace: str,
    payee: str = "SAMPLE PAYEE",
    last_name: str = "TESTPATIENT",
    first_name: str = "ANN",
    member: str = "M00000001",
    account: str = "ACCT-1",
    claim: str = "CLM-1",
    paid: str = "100",
    date: str = "20261101",
    method: str = "ACH",
) -> bytes:
    """One payment of one claim of one line: charged 150, of which contractual 30 and deductible 20 are not paid."""
    body = [
        "ST*835*0001",
        f"BPR*I*{paid}*C*{method}*CCP*01*999999992*DA*123456*1999999999**01*999988880*DA*98765*{date}",
        f"TRN*1*{trace}*1999999999",
        f"DTM*405*{date}",
        "N1*PR*SAMPLE HEALTH PLAN",
        "N3*1 EXAMPLE STREET",
        "N4*EXAMPLETON*MN*55000",
        "PER*BL*PROVIDER SERVICES*TE*5555550100",
        f"N1*PE*{payee}*XX*{npi}",
        f"REF*TJ*{tin}",
        "LX*1",
        f"CLP*{account}*1*150*{paid}*20*12*{claim}*11*1",
        f"NM1*QC*1*{last_name}*{first_name}****MI*{member}",
        f"DTM*232*{date}",
        f"SVC*HC:99213*150*{paid}**1",
        f"DTM*472*{date}",
        "CAS*CO*45*30",
        "CAS*PR*1*20",
    ]
    lines = [
        "GS*HP*99999*RECEIVER*20261101*1200*1*X*005010X221A1",
        *body,
        f"SE*{len(body) + 1}*0001",
        "GE*1*1",
        "IEA*1*000000001",
    ]
    return (ISA.format(control=1) + "".join(f"{line}~" for line in lines)).encode()
