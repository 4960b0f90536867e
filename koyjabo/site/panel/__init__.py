"""The navigation of the panel, and its own pages."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

INTERFACES = ("command_search", "connect", "overview", "panel_stream", "server")
FILLS = {
    "sockets.websocket_routes:STREAM_FACTORIES": "panel_stream:PANEL_STREAMS",
    "web.panel.server_page:SERVER_PAGE": "server:SHOWN_PAGE",
    "web.panel.server_page:SERVER_ROWS": "server:SITE_ROWS",
}


def register(base: "Base") -> None:
    from koyjabo.base.core.i18n import N_
    from koyjabo.web.panel.navigation import CONNECT_SECTION, OVERVIEW_SECTION, SERVER, Navigation, PanelPage, Shortcut

    navigation = base.services[Navigation]
    navigation.add(
        PanelPage(OVERVIEW_SECTION, N_("Overview"), "gauge", rank=1, words=N_("reports, statistics")),
        PanelPage(CONNECT_SECTION, N_("Connect"), "plus", rank=5),
        PanelPage(SERVER, N_("Server"), "activity", rank=6, words=N_("settings")),
    )
    navigation.add_shortcuts(
        SERVER,
        Shortcut(N_("Name"), SERVER, "name", rank=-3, words=N_("colours, colors, look, mark, logo, icon")),
        Shortcut(N_("Time zone"), SERVER, "zone", rank=-1),
        Shortcut(N_("Language and theme"), SERVER, "choices", words=N_("dark, light")),
        Shortcut(N_("Documentation"), "docs.index", words=N_("help, manual")),
    )
