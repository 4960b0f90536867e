"""The demo's communities and members, and the browsers of visitors."""

from __future__ import annotations

import hmac
from random import Random
from typing import Any, NamedTuple

NETWORKS = [  # first three numbers of an address, weight
    ("119.30.32", 50),  # Dhaka
    ("103.115.24", 14),  # Chattogram
    ("103.65.241", 7),  # Khulna
    ("103.15.245", 6),  # Sylhet
    ("118.179.194", 4),  # Rajshahi
    ("117.227.119", 4),  # Kolkata
    ("5.192.112", 2),  # Dubai
    ("2.89.231", 2),  # Riyadh
    ("2.127.131", 2),  # London
    ("175.142.255", 1),  # Kuala Lumpur
    ("74.71.17", 1),  # New York
]
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
ON_LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {CHROME} Safari/537.36"
AGENTS = [  # user agent, weight
    (f"Mozilla/5.0 (Linux; Android 14; SM-A145F) {CHROME} Mobile Safari/537.36", 58),
    (f"Mozilla/5.0 (Linux; Android 12; V2111; wv) {CHROME} Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/528.0.0.0;]", 6),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {SAFARI}", 10),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", 15),
    ("Opera/9.80 (Android; Opera Mini/36.2/191.273; U; bn) Presto/2.12.423 Version/12.16", 7),
]


class Browser(NamedTuple):
    """`network` is the first three numbers of its address."""

    network: str
    agent: str


MONITOR = Browser("128.199.120", ON_LINUX)
SWARM = Browser("5.9.12", ON_LINUX)
"""A program that opens pages, and bots that only send visits."""


def person(dice: Random) -> Browser:
    return Browser(one_of(NETWORKS, dice)[0], one_of(AGENTS, dice)[0])


def one_of(rows: list[Any], dice: Random) -> Any:
    """A random row. The last value of each row is its weight."""
    return dice.choices(rows, [row[-1] for row in rows])[0]


class Community(NamedTuple):
    """A community to be founded."""

    name: str
    name_bn: str
    description: str
    description_bn: str
    is_open: bool
    people: str  # names, separated by ", "


COMMUNITIES = [
    Community(
        "Mirpur 10 commuters",
        "মিরপুর ১০ নম্বরের যাত্রী",
        "Buses, rickshaws and the station at the Mirpur 10 circle: what runs, what is full, what is stuck.",
        "মিরপুর ১০ গোলচত্বরের বাস, রিকশা আর স্টেশন: কী চলছে, কোথায় ভিড়, কোথায় জট।",
        True,
        "Nusrat Jahan, Rafiqul Islam, তানজিলা আক্তার, Imran Hossain, Sadia Rahman, Mahmudul Hasan, Farhana Yasmin, "
        "Shakib Ahmed, রুমানা পারভীন, Arif Chowdhury, Jannatul Ferdous, Tanvir Alam, Sumaiya Akter, Kamal Uddin",
    ),
    Community(
        "Uttara–Motijheel metro",
        "উত্তরা–মতিঝিল মেট্রো",
        "Line 6 from Uttara North to Motijheel: trains, queues, and where to board for the quickest way out.",
        "উত্তরা উত্তর থেকে মতিঝিল, লাইন ৬: ট্রেন, লাইনের ভিড়, আর কোন বগিতে উঠলে দ্রুত বের হওয়া যায়।",
        True,
        "Mehedi Karim, জাহিদ হাসান, Ayesha Siddika, Nafisa Tabassum, Omar Faruk, Ruma Begum, শারমিন সুলতানা, Anika Das",
    ),
    Community(
        "Sadarghat night launches",
        "সদরঘাটের রাতের লঞ্চ",
        "For the crews and regulars of the launches to Barishal and Bhola. Ask a member to let you in.",
        "বরিশাল আর ভোলার লঞ্চের কর্মী ও নিয়মিত যাত্রীদের জন্য। ঢুকতে চাইলে কোনো সদস্যকে বলুন।",
        False,
        "Abdul Latif, Shirin Akhter, Monir Hossain, Bilkis Khatun, Dulal Mia, Selina Parvin",
    ),
]
ROLES = ("admin", "moderator", "moderator", "member")


class Member(NamedTuple):
    """A person with an account."""

    name: str
    id: str  # of their browser
    role: str
    community: str
    joins: float  # part of the past that has gone by when they join
    browser: Browser

    @property
    def email(self) -> str:
        return f"{self.id}@demo.example"


MEMBERS = [
    Member(name, key, ROLES[min(place, 3)], community.name, place / len(names), person(Random(key)))
    for community in COMMUNITIES
    for names in [community.people.split(", ")]
    for place, name in enumerate(names)
    for key in [name.lower().replace(" ", ".") if name.isascii() else f"member.{place}"]
]
"""The members of all communities, the same in every run."""

GUIDE = MEMBERS[0]
"""The member whose password the demo prints."""


def password(secret_key: str) -> str:
    """The password of all members on this site."""
    return f"rickshaw-{hmac.new(secret_key.encode(), b'demo', 'sha256').hexdigest()[:8]}"
