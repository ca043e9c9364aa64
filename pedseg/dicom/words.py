"""Words of a DICOM header that may be shown: those known to name a scanner, a kind of image or a part of the body.

A header's text may hold anything, a patient's name too, whatever its tag is for. So text is not passed on
but recognised; what is not known is left out.
"""

from __future__ import annotations

import re

SIDES = frozenset(["L", "R", "B", "U"])
"""Defined terms of Laterality and Image Laterality."""
MODALITIES = frozenset(["MR", "CT"])
_BODY = """
    ABDOMEN ANKLE ARM BONE BRAIN BREAST CALCANEUS CALF CHEST CLAVICLE CSPINE ELBOW EXTREMITY FEMUR FINGER FOOT
    FOREARM HAND HEAD HEART HIP HUMERUS JAW KNEE LEG LOWEREXTREMITY LSPINE NECK PATELLA PELVIS RADIUS RIB SCAPULA
    SHOULDER SKULL SPINE STERNUM TALUS THIGH THUMB TIBIA TOE TSPINE ULNA UPPEREXTREMITY WHOLEBODY WRIST
"""
BODY_PARTS = frozenset(_BODY.split())
"""Terms of Body Part Examined (PS3.16 annex L)."""
_SCANNER_WORDS = """
    siemens healthineers healthcare philips medical systems ge general electric canon toshiba hitachi fujifilm
    united imaging uih esaote hyperfine bruker neusoft mindray alltech paramed corporation inc co ltd gmbh nv spa
    acme pedseg magnetom skyra prisma vida lumina sola avanto aera espree verio trio triotim trio tim symphony amira
    altea free max terra fit biograph essenza spectra harmony sonata allegra cima achieva ingenia ambition elition
    intera panorama evolution dstream multiva prodiva gyroscan signa hdx hdxt hdi excite architect artist premier
    voyager discovery mr optima pioneer hero explorer creator brivo vantage titan galan orian elan centurian
    excelart echelon oval oasis airis aperto trillium scan umr omega jupiter swoop tesla phantom dx xr plus pro
"""
_SCANNERS = frozenset(_SCANNER_WORDS.split())
_KIND_WORDS = """
    ORIGINAL DERIVED PRIMARY SECONDARY M P R I MAGNITUDE PHASE REAL IMAGINARY MIXED OTHER NONE W F IP OP WATER FAT
    IN_PHASE OUT_PHASE OPP_PHASE DIXON ND NORM DIS2D DIS3D SE FFE IR TSE T1 T2 PD MPR MIP LOCALIZER MOSAIC ADC
    TRACEW FA MEAN ADD SUB DIFFUSION PERFUSION VELOCITY MAP PCA M_SE M_FFE M_IR P_SE R_SE I_SE RESAMPLED PROJECTION
    IMAGE GR EP COMPOSED MFSPLIT FM FIL CSA MPR3D AXIAL DYNAMIC
"""
_KINDS = frozenset(_KIND_WORDS.split())
_WORD = re.compile(r"[A-Za-z]+|[0-9]+|[^A-Za-z0-9]+")
_SHORT = 4


def scanner(text: str) -> str:
    """Manufacturer or model as the header has it, where all its words are known ones; else nothing."""
    words = _WORD.findall(text)
    return text if words and all(map(_of_a_scanner, words)) else ""


def one_of(text: str, known: frozenset[str]) -> str:
    """A defined term, in capitals; nothing where it is another."""
    return text.upper() if text.upper() in known else ""


def kind(text: str) -> str:
    """A value of Image Type, where it is a known one."""
    return text if text.upper() in _KINDS else "another kind"


def part_of_body(text: str) -> str:
    """Body Part Examined, where it is a term of the standard; else nothing."""
    return text if text.upper() in BODY_PARTS else ""


def _of_a_scanner(word: str) -> bool:
    if not word.isalnum():
        return set(word) <= set(" .,-_()/")
    return len(word) == 1 or word.lower() in _SCANNERS or (word.isdigit() and len(word) <= _SHORT)
