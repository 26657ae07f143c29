"""What an event of a file is, from its label and context, in the languages in which gait laboratories write them."""

from __future__ import annotations

import re
import unicodedata

# Labels without side, blanks and accents; ß is ss.
_STRIKES = {
    "footstrike", "heelstrike", "initialcontact", "footcontact", "heelcontact", "footon", "footdown", "touchdown",
    "strike", "ic", "fs", "hs", "fc", "hc", "td", "on",
    "fersenkontakt", "fersenauftritt", "fersenaufsatz", "fussaufsatz", "fussauftritt", "fusskontakt", "bodenkontakt",
    "initialkontakt", "initialerkontakt", "erstkontakt", "aufsatz", "auftritt",
    "attaquetalon", "attaquedutalon", "contacttalon", "contactdutalon", "contactinitial", "contactpied",
    "contactdupied", "posepied", "posedupied",
    "contattoiniziale", "contattotallone", "appoggiotallone", "appoggio", "contatto",
    "hielcontact", "voetcontact", "eerstecontact",
    "contactoinicial", "contactotalon", "contactodetalon", "apoyotalon", "contatoinicial",
}  # fmt: skip
_OFFS = {
    "footoff", "toeoff", "footup", "liftoff", "takeoff", "terminalcontact", "off", "to", "fo", "tc",
    "zehenablosung", "zehenabloesung", "zehenabhub", "zehenabstoss", "fussablosung", "fussabloesung", "fussabhub",
    "decollementorteils", "decollementdesorteils", "decollementpied", "decollementdupied", "leveepied", "leveedupied",
    "leverpied", "leverdupied", "leverdesorteils",
    "stacco", "staccopiede", "staccodelpiede", "staccodita", "distacco", "distaccopiede", "distaccodita",
    "teenlos", "voetlos", "despegue", "despeguepie", "despeguedelpie", "despeguededos",
}  # fmt: skip
_SIDES = dict.fromkeys(
    ("left", "l", "lt", "links", "linker", "linke", "gauche", "sinistro", "sinistra", "sin", "sx", "izquierdo",
     "izquierda", "izq", "esquerdo", "esquerda"), "left",
) | dict.fromkeys(
    ("right", "r", "rt", "rechts", "rechter", "rechte", "droit", "droite", "destro", "destra", "dx", "derecho",
     "derecha", "der", "direito", "direita"), "right",
)  # fmt: skip
_LETTERS = {"g": "left", "s": "left", "d": "right"}  # gauche, sinistro; droit, destro, derecho: only as a context


def event_name(label: str, context: str) -> tuple[str, str | None]:
    """(event, side) from label and context, such as 'Foot Strike' of 'Left', 'LHS', 'HS_L' or 'Fersenkontakt' of 'Links'."""
    place = "".join(_words(context))
    side = (_SIDES | _LETTERS).get(place)
    words = _words(label)
    for at in (0, -1):
        if words and words[at] in _SIDES:
            side = side or _SIDES[words[at]]
            words = words[1:] if at == 0 else words[:-1]
    plain = re.sub(r"\d+$", "", "".join(words))  # such as Foot Strike 2, RHS1
    for name, spellings in (("foot_strike", _STRIKES), ("foot_off", _OFFS)):
        if plain in spellings:
            return name, side
        if len(words) == 1 and plain[:1] in ("l", "r") and plain[1:] in spellings:  # such as LHS, RTO
            return name, side or _SIDES[plain[0]]
    return "_".join(words) or "event", side


def _words(text: str) -> list[str]:
    """Lower-case words of letters and digits, without accents; 'FootStrike' is two."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower().replace("ß", "ss")
    plain = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return [word for word in re.split(r"[^a-z0-9]+", plain) if word]
