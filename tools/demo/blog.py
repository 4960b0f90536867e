"""A small blog whose posts show their number of views. The pages are static. Only the numbers move."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

LIST = "/posts/"
SHOWN = f"{LIST}*"
"""PAGE_NUMBERS for the blog."""


class Post(NamedTuple):
    path: str
    title: str
    language: str
    paragraphs: tuple[str, ...]
    weight: int  # how often visitors open it, compared with the other posts


POSTS = (
    Post(
        f"{LIST}first-train",
        "The first train of the morning",
        "en",
        (
            "At ten past seven the platform at Uttara North is half empty. A man in a pressed shirt eats an apple. "
            "Two students share one earphone each, and look the other way.",
            "By Mirpur 10 there is no room to lift an arm. Take the last carriage: the stairs at Farmgate end right in "
            "front of it, and you are on the street before the crowd has turned around.",
        ),
        12,
    ),
    Post(
        f"{LIST}night-launch",
        "A night on the launch to Barishal",
        "en",
        (
            "The horn sounds at nine, and Sadarghat moves away without hurry. Someone sells boiled eggs with salt and "
            "green chilli. On the deck, families roll out their mats and guard their corners.",
            "Bring a blanket, even in April. After midnight the wind comes straight off the river.",
        ),
        7,
    ),
    Post(
        f"{LIST}rickshaw-painter",
        "The man who paints peacocks",
        "en",
        (
            "Behind the garages of Mirpur 12, Hossain paints the back of a rickshaw in four hours: two peacocks, one "
            "sunset, and the name of the owner's daughter.",
            "He signs none of them. You can tell his work by the eyes: his peacocks always look to the left.",
        ),
        5,
    ),
    Post(
        f"{LIST}chaer-dokan",
        "বাসস্টপের চায়ের দোকান",
        "bn",
        (
            "ফার্মগেটের মোড়ে রহিম ভাইয়ের দোকানে চায়ের কাপ মোটে ছয়টি। সকাল আটটায় তাই চা খেতে হয় দাঁড়িয়ে, আর একটু তাড়াতাড়ি।",
            "কোন বাস কখন আসবে, তা তিনি ঘড়ি না দেখেই বলে দেন। ভুল হলে পরের কাপ ফ্রি।",
        ),
        6,
    ),
)
BY_PATH = {post.path: post for post in POSTS}

PAGE = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
  body {{ max-width: 36rem; margin: 3rem auto; padding: 0 1rem; }}
  body {{ font: 1.1rem/1.6 Georgia, "Noto Serif Bengali", serif; }}
  li {{ margin: .75rem 0; }}
  small {{ opacity: .8; white-space: nowrap; }}
  koyjabo-count {{ --koyjabo-count-width: 0; }}
</style>
<script type="module" src="{site}/static/js/koyjabo-count.js"></script>
{body}
"""
POST = """<p><a href="{list}">On the way</a></p>
<h1>{title}</h1>
<p><small><koyjabo-count value="page" views>–</koyjabo-count> {views}</small></p>
{paragraphs}"""
ROW = """<li lang="{language}"><a href="{path}">{title}</a>
<small><koyjabo-count value="page" page="{path}" views>–</koyjabo-count> {views}</small></li>"""
VIEWS = {"en": "views", "bn": "বার পড়া হয়েছে"}


def page_at(path: str, site: str) -> str | None:
    """The HTML at a path, with the numbers of the server at the URL `site`. None for an unknown path."""
    if path == LIST:
        rows = [
            ROW.format(path=post.path, title=escape(post.title), language=post.language, views=VIEWS[post.language])
            for post in POSTS
        ]
        body = f"<h1>On the way</h1>\n<ul>{''.join(rows)}</ul>"
        return PAGE.format(language="en", title="On the way", site=site, body=body)
    post = BY_PATH.get(path)
    if post is None:
        return None
    paragraphs = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in post.paragraphs)
    title = escape(post.title)
    body = POST.format(list=LIST, title=title, views=VIEWS[post.language], paragraphs=paragraphs)
    return PAGE.format(language=post.language, title=title, site=site, body=body)


@contextmanager
def served(site: str) -> Iterator[str]:
    """Serve the blog on a free port of this machine for the duration of the block. Yields the URL of its list."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html = page_at(self.path.partition("?")[0], site)
            body = (html or "Not found").encode()
            self.send_response(200 if html else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8" if html else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}{LIST}"
        finally:
            server.shutdown()
