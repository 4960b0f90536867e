"""Members of the communities, and visitors as the site sees them."""

from __future__ import annotations

import hmac
from random import Random
from typing import NamedTuple

from demo import audience
from demo.site import Visitor


class Plan(NamedTuple):
    """A community to be founded."""

    name: str
    name_bn: str
    description: str
    description_bn: str
    is_open: bool
    weight: int  # share of the visits to communities
    people: str  # names, separated by ", "

    @property
    def names(self) -> list[str]:
        return self.people.split(", ")


COMMUNITIES = (
    Plan(
        "Mirpur 10 commuters",
        "মিরপুর ১০ নম্বরের যাত্রী",
        "Buses, rickshaws and the station at the Mirpur 10 circle: what runs, what is full, what is stuck.",
        "মিরপুর ১০ গোলচত্বরের বাস, রিকশা আর স্টেশন: কী চলছে, কোথায় ভিড়, কোথায় জট।",
        True,
        44,
        "Nusrat Jahan, Rafiqul Islam, তানজিলা আক্তার, Imran Hossain, Sadia Rahman, Mahmudul Hasan, "
        "Farhana Yasmin, Shakib Ahmed, রুমানা পারভীন, Arif Chowdhury, Jannatul Ferdous, Tanvir Alam, "
        "Sumaiya Akter, Kamal Uddin",
    ),
    Plan(
        "Uttara–Motijheel metro",
        "উত্তরা–মতিঝিল মেট্রো",
        "Line 6 from Uttara North to Motijheel: trains, queues, and where to board for the quickest way out.",
        "উত্তরা উত্তর থেকে মতিঝিল, লাইন ৬: ট্রেন, লাইনের ভিড়, আর কোন বগিতে উঠলে দ্রুত বের হওয়া যায়।",
        True,
        33,
        "Mehedi Karim, Ayesha Siddika, জাহিদ হাসান, Nafisa Tabassum, Omar Faruk, Ruma Begum, "
        "Saiful Bari, Maliha Zaman, Habibur Rahman, শারমিন সুলতানা, Anika Das, Rezaul Haque",
    ),
    Plan(
        "Chattogram circular bus",
        "চট্টগ্রাম সার্কুলার বাস",
        "The loop by GEC, Agrabad and Tiger Pass, and the trains that meet it.",
        "জিইসি, আগ্রাবাদ আর টাইগারপাস ঘুরে আসা বাস, আর তার সঙ্গে মেলে এমন ট্রেন।",
        True,
        15,
        "Priya Barua, Nazmul Huda, Sabrina Mostafa, Ripon Dey, Tasnim Kabir, Joynal Abedin, মিতু চাকমা, Sohel Rana",
    ),
    Plan(
        "Sadarghat night launches",
        "সদরঘাটের রাতের লঞ্চ",
        "For the crews and regulars of the launches to Barishal and Bhola. Ask a member to let you in.",
        "বরিশাল আর ভোলার লঞ্চের কর্মী ও নিয়মিত যাত্রীদের জন্য। ঢুকতে চাইলে কোনো সদস্যকে বলুন।",
        False,
        8,
        "Abdul Latif, Shirin Akhter, Monir Hossain, Bilkis Khatun, Dulal Mia, Selina Parvin",
    ),
)


class Member(NamedTuple):
    """A person with an account. The first member of a community is its admin, the next two are moderators."""

    name: str
    email: str
    role: str
    plan: Plan
    visitor: Visitor

    @property
    def community(self) -> str:
        return self.plan.name


def password(secret_key: str) -> str:
    """The password of all members on this site."""
    return f"rickshaw-{hmac.new(secret_key.encode(), b'demo', 'sha256').hexdigest()[:8]}"


def visitor(visitor_id: str, dice: Random) -> Visitor:
    home = audience.person(dice)
    return Visitor(visitor_id, f"{home.network}.{dice.randrange(2, 250)}", home.agent, home.languages)


def _member(name: str, plan: Plan, number: int, place: int) -> Member:
    role = "admin" if place == 0 else "moderator" if place < 3 else "member"
    word = name.lower().replace(" ", ".") if name.isascii() else f"member.{number + 1}.{place + 1}"
    return Member(name, f"{word}@demo.example", role, plan, visitor(f"demo_{word}", Random(word)))


MEMBERS = [
    _member(name, plan, number, place)
    for number, plan in enumerate(COMMUNITIES)
    for place, name in enumerate(plan.names)
]
"""The members of all communities, the same in every run."""

GUIDE = MEMBERS[0]
"""The member whose password the demo prints."""
