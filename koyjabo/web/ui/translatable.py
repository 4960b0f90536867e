"""What errors and rules say, for the catalogues of translations: pybabel reads texts where they are marked, and the
domain knows no languages. A test compares this with what errors say.
"""

from __future__ import annotations


def N_(sentence: str) -> str:  # noqa: N802  (the mark that pybabel looks for)
    return sentence


OF_ERRORS = (
    N_("Something went wrong on our side. Please try again."),
    N_("The request has fields that cannot be used; see details."),
    N_("There is no such community, or none that you may know of. Check its id."),
    N_("Email and password do not belong together."),
    N_("Your role here does not allow that."),
    N_("There is an account with this email already. Log in, or use another one."),
    N_("There is no such user. They have to sign up first."),
    N_("You have no such session; it may have ended already."),
    N_("A community needs an admin. Make somebody else admin first, or delete the community."),
    N_("Too many people are logging in at this moment. Please try again shortly."),
    N_("The database cannot be reached right now; nothing was changed or counted. Please try again shortly."),
)

OF_PAGES = (
    N_("The current password is another one."),
    N_("The password has just been changed by somebody else."),
    N_("The site needs an admin who can log in. Make somebody else admin of it first."),
    N_("The address of this page is not one that a list has led to. Begin again."),
    N_("Only members of this community may do that. Join it first."),
    N_("Only moderators and admins of this community may do that."),
    N_("Only admins of this community may do that."),
    N_("Only admins of the site may do that."),
    N_("Only admins of the site may see this."),
    N_("You are not a member of this community."),
    N_("This community has no such member."),
    N_("This community takes new members by invitation only. Ask one of its admins."),
    N_("Nobody disables their own account. Ask another admin of the site."),
    N_("This form is out of date. Go back, reload the page, and try again."),
    N_("This form was sent by a page of another site. Open it here and try again."),
    N_("Too many attempts to log in. Wait as long as Retry-After says, then try again."),
    N_("This path does not take that method; the Allow header says which it takes."),
    N_("The body is over 16 KB. Send less."),
)

OF_FIELDS = (
    N_("is required"),
    N_("must be an email address, such as ayesha@example.com"),
    N_("must not be longer than 254 characters (64 before the @)"),
    N_("must have 8 to 128 characters"),
    N_("must have 1 to 200 characters besides white space"),
    N_("must not be longer than 200 characters"),
    N_("must not be longer than 2000 characters"),
    N_("must be a whole number"),
    N_("must be from 0 to 1000000000000000"),
    N_("must be a day, such as 2025-12-16"),
    N_("must not be before the first day"),
    N_("must be the id of a community"),
    N_("must be member, moderator or admin"),
)
