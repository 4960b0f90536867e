from hypothesis import given
from hypothesis import strategies as st
from support.runs.fuzz_effort import effort

from koyjabo.base.network import user_agents

user_agents.load()  # outside the first timed example
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36"
TABLET = f"Mozilla/5.0 (Linux; Android 14; SM-X700) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/26.0 Mobile/15E148 Safari/604.1"
)
IPAD = IPHONE.replace("iPhone;", "iPad;").replace("CPU iPhone", "CPU")
CHROMEBOOK = f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36"
FACEBOOK = ANDROID + " [FB_IAB/FB4A;FBAV/530.0.0.48;]"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

INSTAGRAM = " Instagram 361.0.0.46.88 Android (34/14; 450dpi; 1080x2340; samsung; SM-A155F; a15; mt6789; bn_BD)"

KNOWN = {
    ANDROID: ("Chrome", "Android", "phone"),
    TABLET: ("Chrome", "Android", "tablet"),
    WINDOWS: ("Edge", "Windows", "desktop"),
    MAC: ("Firefox", "macOS", "desktop"),
    IPHONE: ("Safari", "iOS", "phone"),
    IPAD: ("Safari", "iOS", "tablet"),
    CHROMEBOOK: ("Chrome", "ChromeOS", "desktop"),
    FACEBOOK: ("Facebook", "Android", "phone"),
    GOOGLEBOT: ("Googlebot", "", "desktop"),
    ANDROID + INSTAGRAM: ("Instagram", "Android", "phone"),
    TABLET + INSTAGRAM: ("Instagram", "Android", "tablet"),
    ANDROID + " Telegram-Android/11.5.3 (Samsung SM-A155F; Android 14; SDK 34)": ("Telegram", "Android", "phone"),
    "Mozilla/5.0 (Mobile; LYF/F90M; Android; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.0": ("Firefox", "KaiOS", "phone"),
    "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)": ("IE", "Windows", "desktop"),
    TABLET.replace("SM-X700", "HP Chromebook 13 G1"): ("Chrome", "Android", "desktop"),
    "Dalvik/2.1.0 (Linux; U; Android 13; SM-A135F Build/TP1A.220624.014)": ("Android", "Android", "phone"),
    "Dalvik/2.1.0 (Linux; U; Android 14; SM-X700 Build/UP1A.231005.007)": ("Android", "Android", "tablet"),
    "curl/8.5.0": ("curl", "", "desktop"),
    "": ("", "", ""),
}


def test_a_user_agent_names_browser_system_and_device_as_does_what_replaces_it():
    reduced = {user_agent: user_agents.reduced(user_agent) for user_agent in KNOWN}
    assert {user_agent: user_agents.parsed(user_agent) for user_agent in KNOWN} == KNOWN
    assert {user_agent: user_agents.parsed(reduced[user_agent]) for user_agent in KNOWN} == KNOWN
    assert [user_agents.reduced(agent) for agent in reduced.values()] == [*reduced.values()]
    assert not any(character.isdigit() for agent in reduced.values() for character in agent)


@effort(100)
@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z ]{1,20}/[0-9.]{1,6}( \([A-Za-z; ]{0,30}\))?( on [A-Z]{1,9})?"))
def test_any_text_is_parsed_and_reduced_without_changing_the_result(text):
    assert user_agents.parsed(user_agents.reduced(text)) == user_agents.parsed(text)


STORED = {
    "Chrome on Android": ("Chrome", "Android", ""),
    "Safari on iPhone": ("Safari", "iOS", "phone"),
    "Safari on iPad": ("Safari", "iOS", "tablet"),
    "Firefox on Windows": ("Firefox", "Windows", "desktop"),
    "Android": ("", "Android", ""),
    "curl": ("curl", "", ""),
}


def test_user_agents_that_earlier_versions_stored_for_anonymous_visits_are_read():
    assert {stored: user_agents.parsed(stored) for stored in STORED} == STORED


def test_an_anonymous_visit_only_keeps_browser_and_system():
    assert user_agents.described(ANDROID) == "Chrome on Android"
    assert user_agents.described(IPHONE) == "Safari on iOS"
    assert user_agents.described("curl/8.5.0") == "curl"
