"""Classes that several modules of OCPI 2.1.1 share."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from gateway.ocpi.wire import clip, without_absent

VERSION_NUMBER = "2.1.1"
IMAGE_CATEGORIES = frozenset({"CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"})

# Letters and signs that have no decomposition into ASCII.
_SPELLINGS = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "SS",
        "æ": "ae",
        "Æ": "AE",
        "œ": "oe",
        "Œ": "OE",
        "ø": "o",
        "Ø": "O",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ı": "i",
        "€": "EUR",
        "£": "GBP",
        "–": "-",
        "—": "-",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "·": "-",
        "•": "-",
    }
)


def plain_text(text: str, length: int, field: str) -> str:
    """A display text in printable ASCII, which is all that a string may hold here (OCPI 2.1.1 types 1.5).

    Letters lose their accents; one of another script is written as a question mark.
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(_SPELLINGS))
    letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return clip(letters.encode("ascii", "replace").decode(), length, f"{field} (OCPI {VERSION_NUMBER})")


def render_texts(texts: Any, field: str) -> list[dict[str, Any]]:
    """OCPI 2.1.1 types 1.3 DisplayText"""
    return [{"language": text["language"], "text": plain_text(text["text"], 512, field)} for text in texts or ()]


def render_images(images: Any) -> list[dict[str, Any]]:
    """A category of a later version becomes OTHER, which is what it is here.  OCPI 2.1.1 mod_locations 4.14"""
    return [image if image.get("category") in IMAGE_CATEGORIES else {**image, "category": "OTHER"} for image in images]


def render_business(details: dict[str, Any]) -> dict[str, Any]:
    logo = details.get("logo")
    return without_absent(
        {
            "name": plain_text(details["name"], 100, "business_details.name"),
            "website": details.get("website"),
            "logo": render_images([logo])[0] if logo else None,
        }
    )


def render_energy_mix(mix: dict[str, Any] | None) -> dict[str, Any] | None:
    """The category of an impact is called `source` here.  OCPI 2.1.1 mod_locations 4.8"""
    if mix is None:
        return None
    impacts = [{"source": impact["category"], "amount": impact["amount"]} for impact in mix.get("environ_impact") or ()]
    names: Sequence[str] = ("supplier_name", "energy_product_name")
    return without_absent(
        {
            "is_green_energy": mix["is_green_energy"],
            "energy_sources": mix.get("energy_sources"),
            "environ_impact": impacts,
            **{name: plain_text(mix[name], 64, name) for name in names if mix.get(name)},
        }
    )
