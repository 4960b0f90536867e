"""What is cleaned and refused in the texts of all settings: white space, invisible characters, quotation marks."""

import re

from test_config import KEY, NAMED, NAMES, PUBLIC, REDIS, refusal

ODD = ("\a{}", "{:.1}\u200b{}", "\u202e{}", "{}\u2060", "{:.1}\u2028{}", '"{}"', "'{}'", "\ufeff“{}”\n")
"""What is refused in any setting: invisible characters, and quotation marks around the value."""


def test_an_invisible_character_and_surrounding_quotation_marks_are_refused_in_any_setting(load, tmp_path):
    key = tmp_path / "key"
    for odd in ODD:
        key.write_text(odd.format(KEY, KEY))
        assert refusal(load, SECRET_KEY_FILE=str(key)).startswith("SECRET_KEY "), odd
        for name in NAMES:
            sentence = refusal(load, **{name: odd.format(KEY, KEY)})
            assert re.fullmatch(rf"{name} (has the invisible character U\+\w{{4}}|is in quotation marks): .*", sentence)
    for url in ("smtp://a:b%0A@h?from=a@b", "smtp://a:b@h%E2%80%8B?from=a@b"):
        assert refusal(load, SMTP_URL=url).startswith("SMTP_URL has the invisible character U+")


def test_white_space_at_the_ends_of_a_setting_is_not_part_of_it(load, monkeypatch, tmp_path):
    given = {"LOG_LEVEL": "info", "ENVIRONMENT": "production", "SECRET_KEY": f"{KEY}\n{KEY}", "PORT": "0"}
    given |= {"ADMIN_EMAIL": "a@b.example", "ADMIN_PASSWORD": "Correct  horse", "SITE_NAME": "ঢাকা\u200d র‍্যাব"}
    given |= {"DATABASE_URL": "sqlite:////tmp/x.db", "REDIS_URL": REDIS[0], **PUBLIC, **NAMED}
    plain = load(**given).model_dump()
    for before, after in (("", "\n"), ("\ufeff", "\r\n"), (" \t", "\u00a0"), ("\u200b", "\u3000\u0085")):
        assert load(**{name: before + value + after for name, value in given.items()}).model_dump() == plain
    (tmp_path / ".env").write_text("\ufeffPORT=1111\r\nSITE_NAME='Rail Count \n'", encoding="utf-8")
    monkeypatch.setenv("SITE_NAME", " \n")  # no value, so it does not hide the file's
    monkeypatch.setenv("ENVIRONMENT", "development\n")
    assert (load().port, load().site_name, load(HOST="\ufeff").host) == (1111, "Rail Count", "0.0.0.0")


def test_a_database_file_that_was_named_with_white_space_must_be_renamed(load, tmp_path):
    file = tmp_path / "live.db\n"
    file.touch()
    sentence = refusal(load, DATABASE_URL=f"sqlite:///{file}")
    assert sentence.startswith("DATABASE_URL ")
    assert f"rename it from {str(file)!r} to '{tmp_path}/live.db'" in sentence
    file.rename(tmp_path / "live.db")
    assert load(DATABASE_URL=f"sqlite:///{file}").database.database == f"{tmp_path}/live.db"
