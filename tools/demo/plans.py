"""The communities of the demo."""

from __future__ import annotations

from typing import NamedTuple


class Plan(NamedTuple):
    """A community before it is founded."""

    name: str
    description: str
    is_open: bool
    weight: int  # of the visits to communities
    people: str  # names, with ", " between them

    @property
    def names(self) -> list[str]:
        return self.people.split(", ")


COMMUNITIES = (
    Plan(
        "Mirpur 10 commuters",
        "Buses, rickshaws and the station at the Mirpur 10 circle: what runs, what is full, what is stuck.",
        True,
        44,
        "Nusrat Jahan, Rafiqul Islam, তানজিলা আক্তার, Imran Hossain, Sadia Rahman, Mahmudul Hasan, "
        "Farhana Yasmin, Shakib Ahmed, রুমানা পারভীন, Arif Chowdhury, Jannatul Ferdous, Tanvir Alam, "
        "Sumaiya Akter, Kamal Uddin",
    ),
    Plan(
        "Uttara–Motijheel metro",
        "Line 6 from Uttara North to Motijheel: trains, queues, and where to stand for the short way out.",
        True,
        33,
        "Mehedi Karim, Ayesha Siddika, জাহিদ হাসান, Nafisa Tabassum, Omar Faruk, Ruma Begum, "
        "Saiful Bari, Maliha Zaman, Habibur Rahman, শারমিন সুলতানা, Anika Das, Rezaul Haque",
    ),
    Plan(
        "Chattogram circular bus",
        "The loop by GEC, Agrabad and Tiger Pass, and the trains that meet it.",
        True,
        15,
        "Priya Barua, Nazmul Huda, Sabrina Mostafa, Ripon Dey, Tasnim Kabir, Joynal Abedin, মিতু চাকমা, Sohel Rana",
    ),
    Plan(
        "Sadarghat night launches",
        "For the crews and regulars of the launches to Barishal and Bhola. Ask a member to let you in.",
        False,
        8,
        "Abdul Latif, Shirin Akhter, Monir Hossain, Bilkis Khatun, Dulal Mia, Selina Parvin",
    ),
)
