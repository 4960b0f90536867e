"""The sentences of refused commands."""

from support.application.commands import koyjabo

NOBODY = "nobody@example.com"
REFUSED = {
    "--total 1 stats": "only for serving without a command",
    "backup /nowhere/koyjabo.backup": "/nowhere/koyjabo.backup cannot be written: No such file or directory.",
    "restore /nowhere/koyjabo.backup": "'/nowhere/koyjabo.backup' does not exist.",
    "restor x": "Did you mean 'restore'?",
    "settings set TIMEZON UTC": "There is no setting TIMEZON. Did you mean TIMEZONE?",
    "total set -5": "'-5' is not a whole number from 0 to ",
    "export /nowhere/a.csv": "/nowhere/a.csv cannot be written: No such file or directory.",
    "export - --from December": "--from must be a date, such as 2025-12-16.",
    "export - --community mirpur": "--community must be the id of a community.",
    f"user create {NOBODY} --password-stdin": "The password must have 8 to 128 characters.",
    "user create nobody --password-stdin": "must be an email address",
    f"user role {NOBODY} king": "'member', 'viewer', 'admin'",
    **dict.fromkeys(
        (f"user {command} {NOBODY}" for command in ("promote", "disable", "enable", "unlock")), "User not found."
    ),
}


def test_a_refused_command_says_why_in_a_sentence(sqlite_database):
    wrong = {}
    for arguments, sentence in REFUSED.items():
        done = koyjabo(*arguments.split(), typed="short", DATABASE_URL=sqlite_database.url)
        if done.exit_code not in (1, 2) or sentence not in done.output:
            wrong[arguments] = done.exit_code, done.output, done.exception
    assert wrong == {}
