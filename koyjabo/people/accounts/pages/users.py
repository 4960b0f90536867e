"""/admin/people: list users, invite people to the panel, change site roles, disable accounts, end sessions."""

from collections.abc import Callable
from functools import partial

from flask import Response, request, url_for
from flask_babel import gettext as _

from koyjabo.base.core.errors import Forbidden, KoyJaboError, LastAdmin
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import SITE_ADMIN, SITE_MEMBER, SITE_VIEWER
from koyjabo.people.accounts.login import authentication
from koyjabo.people.accounts.login.invitation_schemas import PanelInvitationBody, flash_sentence, sent
from koyjabo.people.accounts.services import account_services
from koyjabo.people.accounts.users.user_admin import USER_ORDERS, Users
from koyjabo.people.mail.outbox import MailOutbox
from koyjabo.people.models import User
from koyjabo.web.current import current
from koyjabo.web.forms.confirmation import Confirmation, confirm
from koyjabo.web.forms.forms import Form
from koyjabo.web.i18n import count, language
from koyjabo.web.limits import limits
from koyjabo.web.pages import pagination
from koyjabo.web.pages.flash import done
from koyjabo.web.pages.pagination import Sorting
from koyjabo.web.panel import for_viewers, panel_blueprint
from koyjabo.web.panel.pages import me, page

bp = panel_blueprint("users")


@bp.get("/people")
@for_viewers
def users() -> Response:
    query, sorting = request.args.get("query", "").strip(), Sorting.of(request, USER_ORDERS, "-created")
    users_page = pagination.list_page(partial(account_services().users.page, me(), query, order=sorting.order))
    # Viewers see no invitations, because an invitation shows an email and a link that gives rights.
    pending = account_services().panel_invitations.pending(me()) if me().is_admin else []
    invitations = [sent(invitation, token, _("Invitation to the panel")) for invitation, token in pending]
    return page("accounts/users", found=users_page, query=query, sorting=sorting, invitations=invitations)


@bp.get("/people/invite")
def new_panel_invitation() -> Response:
    """Show the form. The query parameter `role` preselects a role."""
    return _show_form(Form(PanelInvitationBody, {"role": request.args.get("role", SITE_VIEWER)}))


@bp.post("/people/invite")
def invite_to_panel() -> Response:
    form = Form(PanelInvitationBody, optional=("password", "code"))
    body = form.read()
    with authentication.errors_in(form):
        authentication.require_proof()
    if body is None or form.errors:
        return _show_form(form, 422)
    limits.count_account("actions", me().id)
    invited = account_services().panel_invitations.invite(me(), body.email, body.role, language())
    return done(flash_sentence(invited), "panel_users.users", body.email)


@bp.post("/people/invitations/<invitation_id>/withdraw", endpoint="withdraw_panel_invitation")
def revoke_panel_invitation(invitation_id: str) -> Response:
    account_services().panel_invitations.revoke(me(), invitation_id)
    return done(N_("The invitation was revoked."), "panel_users.users")


def _show_form(form: Form[PanelInvitationBody], status: int = 200) -> Response:
    return page(
        "accounts/invite",
        status,
        form=form,
        sends_mails=current()[MailOutbox].is_on,
        is_confirmed=account_services().email_links.is_verified(me()),
    )


@bp.get("/people/<user_id>")
@for_viewers
def user(user_id: str) -> Response:
    return _show(user_id)


@bp.post("/people/<user_id>/promote")
def promote(user_id: str) -> Response:
    user = _user(user_id)
    effects = (_rights_of_admins(), *_unproved(user))
    prompt = _prompt(user, N_("Make %(name)s a site admin?"), _("Give admin rights"), *effects)
    authentication.confirm_proved(prompt._replace(typed=user.email))
    return _do(N_("This user is now a site admin."), Users.set_role, user_id, SITE_ADMIN)


@bp.post("/people/<user_id>/demote")
def demote(user_id: str) -> Response:
    user = _user(user_id)
    effect = _("This user loses access to the panel at once. They keep their account and their own communities.")
    title, label = N_("Remove the viewer rights of %(name)s?"), _("Remove viewer rights")
    if user.is_admin:
        title, label = N_("Remove the admin rights of %(name)s?"), _("Remove admin rights")
    confirm(_prompt(user, title, label, effect, *_about_oneself(user)))
    return _do(
        N_("This user no longer has rights in the panel."),
        Users.set_role,
        user_id,
        SITE_MEMBER,
    )


