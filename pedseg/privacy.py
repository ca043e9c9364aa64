"""What may be shown of somebody else's names and values: nothing that could tell who a patient is.

A file's name may be a patient's name, and no program can tell. So a name is shown where it is plainly
made by a machine or says nothing but what an exam is (`IM0001.dcm`, `knee_03`), and else its place in
its folder stands for it: `#15` is the fifteenth name there, as `LC_ALL=C ls -A` lists them. The flag
`--show-names` shows all names.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

from pedseg.errors import ERRORS, PedsegError, one_line

SHOW_NAMES = "PEDSEG_SHOW_NAMES"
"""Set in the environment by the flag, so that processes started later know."""
MAX_DIGITS = 6
"""More of them in one name may be a date of birth or a patient's number; counters have fewer."""
MAX_NUMBERS = 2
"""A date has three."""
MAX_NAME = 64
_WORD_LIST = """
    ankle knee shoulder hip elbow wrist foot hand left right bone femur tibia fibula patella talus calcaneus humerus
    scapula clavicle heel sole shin kneecap radius ulna distal proximal cartilage meniscus background all mean im
    img ima image images mr mri mrdcm ct dcm dicom nii gz nrrd mha zip json seg segmentation label labels mask masks
    prediction predictions reference references slice slices series scan exam exams study studies case cases patient
    subject sub ses pat phantom file files frame frames export anon anonymous anonymised anonymized train val
    validation test demo raw data input output in out workspace results scores report model run runs tmp pedseg
    project new old other first second third last one two three four five six bad good broken damaged flat empty
    half whole alone copy part se tse pd fs dixon water fat vibe space sag cor tra ax axial sagittal coronal oblique
    iso echo phase stack localizer
"""
_WORDS = frozenset(_WORD_LIST.split())
"""Joints and bones, kinds of files, of exams and of sequences, and which of them."""
HIDDEN = "…"
"""Stands for a name that is not shown."""
KNOWN_ENDINGS = (".seg.nrrd", ".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".dcm", ".zip")
_PLACE_LIST = """
    home Users user users mnt media Volumes var opt srv local usr share torch hub checkpoints plans plan cache
    runs default main states
"""
_PLACES = frozenset(_PLACE_LIST.split())
"""Folders of systems and of pedseg, which stay in a path that is told."""
_VERBS = "again came choose claims copy export give leave measured move rename repair skip train wanted while"
_OWN_WORDS = frozenset([*_VERBS.split(), *(word.lower() for _, said in ERRORS.values() for word in said.split())])
"""What messages are made of: as bare words they are not taken for a name."""
_SHORT = 3
"""Bare names of so few characters are found in the midst of messages, such as units."""
_CODE = re.compile(r"PS-[AW][0-9]+")
_START = re.compile(r"(?<!\w)(?=.)", re.DOTALL)
_concealed: dict[str, str] = {}
_lengths: dict[str, list[int]] = {}
"""Of what is concealed, by its first character; the longest first."""
_met: set[str] = set()
"""Folders whose parents are concealed already."""
_own: set[str] = set()
"""Places that end in the user's word for what pedseg makes."""
_TOKEN = re.compile(r"[A-Za-z]+|[0-9]+|[ ._()-]+")
_NUMBERS = re.compile(r"[0-9]+(?:[ ._()-]+[0-9]+)*")
"""Numbers with no letter between them: what a date is made of."""
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")


def names_shown() -> bool:
    """Whether the user asked to see all names."""
    return os.environ.get(SHOW_NAMES, "") == "1"


def shown(name: str, instead: str) -> str:
    """A name fit for one line of a message, or what stands for it where it may tell who a patient is."""
    if not (names_shown() or is_plain(name)):
        return instead
    return one_line(name)


def shown_path(path: Path) -> str:
    """A path fit for one line of a message: parts of it that may tell who a patient is are not shown."""
    return one_line(str(path) if names_shown() else _told(path, HIDDEN))


def conceal(path: Path, *, instead: str = HIDDEN, own: bool = False) -> None:
    """Keep a path that may name a patient out of every line of the command that runs.

    Args:
        path: as the user gave it; its folders are concealed too.
        instead: stands for its last name.
        own: the last name is the user's word for what pedseg makes, and stays, in paths below it too.
    """
    forms = dict.fromkeys((path, path.absolute(), Path(os.path.realpath(path))))
    _own.update(str(form) for form in forms if own and form.name == path.name)
    for form in forms:
        _put(form, _told(form, instead))
        for place in form.parents:
            if str(place) in _met:
                break
            _met.add(str(place))
            _put(place, _told(place, HIDDEN))
    for name in () if own else _bare_names(path):
        _put_text(name, instead)


def reveal() -> None:
    """Forget what was concealed: a command has ended."""
    for kept in (_concealed, _lengths, _met, _own):
        kept.clear()


def scrub(text: str) -> str:
    """A line without the paths and names that were concealed.

    Paths go wherever they stand. A bare name that messages use as a word goes only where it is part of a path
    or in quotes.
    """
    if not _concealed or names_shown():
        return text
    parts, done = [], 0
    for match in _START.finditer(text):
        at = match.start()
        found = _found(text, at) if at >= done else ""
        if found:
            parts += [text[done:at], _concealed[found]]
            done = at + len(found)
    return "".join([*parts, text[done:]])


def is_plain(name: str) -> bool:
    """Whether a name consists of counters, words that say what kind of file or exam it is, and one letter at most."""
    tokens = _TOKEN.findall(name)
    if not name or len(name) > MAX_NAME or "".join(tokens) != name:
        return False
    at_numbers = {i for i, token in enumerate(tokens) if len(token) == 1 and _beside_a_number(tokens, i)}
    others = [t for i, t in enumerate(tokens) if t.isalpha() and i not in at_numbers and t.lower() not in _WORDS]
    return _are_counters(name) and len(others) <= 1 and len("".join(others)) <= 1


def number_text(text: str) -> str:
    """A value that should have been a number, for a message: as it is where it looks like one."""
    return repr(text) if re.fullmatch(r"[0-9eE+\-.\\, ]*|nan|-?inf", text, re.IGNORECASE) else "text"


def trace(error: BaseException) -> str:
    """A traceback with the places of the code, and of the errors on the way the types alone.

    Messages of other libraries may quote a header; those of pedseg do not.
    """
    if names_shown():
        return "".join(traceback.format_exception(error))
    parts: list[str] = []
    at: BaseException | None = error
    while at is not None:
        said = f": {at}" if isinstance(at, PedsegError) else ""
        places = "".join(traceback.format_tb(at.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{places}{type(at).__qualname__}{said}\n")
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return scrub("\n".join(reversed(parts)))


def _beside_a_number(tokens: list[str], i: int) -> bool:
    """Such as the letters of `i12` and `0003a`."""
    return any(token.isdigit() for token in (*tokens[max(i - 1, 0) : i], *tokens[i + 1 : i + 2]))


def _are_counters(name: str) -> bool:
    """Whether the numbers of a name are no date and no patient's number."""
    numbers = re.findall("[0-9]+", name)
    dated = len(numbers) > 1 and any(_YEAR.fullmatch(number) for number in numbers)
    if dated or len(numbers) > MAX_NUMBERS or sum(map(len, numbers)) > MAX_DIGITS:
        return False
    joined = (re.sub("[^0-9]", "", part) for part in _NUMBERS.findall(name))
    return not any(len(digits) == MAX_DIGITS and (digits[0] != "0" or _is_date(digits)) for digits in joined)


def _is_date(digits: str) -> bool:
    """Whether six digits may be a day: year, month and day in one of the three usual orders."""
    first, second, third = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    return any(1 <= m <= 12 and 1 <= d <= 31 for m, d in ((second, third), (second, first), (first, second)))


def _told(place: Path, last: str) -> str:
    """A path with one sign for each run of folders that are not shown, and what stands for its last name."""
    told: list[str] = []
    for depth, part in enumerate(place.parts, start=1):
        stays = part == place.anchor or part in _PLACES or str(Path(*place.parts[:depth])) in _own
        word = part if stays else shown(part, last if depth == len(place.parts) else HIDDEN)
        if word != HIDDEN or told[-1:] != [HIDDEN]:
            told.append(word)
    return str(Path(*told))


def _bare_names(path: Path) -> set[str]:
    """The last name of a path with and without its ending, where it may be a patient's."""
    ending = next((e for e in KNOWN_ENDINGS if path.name.lower().endswith(e)), "")
    names = {path.name, path.stem, path.name.removesuffix(path.name[len(path.name) - len(ending) :])}
    return {name for name in names if name and name not in _PLACES and not is_plain(name)}


def _put(place: Path, told: str) -> None:
    if told == str(place):
        _concealed.pop(str(place), None)
    else:
        _put_text(str(place), told)


def _put_text(found: str, told: str) -> None:
    """Conceal a text, and how an error's message writes it; never what looks like a code of pedseg."""
    for text in {found, one_line(found)}:
        if not _CODE.fullmatch(text):
            _concealed[text] = told
            lengths = _lengths.setdefault(text[0], [])
            if len(text) not in lengths:
                lengths.append(len(text))
                lengths.sort(reverse=True)


def _found(text: str, at: int) -> str:
    """The longest concealed text that stands there and ends there; empty for none."""
    for length in _lengths.get(text[at], ()):
        found, end = text[at : at + length], at + length
        after = text[end : end + 1]
        if found in _concealed and not (after.isalnum() or after == "_"):
            before = text[at - 1 : at]
            if not _is_word(found) or (before and before in "/'\"") or (after and after in "/'\""):
                return found
    return ""


def _is_word(name: str) -> bool:
    """Whether a bare name may be a word or a unit in a message of pedseg."""
    return "/" not in name and (len(name) <= _SHORT or name in _OWN_WORDS)
