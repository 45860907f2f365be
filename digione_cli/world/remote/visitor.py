"""Runs on a host: signs people in as a browser does, and tells who got in.

The first line of standard input is JSON: the domain, and names and passwords. Prints for each name what kept
it out; nothing where it got in.
"""

import html.parser
import http.cookiejar
import json
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

AUTHORITY = "/etc/digione/authority.pem"
PATIENCE = 60  # seconds


class Form(html.parser.HTMLParser):
    """The first form of a page in which a password is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}
        self.asks = False
        self.ends = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and not self.asks:
            self.action, self.fields = given.get("action", ""), {}
        elif tag == "input" and not self.ends and given.get("name"):
            self.fields[given["name"]] = given.get("value", "")
            self.asks = self.asks or given.get("type") == "password"

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self.asks:
            self.ends = True


def sign_in(domain: str, username: str, password: str) -> str:
    """Sign somebody in; return what kept them out."""
    trust = ssl.create_default_context(cafile=AUTHORITY)
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    browser = urllib.request.build_opener(jar, urllib.request.HTTPSHandler(context=trust))
    try:
        with browser.open(f"https://{domain}/sign-in", timeout=PATIENCE) as page:
            form = Form()
            form.feed(page.read().decode(errors="replace"))
            where = urllib.parse.urljoin(page.url, form.action)
        if not form.asks:
            return "no form asks for a password"
        given = urllib.parse.urlencode({**form.fields, "user": username, "password": password})
        with browser.open(where, given.encode(), timeout=PATIENCE) as page:
            text = page.read().decode(errors="replace")
            if urllib.parse.urlsplit(page.url).hostname != domain:
                return "the password was not taken"
            return "" if "/sign-out" in text else "the page is that of nobody"
    except (OSError, urllib.error.URLError) as e:
        return str(e)


def main() -> None:
    request = json.loads(sys.stdin.buffer.readline())
    told = {name: sign_in(request["domain"], name, word) for name, word in request["people"].items()}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