@bp.post("/people/<user_id>/viewer")
def make_viewer(user_id: str) -> Response:
    user = _user(user_id)
    effects = [_rights_of_viewers()]
    if user.is_admin:
        effects.append(_("They lose their admin rights at once."))
    effects += _unproved(user) + _about_oneself(user)
    title, label = N_("Give %(name)s read-only access?"), _("Give read-only access")
    authentication.confirm_proved(_prompt(user, title, label, *effects))
    return _do(N_("This user is now a viewer of the panel."), Users.set_role, user_id, SITE_VIEWER)


@bp.post("/people/<user_id>/disable")
def disable(user_id: str) -> Response:
    user = _user(user_id)
    explanation = _("This user is logged out everywhere and cannot log in until you enable the account again.")
    confirm(_prompt(user, N_("Disable the account of %(name)s?"), _("Disable"), explanation, _ending(user)))
    return _do(N_("The account was disabled."), Users.disable, user_id)


@bp.post("/people/<user_id>/enable")
def enable(user_id: str) -> Response:
    """Enable a user. Asks for the password first if the user regains rights in the panel."""
    user = _user(user_id)
    if user.is_admin or user.is_viewer:
        rights = _rights_of_admins() if user.is_admin else _rights_of_viewers()
        prompt = _prompt(user, N_("Enable the account of %(name)s?"), _("Enable"), rights)
        authentication.confirm_proved(prompt)
    return _do(N_("The account was enabled."), Users.enable, user_id)


@bp.post("/people/<user_id>/second-factor/reset", endpoint="reset_second_factor")
def reset_two_step_login(user_id: str) -> Response:
    user = _user(user_id)
    explanation = _(
        "For a user who has lost both phone and recovery codes. Make sure the request is really theirs. "
        "They are logged out everywhere and can log in with just the password."
    )
    title, label = N_("Reset the two-step login of %(name)s?"), _("Reset two-step login")
    authentication.confirm_proved(_prompt(user, title, label, explanation, _ending(user)))
    return _do(
        N_("Two-step login was reset. This user was logged out everywhere."),
        Users.reset_two_step_login,
        user_id,
    )


@bp.post("/people/<user_id>/log-out")
def log_out(user_id: str) -> Response:
    user = _user(user_id)
    effects = (_("This user has to log in again in every browser."), _ending(user), *_about_oneself(user))
    confirm(_prompt(user, N_("Log %(name)s out everywhere?"), _("Log out everywhere"), *effects))
    return _do(N_("The user was logged out everywhere."), Users.log_out, user_id)


def _user(user_id: str) -> User:
    return account_services().users.get(me(), user_id)


def _do(sentence: str, operation: Callable[..., User], user_id: str, *role: str) -> Response:
    try:
        operation(account_services().users, me(), user_id, *role)
    except (LastAdmin, Forbidden) as error:
        return _show(user_id, error.status, error)
    return done(sentence, "panel_users.user", user_id=user_id)


def _show(user_id: str, status: int = 200, problem: KoyJaboError | None = None) -> Response:
    account, users = me(), account_services().users
    line = users.get(account, user_id)
    belongings = pagination.list_page(
        partial(users.communities_of, account, line.id), "panel_users.user", user_id=line.id
    )
    return page("accounts/user", status, user=line, is_me=line.id == account.id, belongings=belongings, problem=problem)


def _rights_of_admins() -> str:
    return str(_("This user can then see and change everything: visits, users, communities, and your own rights."))


def _rights_of_viewers() -> str:
    effect = _(
        "This user can see every page of the panel except for emails and visitor IDs, but cannot change anything."
    )
    return str(effect)


def _unproved(user: User) -> tuple[str, ...]:
    if user.verified_ms is not None or not current()[MailOutbox].is_on:
        return ()
    return (_("This user's email is not confirmed: the account may belong to someone else."),)


def _prompt(user: User, title: str, label: str, *effects: str) -> Confirmation:
    """The confirmation of an action on a user, whose name is put into the title."""
    back = url_for("panel_users.user", user_id=user.id)
    return Confirmation(_(title, name=f"{user.name} ({user.email})"), effects, label, back)


def _ending(user: User) -> str:
    return str(_("Open sessions: %(count)s", count=count(user.sessions)))


def _about_oneself(user: User) -> tuple[str, ...]:
    return (_("This is your own account."),) if user.id == me().id else ()
