"""Names for people and schools who never were: common Finnish and Finland-Swedish ones."""

import unicodedata
from typing import Literal

Language = Literal["fi", "sv"]


def _words(*lines: str) -> tuple[str, ...]:
    return tuple(word for line in lines for word in line.split())


GIVEN: dict[Language, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "fi": (
        _words(
            "Aino Helmi Venla Eevi Olivia Linnea Aada Ella Lilja Sofia Isla Pihla Hilla Saana Kerttu Viivi",
            "Nella Minea Iida Siiri Elsa Emma Alisa Vilma Oona Enni Hilja Lempi Päivi Marja Tiina Sanna",
            "Hanna Katja Riikka Heidi Merja Satu Jenni Outi Kirsi Pirjo Taru Ulla Šeila",
        ),
        _words(
            "Leo Eino Oliver Elias Onni Väinö Toivo Noel Emil Eeli Vilho Oiva Niilo Aatos Hugo Arttu Otso",
            "Luka Joel Veikko Urho Kaapo Viljo Jooa Eetu Peetu Mikael Antti Jari Timo Juha Mika Jukka Sami",
            "Petri Janne Ville Teemu Marko Harri Pekka Ossi Tuomas Jyrki Söören",
        ),
    ),
    "sv": (
        _words(
            "Alva Ebba Saga Stella Wilma Ellen Freja Alma Elsa Ines Signe Tyra Märta Astrid Ida Elin Moa",
            "Vera Selma Åsa Annika Camilla Johanna Malin Pernilla Sofie Susanne Ulrika Gunilla Heléne",
        ),
        _words(
            "Liam Hugo Axel Elliot Nils Viggo Melker Alfred Edvin Sixten Anton Gustav Albin Ludvig Melvin",
            "Björn Göran Håkan Jörgen Kenneth Magnus Niklas Patrik Stefan Tomas Ulf Mårten Sören Åke André",
        ),
    ),
}

FAMILY: dict[Language, tuple[str, ...]] = {
    "fi": _words(
        "Korhonen Virtanen Mäkinen Nieminen Mäkelä Hämäläinen Laine Heikkinen Koskinen Järvinen Lehtonen",
        "Lehtinen Saarinen Salminen Heinonen Niemi Heikkilä Kinnunen Salonen Turunen Salo Laitinen Tuominen",
        "Rantanen Karjalainen Jokinen Mattila Savolainen Lahtinen Ahonen Ojala Leppänen Hiltunen Väisänen",
        "Kallio Miettinen Pitkänen Aaltonen Manninen Koivisto Hakala Anttila Laaksonen Räsänen Hirvonen",
        "Lehto Laakso Toivonen Räty Öhman Ylönen Äijälä Haapasalo Kärkkäinen Pöyhönen Rissanen Sipilä",
        "Tanskanen Ukkonen Vänskä",
    ),
    "sv": _words(
        "Johansson Nyman Lindholm Karlsson Andersson Lindström Eriksson Blomqvist Lindqvist Grönroos Nyberg",
        "Sundström Backman Öhman Holm Söderström Björklund Ekholm Åkerman Sjöberg Granlund Nygård Höglund",
        "Wikström Sandström Löfgren Mattsson Wallin Engblom Fagerström Ståhl Häggblom Östman Åberg Rönnqvist",
    ),
}

# Places in the form that stands before "koulu" or "skola"; the first is the municipality's largest school.
SCHOOLS: dict[Language, tuple[str, ...]] = {
    "fi": _words(
        "Keskustan Rantakylän Harjun Myllymäen Koivikon Niemenpään Kirkonkylän Lehtolan Pajuniemen Ylikylän",
        "Alakylän Mäntylän Haapalan Joenrannan Kuuselan Lammelan Mustikkamäen Nurmelan Ojakylän Peltolan",
        "Rauhalan Saarelan Tammelan Uudenkylän Vaaralan Yrjölän Aholan Hietalan Isonkylän Jukolan",
    ),
    "sv": _words(
        "Centrums Strandby Åsens Kvarnbackens Björkhaga Näsets Kyrkby Lundens Sundby Överby Nederby",
        "Furulunds Aspnäs Åbrinkens Granbackens Dammens Blåbärsbackens Ängens Bäckby Åkerby",
    ),
}


def plain(name: str) -> str:
    """Given a name, its letters as they stand in usernames: a–z and hyphens."""
    decomposed = unicodedata.normalize("NFD", name.lower())
    return "".join(letter for letter in decomposed if letter in "abcdefghijklmnopqrstuvwxyz-")
