"""Small mapped files for tests, as a pupil register writes them: to be spoilt in one place."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import yaml

Table = list[list[str]]
Tables = dict[str, Table]

MAPPING = """
charset: cp1252
delimiter: ";"
whole: [pupils, guardians]
prefixes: {pupils: "o-", guardians: "h-", staff: "t-"}
files:
  - file: oppilaat.csv
    rows: pupils
    columns:
      id: Oppilasnumero
      family_name: Sukunimi
      given_name: Etunimet
      preferred_given_name: Kutsumanimi
      birth_date: Syntymäaika
      grades: Vuosiluokka
      school: Koulu
      homeroom: Luokka
      guardians: [Huoltaja 1, Huoltaja 2]
      nondisclosure: Turvakielto
    values:
      nondisclosure: {K: "true", E: "false"}
  - file: huoltajat.csv
    rows: guardians
    columns:
      id: Huoltajanumero
      family_name: Sukunimi
      given_name: Etunimet
      email: Sähköposti
      phone: Puhelin
  - file: opettajat.csv
    rows: staff
    columns:
      id: Opettajanumero
      family_name: Sukunimi
      given_name: Etunimet
      role: Tehtävä
      school: Koulu
      homeroom: Luokanvalvoja
    values:
      role: {Opettaja: teacher, Rehtori: principal}
  - file: ryhmat.csv
    rows: groups
    fixed: {type: homeroom}
    columns: {id: [Koulu, Luokka], title: Luokka, school: Koulu, grades: Vuosiluokka}
"""

_LINES = {
    "oppilaat.csv": [
        "Oppilasnumero;Sukunimi;Etunimet;Kutsumanimi;Syntymäaika;Vuosiluokka;Koulu;Luokka;Huoltaja 1;"
        "Huoltaja 2;Turvakielto",
        "101;Öhman;Åke Šimon;Åke;4.3.2015;5;99000;5A;1;2;E",
        "102;Mäkinen;Žofia;;12.11.2014;6;99000;6B;2;;E",
        "103;Öhman;Älva;Älva;1.1.2016;5;99000;5A;2;1;E",
    ],
    "huoltajat.csv": [
        "Huoltajanumero;Sukunimi;Etunimet;Sähköposti;Puhelin",
        "2;Öhman;Äiti;aiti@example.org;+358 50 123",
        "1;Mäkinen;Isä;isa@example.org;",
    ],
    "opettajat.csv": [
        "Opettajanumero;Sukunimi;Etunimet;Tehtävä;Koulu;Luokanvalvoja",
        "7;Opettaja;Olli;Opettaja;99000;5A",
        "8;Rehtori;Reetta;Rehtori;99000;",
    ],
    "ryhmat.csv": [
        "Koulu;Luokka;Vuosiluokka",
        "99000;5A;5",
        "99000;6B;6",
    ],
}


def valid() -> Tables:
    """A fresh copy of the valid files."""
    return {name: [line.split(";") for line in lines] for name, lines in _LINES.items()}


def changed(**settings: object) -> str:
    """The mapping with other settings; those that are None are left out."""
    data = yaml.load(MAPPING, Loader=yaml.BaseLoader) | settings  # noqa: S506 - makes only text
    kept = {key: value for key, value in data.items() if value is not None}
    return yaml.safe_dump(kept, allow_unicode=True)


def encoded(table: Table, charset: str = "cp1252", delimiter: str = ";") -> bytes:
    """A file's bytes."""
    return "".join(delimiter.join(row) + "\r\n" for row in table).encode(charset)


def write(
    path: Path,
    tables: Tables,
    *,
    charset: str = "cp1252",
    delimiter: str = ";",
    raw: Mapping[str, bytes] | None = None,
) -> Path:
    """Write the files as an archive; ``raw`` has bytes in place of some."""
    entries = {name: encoded(table, charset, delimiter) for name, table in tables.items()} | dict(raw or {})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path
