from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.http_api.visitors import SYSTEMS, UNKNOWN, of_user_agent

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"

PERSONS = [
    (f"{IPHONE} Version/17.1 Mobile/15E148 Safari/604.1", "IOS"),
    (f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/400.0.0.29.71;FBDV/iPhone14,5;FBMD/iPhone]", "IOS"),
    (f"{IPHONE} Mobile/15E148 Instagram 300.0.0.0.1", "IOS"),
    (f"Mozilla/5.0 (Linux; Android 14; SM-S918B) {WEBKIT} Chrome/119.0.0.0 Mobile Safari/537.36", "ANDROID"),
    (
        f"Mozilla/5.0 (Linux; Android 7.0; CUBOT NOTE) {WEBKIT} Chrome/99.0.0.0 Mobile Safari/537.36",
        "ANDROID",
    ),
    (
        f"Mozilla/5.0 (Linux; Android 12; wv) {WEBKIT} Version/4.0 Chrome/119 Mobile Safari/537.36 Viber/20",
        "ANDROID",
    ),
    (
        f"Mozilla/5.0 (Linux; U; Android 4.4.2; de-de; GT-I9505) {WEBKIT} Version/4.0 Mobile Safari/534.30",
        "ANDROID",
    ),
    (
        f"Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) {WEBKIT} Edge/15.15063",
        "WINDOWS_PHONE",
    ),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/119.0.0.0 Safari/537.36", "WINDOWS"),
    ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/119.0", "LINUX"),
    (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/119.0.0.0 Safari/537.36", "LINUX"),
    ("Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", UNKNOWN),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/17.1 Safari/605.1.15", UNKNOWN),
]
MACHINES = [
    "",
    " ",
    "WhatsApp/2.23.20.0 A",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "Twitterbot/1.0",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "Viber/13.3.0.5 CFNetwork/1126 Darwin/19.5.0",
    # What iMessage calls itself.
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1"
    " Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) {WEBKIT} Chrome/120 Mobile Safari/537.36 (compatible;"
    " Googlebot/2.1; +http://www.google.com/bot.html)",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} HeadlessChrome/119.0.0.0 Safari/537.36",
    "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
    "Mozilla/5.0 (compatible; Barracuda Sentinel)",
    "Google-Safety",
    "curl/8.0",
    "python-requests/2.31",
    "Go-http-client/1.1",
    "okhttp/4.9",
    "Java/1.8.0_151",
]


@pytest.mark.parametrize(("agent", "system"), PERSONS)
def test_a_browser_is_a_person_on_a_system(agent: str, system: str) -> None:
    assert of_user_agent(agent) == (system, False)


@pytest.mark.parametrize("agent", MACHINES)
def test_what_looks_at_links_by_itself_is_a_machine(agent: str) -> None:
    assert of_user_agent(agent).machine


@given(st.text(max_size=512))
def test_any_name_is_of_some_system(agent: str) -> None:
    assert of_user_agent(agent).os in {*SYSTEMS.values(), UNKNOWN}
