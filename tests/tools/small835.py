"""A small good file of three checks, written out, and ways to bend it: what the reader's tests start from."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO

import pytest

from hp_portal_plugins.remittance.x12 import compiled
from hp_portal_plugins.remittance.x12.reader import read
from hp_portal_plugins.remittance.x12.records import FileSummary, Transaction

ISA = "ISA*00*          *00*          *ZZ*MERIDIAN       *ZZ*CLEARING       *260302*0645*^*00501*000000731*0*P*:"
GS = "GS*HP*MERIDIAN*CLEARING*20260302*0645*731*X*005010X221A1"

ACH = """ST*835*0001
BPR*I*170.5*C*ACH*CCP*01*999988880*DA*0012345678*1512345678**01*999999992*DA*3385341453*20260304
TRN*1*1469865940*1512345678*000099999
REF*EV*CLEARING
DTM*405*20260303
N1*PR*MERIDIAN VALLEY HEALTH PLAN*XV*MVHP1
N3*400 LONG MEADOW RD*SUITE 5
N4*ALBANY*NY*12207
REF*2U*12345
PER*CX*PROVIDER SERVICES*TE*8005550100*EX*12
PER*BL*EDI SUPPORT*TE*8005550101*EM*edi@example.org
PER*IC**UR*www.example.org/era
N1*PE*CASTELLO HOSPITAL*XX*1234567893
N3*6953 MAIN ST
N4*MOBILE*AL*36602
REF*PQ*V00017
REF*TJ*532508698
LX*1
CLP*P00000001*1*200*120.5*29.5*12*202625840590845*11*1**470*1.5
CAS*OA*B4*10
NM1*QC*1*BRENNICK*TESS*A***MI*W542381444
NM1*IL*1*BRENNICK*HUGO****MI*W542381400
NM1*74*1*BRENNICKE*TESS****C*W542381445
NM1*82*1*KOWAL*PAT****XX*1679576722
NM1*TT*2*OTHER CARRIER*****PI*99999
MIA*0***150*MA01
MOA***MA130*N19
REF*1L*GRP590845
REF*EA*MR40590845
DTM*232*20260201
DTM*233*20260202
DTM*050*20260208
DTM*036*20261231
PER*CX*CLAIMS DESK*TE*8005550102
AMT*AU*150
AMT*D8*5
QTY*CA*3
SVC*HC:96372:25:59*100*60.5**2*HC:96373*3
DTM*472*20260201
CAS*CO*45*20**253*5.5*1
CAS*PR*2*14
REF*6R*P00000001001
REF*HPI*1679576722
REF*LU*11
AMT*B6*80
AMT*T*1
QTY*ZK*1
LQ*HE*M15
LQ*HE*N130
SVC*NU:0450*100*70
DTM*150*20260201
DTM*151*20260202
CAS*CO*45*14.5
CAS*PR*3*15.5
LX*2
CLP*P00000002*4*75*0**13*202693117196494*81*1
NM1*QC*1*CASTELLO*PABLO*D***MI*W348367836
SVC*HC:G0439*75*0**1
DTM*472*20260102
CAS*CO*197*75
LQ*HE*N381
CLP*P00000003*1*50*50**13*202693117196495*81*1
NM1*QC*1*TRAN*RUTH****MI*W348367837
SVC*HC:99213*50*50**1
DTM*472*20260115
SE*66*0001"""

CHECK = """ST*835*0002
BPR*I*60*C*CHK************20260304
TRN*1*200551*1512345678
REF*EV*CLEARING
DTM*405*20260303
N1*PR*MERIDIAN VALLEY HEALTH PLAN*XV*MVHP1
N3*400 LONG MEADOW RD
N4*ALBANY*NY*12207
PER*BL*EDI SUPPORT*TE*8005550101
N1*PE*TRAN CLINIC*FI*532508699
LX*1
CLP*P00000004*22*-100*-80**12*202625840590846*11*1
NM1*QC*1*VOSS*SAM****MI*W542381446
SVC*HC:99213*-100*-80**1
DTM*472*20260110
CAS*CO*45*-20
CLP*P00000004*1*100*90**12*202625840590847*11*1
NM1*QC*1*VOSS*SAM****MI*W542381446
SVC*HC:99213*100*90**1
DTM*472*20260110
CAS*CO*45*10
CLP*P00000005*1*100*75**12*202625840590848*11*1
NM1*QC*1*VOSS*ADA****MI*W542381447
SVC*HC:99213*100*75**1
DTM*472*20260111
CAS*CO*45*25
PLB*1234567893*20261231*WO:202625840590846*30*L6:INT*-5
SE*28*0002"""

NON_PAYMENT = """ST*835*0003
BPR*H*0*C*NON************20260304
TRN*1*NP000017*1512345678
DTM*405*20260303
N1*PR*MERIDIAN VALLEY HEALTH PLAN*XV*MVHP1
N3*400 LONG MEADOW RD
N4*ALBANY*NY*12207
PER*BL*EDI SUPPORT*TE*8005550101
N1*PE*TRAN CLINIC*XX*1234567893
LX*1
CLP*P00000006*4*40*0*40*12*202625840590849*11*1
NM1*QC*1*YBARRA*LEO****MI*W542381448
SVC*HC:99213*40*0**1
DTM*472*20260112
CAS*PR*96*40
SE*16*0003"""

TRANSACTIONS = (ACH, CHECK, NON_PAYMENT)
AMOUNTS = (17050, 6000, 0)


def interchange(*transactions: str, isa: str = ISA, gs: str = GS, version_sets: int | None = None) -> str:
    """Segments divided by line ends: the envelope around transactions."""
    count = len(transactions) if version_sets is None else version_sets
    control = gs.split("*")[6]
    return "\n".join([isa, gs, *transactions, f"GE*{count}*{control}", f"IEA*1*{isa.split('*')[13]}"])


def good() -> str:
    """The good file, a segment a line, no terminators yet."""
    return interchange(*TRANSACTIONS)


def encode(text: str, end: str = "~\n", encoding: str = "latin-1") -> bytes:
    """Lines to segments, each with the terminator and line end `end`."""
    return "".join(line + end for line in text.split("\n")).encode(encoding)


def parse(data: bytes, block: int = 1 << 20) -> tuple[list[Transaction], FileSummary]:
    """What the reader makes of a file: the same with the compiled part, where that was built, as without it."""
    *transactions, summary = read(BytesIO(data), block=block)
    with pure_python():
        assert [*read(BytesIO(data), block=block)] == [*transactions, summary]
    assert isinstance(summary, FileSummary)
    return [found for found in transactions if isinstance(found, Transaction)], summary


@contextmanager
def pure_python() -> Iterator[None]:
    """The reader as it is where its compiled part was not built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "fast_claims", None)
        yield


def rules(transactions: Iterable[Transaction], summary: FileSummary | None = None) -> list[str]:
    """Rules that a file breaks, in the order of their findings; infos too."""
    found = [diagnostic.rule for transaction in transactions for diagnostic in transaction.diagnostics]
    return found + [diagnostic.rule for diagnostic in (summary.diagnostics if summary else ())]


def row(columns: tuple[str, ...], values: tuple[object, ...]) -> dict[str, object]:
    """A row as a dictionary of what is there."""
    return {name: value for name, value in zip(columns, values, strict=True) if value is not None}
