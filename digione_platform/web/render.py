"""Turning a template and values into a page in the reader's language."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digione_platform.core.access import Desktop, searches
from digione_platform.core.models import RoleName
from digione_platform.core.viewer import Viewer
from digione_platform.i18n import LANGUAGES, Texts, choose
from digione_platform.settings import Settings
from digione_platform.web.titles import DESKTOPS, VALUES

HERE = Path(__file__).parent
STATIC = HERE / "static"
LANGUAGE_COOKIE = "digione-language"
# A page to go back to travels in headers and in a cookie; the gateway and browsers take 4096 bytes.
LONGEST_PATH = 500


def role_title(role: RoleName, desktop: Desktop) -> str:
    """What a role is called, marked for translation."""
    # They work at a teacher's desktop under a name of their own.
    own = role in (RoleName.AIDE, RoleName.COUNSELOR)
    return VALUES[role] if own else DESKTOPS[desktop]


def cookie_name(request: Request) -> str:
    """The session's cookie. Over plain HTTP (the sandbox's loopback) browsers take no ``__Host-`` cookie."""
    return "__Host-digione" if request.app.state.secure else "digione-sandbox"


def local_path(target: str) -> str:
    """A path of ours to go to, else the front page: nobody is sent to a foreign site.

    Nor is a very long one remembered; letters that are not ASCII count as they are written in the cookie.
    """
    ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if ours and len(ascii(target)) <= LONGEST_PATH else "/"


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """The page of a template, with the menu of whoever has signed in."""
    settings: Settings = request.app.state.settings
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    texts = speak(request)
    values = values | {
        "_": texts.gettext,
        "ngettext": texts.ngettext,
        "texts": texts,
        "viewer": viewer,
        "municipality": settings.tenant.name_in(texts.language),
        "languages": {code: LANGUAGES[code] for code in settings.tenant.languages},
        "here": address(request) if request.method == "GET" else "/",
        "release": settings.release,
        "path": request.url.path,
        "neighbours": request.app.state.region.others(texts.language),
        "searchable": viewer is not None and searches(viewer.desk.desktop) is not None,
        "areas": [one for one in request.app.state.areas if viewer and one.is_for(viewer.desk.desktop)],
        "role_title": role_title,
        "static": static_url,
        "query": urlencode,
    }
    return HTMLResponse(_environment().get_template(template).render(values), status, headers)


def document(template: str, texts: Texts, **values: Any) -> str:
    """A page that leaves the platform as a file: without menu, styles and addresses."""
    return _environment().get_template(template).render(values | {"_": texts.gettext, "texts": texts})


def address(request: Request) -> str:
    """Path and query of the page asked for."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def speak(request: Request) -> Texts:
    """The texts in the language of the one who reads this page."""
    settings: Settings = request.app.state.settings
    viewer: Viewer | None = getattr(request.state, "viewer", None)
    language = choose(
        settings.tenant.languages,
        request.cookies.get(LANGUAGE_COOKIE) or (viewer.language if viewer else None),
        viewer.person.language if viewer else None,
        request.headers.get("accept-language", ""),
    )
    return Texts(language)


def speak_from_now_on(request: Request, response: Response, language: str) -> None:
    """Have this browser remember a language."""
    response.set_cookie(
        LANGUAGE_COOKIE,
        language,
        max_age=365 * 24 * 3600,
        secure=request.app.state.secure,
        httponly=True,
        samesite="lax",
    )


@cache
def static_url(path: str) -> str:
    """The address of a static file; it changes when the file does, so that browsers may keep it for ever."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


@cache
def _environment() -> Environment:
    return Environment(
        # Packages beside this one may bring pages of their own.
        loader=FileSystemLoader([HERE / "templates", *sorted(HERE.parent.glob("*/templates"))]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Nobody writes into an installed release; and each page would ask the disk for all its parts.
        auto_reload=False,
    )
