"""Where visitors are, and what their browsers send."""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Any, NamedTuple

NETWORKS = [  # first three numbers of an address, its city for past visits, weight
    ("119.30.32", "Dhaka, BD", 34),
    ("37.111.200", "Dhaka, BD", 16),
    ("123.108.240", "Chattogram, BD", 14),
    ("180.211.200", "Gazipur, BD", 7),
    ("114.130.5", "Narayanganj, BD", 6),
    ("103.15.245", "Sylhet, BD", 5),
    ("203.112.200", "Khulna, BD", 4),
    ("27.147.200", "Rajshahi, BD", 3),
    ("103.205.132", "Cumilla, BD", 3),
    ("103.67.156", "Barishal, BD", 2),
    ("103.112.150", "Rangpur, BD", 2),
    ("103.48.16", "Mymensingh, BD", 2),
    ("103.109.56", "Cox's Bazar, BD", 1),
    ("49.36.20", "Kolkata, IN", 4),
    ("106.51.10", "Bengaluru, IN", 2),
    ("94.56.4", "Dubai, AE", 3),
    ("188.48.4", "Riyadh, SA", 2),
    ("175.136.4", "Kuala Lumpur, MY", 2),
    ("116.86.4", "Singapore, SG", 1),
    ("81.128.4", "London, GB", 2),
    ("73.20.4", "New York, US", 1),
    ("24.114.30", "Toronto, CA", 1),
]
WEBKIT, APPLE = "AppleWebKit/537.36 (KHTML, like Gecko)", "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BROWSERS = [  # user agent, Accept-Language, weight
    (f"Mozilla/5.0 (Linux; Android 14; SM-A145F) {WEBKIT} Chrome/141.0.0.0 Mobile Safari/537.36", "bn-BD,bn,en", 30),
    (f"Mozilla/5.0 (Linux; Android 13; 220333QAG) {WEBKIT} Chrome/139.0.0.0 Mobile Safari/537.36", "en-US,en", 12),
    (f"Mozilla/5.0 (Linux; Android 11; Redmi 9A) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36", "bn-BD,bn", 20),
    (
        f"Mozilla/5.0 (Linux; Android 14; SM-M146B) {WEBKIT} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        "bn-BD,bn,en",
        5,
    ),
    (
        f"Mozilla/5.0 (Linux; Android 12; V2111; wv) {WEBKIT} Version/4.0 Chrome/140.0.0.0 Mobile Safari/537.36 "
        "[FB_IAB/FB4A;FBAV/528.0.0.0;]",
        "bn-BD,bn",
        6,
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {APPLE} Version/18.5 Mobile/15E148 Safari/604.1",
        "en-GB,en",
        9,
    ),
    (f"Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) {APPLE} Version/18.5 Mobile/15E148 Safari/604.1", "en-US,en", 2),
    (f"Mozilla/5.0 (Linux; Android 13; SM-X200) {WEBKIT} Chrome/141.0.0.0 Safari/537.36", "bn-BD,bn", 1),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", "en-US,en,bn", 15),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        "ar-AE,ar,en",
        3,
    ),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.4 Safari/605.1.15", "hi-IN,hi,en", 2),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0", "en-US,en", 4),
    ("Opera/9.80 (Android; Opera Mini/36.2/191.273; U; bn) Presto/2.12.423 Version/12.16", "bn", 7),
]
CRAWLERS = [  # address, city, user agent, weight
    ("66.249.66", "Mountain View, US", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 6),
    ("40.77.167", "Boydton, US", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", 2),
    ("31.13.127", "Dublin, IE", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", 3),
]
CRAWLED, DRIVEN = 0.015, 0.008
"""The shares of crawlers, and of browsers that a program drives, among new visitors."""

CHROME_ON_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/138.0.0.0 Safari/537.36"


class Kind(Enum):
    PERSON, OPERATOR, PROGRAM, BOT = range(4)
    """People, operators of this server, programs that drive a browser, and programs that never show the page."""


class Home(NamedTuple):
    """`network` is the first three numbers of an address. `languages` is the Accept-Language header, or "" for none."""

    network: str
    city: str
    agent: str
    languages: str
    kind: Kind = Kind.PERSON

    @property
    def address(self) -> str:
        """An address in the network."""
        return f"{self.network}.7"


MONITOR = Home("128.199.120", "Singapore, SG", CHROME_ON_LINUX, "en-US,en", Kind.PROGRAM)
SWARM = Home("5.9.12", "Falkenstein, DE", CHROME_ON_LINUX, "en-US,en", Kind.BOT)
OPERATORS = {
    "demo_operator_1": Home("103.15.245", "Sylhet, BD", BROWSERS[8][0], BROWSERS[8][1], Kind.OPERATOR),
    "demo_operator_2": Home("119.30.32", "Dhaka, BD", BROWSERS[0][0], BROWSERS[0][1], Kind.OPERATOR),
}
"""The browsers of the people who operate the server, by visitor id."""


def newcomer(dice: Random) -> Home:
    """A new visitor: a person or, rarely, a program."""
    drawn = dice.random()
    if drawn >= CRAWLED + DRIVEN:
        return person(dice)
    if drawn >= CRAWLED:
        return MONITOR
    network, city, agent, _ = one_of(CRAWLERS, dice)
    return Home(network, city, agent, "", Kind.BOT)


def person(dice: Random) -> Home:
    network, city, _ = one_of(NETWORKS, dice)
    agent, languages, _ = one_of(BROWSERS, dice)
    return Home(network, city, agent, languages)


def one_of(rows: list[Any], dice: Random) -> Any:
    """A random row. The last value of each row is its weight."""
    return dice.choices(rows, [row[-1] for row in rows])[0]
