"""XML from strangers: no document type, no entities, limits on size and depth.

Written here because the standard library's ``ElementTree`` expands entities, and all that is needed beyond its tree
builder are these few handlers.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from xrdfit.io.problems import Code, data_error

MAXIMUM_DEPTH = 100
MAXIMUM_ELEMENTS = 5_000_000


def parse_xml(raw: bytes, *, source: str) -> Element:
    """The root of a document; tags lose their namespace.

    Raises
    ------
    DataError
        Not well-formed (cut short, for instance), a document type or entity, too deep or too large.
    """
    builder = TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth, elements
        depth, elements = depth + 1, elements + 1
        if depth > MAXIMUM_DEPTH or elements > MAXIMUM_ELEMENTS:
            found = f"more than {MAXIMUM_DEPTH} levels" if depth > MAXIMUM_DEPTH else f"{elements} elements"
            raise _refused("the XML is too deep or too large", f"{found} against a measured pattern")
        builder.start(_local(tag), attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(tag))

    def refuse(name: str, *_: object) -> None:
        raise _refused("the XML declares a document type or an entity", f"{name!r} against plain XML")

    def _refused(what: str, found: str) -> Exception:
        return data_error(
            Code.LIMIT, what, where=source, found=found, todo="do not use this file unless you know its origin"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(raw, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise data_error(
            Code.DAMAGED,
            "the XML is cut short or damaged",
            where=source,
            found=f"{error} against well-formed XML",
            todo="copy or export the file again",
        ) from None
    return builder.close()


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def text_of(root: Element | None, path: str) -> str | None:
    """Stripped text of the first element at ``path``; None if it is missing or empty."""
    element = None if root is None else root.find(path)
    text = "" if element is None else (element.text or "").strip()
    return text or None


def number_of(root: Element | None, path: str) -> float | None:
    """The same as a number; None if it is not one."""
    return number(text_of(root, path))


def number(text: str | None) -> float | None:
    """A finite number, or None."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
