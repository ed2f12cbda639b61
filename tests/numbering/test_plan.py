"""Where numbers are at home."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.plan import UNKNOWN, Home, Plan, built_in, plan_of

digits = st.text("012", min_size=1, max_size=6)


def home(mccmnc: str, prefix: str = "") -> Home:
    return Home("HR", mccmnc, f"network {mccmnc}", prefix, "385", "Croatia", True)


def test_the_longest_prefix_counts() -> None:
    first, second = home("21901"), home("21910", "91")
    plan = Plan({"385": first, "38591": second})
    assert plan.find("385911234567") is second
    assert plan.find("385981234567") is first
    assert plan.find("385") is first
    assert plan.find("417") is UNKNOWN
    assert Plan({}).find("385911234567") is UNKNOWN


@given(st.dictionaries(digits, st.integers(0, 99).map(lambda code: home(f"219{code:02}"))), digits)
def test_so_it_is_for_all_plans_and_numbers(homes: dict[str, Home], number: str) -> None:
    fitting = [prefix for prefix in homes if number.startswith(prefix)]
    assert Plan(homes).find(number) is (homes[max(fitting, key=len)] if fitting else UNKNOWN)


@given(st.from_regex(r"[1-9][0-9]{4,14}", fullmatch=True))
def test_a_number_begins_with_its_calling_code_and_its_network_s_prefix(number: str) -> None:
    found = built_in().find(number)
    assert not found.prefix or found.calling_code
    assert number.startswith(found.calling_code + found.prefix)


@pytest.mark.parametrize(
    ("number", "country", "mccmnc", "network", "prefix", "calling_code"),
    [
        ("385911234567", "HR", "21910", "A1 Telekom", "91", "385"),
        ("41793026727", "CH", "22801", "Swisscom", "79", "41"),
        ("447797123456", "JE", "23450", "JT", "7797", "44"),
        ("447624123456", "IM", "23458", "Manx Telecom", "7624", "44"),
        ("447400123456", "GB", "23420", "Three", "7400", "44"),
        ("12125551234", "US", "", "", "", "1"),
        ("16135551234", "CA", "", "", "", "1"),
        ("18765551234", "JM", "", "", "", "1"),
        ("262692123456", "RE", "64710", "SFR", "692", "262"),
        ("262639123456", "YT", "", "", "", "262"),
        ("59996181234", "CW", "36269", "Digicel", "9", "599"),
        ("5997181234", "BQ", "", "", "", "599"),
        ("77011234567", "KZ", "40102", "Kcell/Activ", "701", "7"),
        ("74951234567", "RU", "", "", "", "7"),
        ("3906698123", "VA", "", "", "", "39"),
        ("88162345678", "", "90103", "iridium satellite", "6", "881"),
    ],
)
def test_the_plan_that_smsd_brings_knows(
    number: str, country: str, mccmnc: str, network: str, prefix: str, calling_code: str
) -> None:
    found = built_in().find(number)
    assert (found.country, found.mccmnc, found.network) == (country, mccmnc, network)
    assert (found.prefix, found.calling_code) == (prefix, calling_code)
    assert found.country_name


@pytest.mark.parametrize("number", ["210123456789", "999123456789", "83212345678", "0385911234567"])
def test_what_is_no_countrys_is_unknown(number: str) -> None:
    assert built_in().find(number) is UNKNOWN


def test_each_country_has_its_own_numbers() -> None:
    wrong = []
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in phonenumbers.PhoneNumberType.values():
            number = phonenumbers.example_number_for_type(region, kind)
            if number is not None:
                text = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
                if built_in().find(text).country != phonenumbers.region_code_for_number(number):
                    wrong.append(text)
    assert wrong == []


def test_a_mobile_number_may_be_one_and_a_fixed_one_not() -> None:
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if number is None:
            continue
        text = f"{number.country_code}{phonenumbers.national_significant_number(number)}"
        assert built_in().find(text).mobile, text
    assert not built_in().find("4930123456").mobile
    assert not built_in().find("38512345678").mobile


def test_a_network_is_found_by_its_code() -> None:
    plan = built_in()
    assert plan.of_network("22801").network == "Swisscom"
    assert plan.of_network("21910") == plan.find("385911234567")
    verizon = plan.of_network("310010")
    assert (verizon.network, verizon.country, verizon.calling_code) == ("Verizon Wireless", "US", "1")
    assert plan.of_network("99942") == Home(mccmnc="99942")


def test_an_own_prefix_counts_before_all_others_and_the_country_stays() -> None:
    plan = built_in().with_own({"3859": ("21942", "Ours"), "599": ("36269", ""), "999": ("90188", "Lab")})
    for number in ("385911234567", "385981234567", "3859"):
        found = plan.find(number)
        assert (found.country, found.mccmnc, found.network, found.prefix) == ("HR", "21942", "Ours", "9")
    assert plan.find("38512345678").mccmnc == ""
    assert plan.find("59996181234").country == "CW"
    assert plan.find("5997181234").country == "BQ"
    assert plan.find("5997181234").network == "Digicel"
    lab = plan.find("9991234")
    assert (lab.mccmnc, lab.network, lab.prefix, lab.calling_code) == ("90188", "Lab", "999", "")
    assert built_in().find("9991234") is UNKNOWN
    assert built_in().with_own({}) is built_in()


def test_of_two_own_prefixes_the_longer_counts() -> None:
    plan = built_in().with_own({"385": ("21942", "Ours"), "38591": ("21943", "Theirs")})
    assert plan.find("385911234567").mccmnc == "21943"
    assert plan.find("385981234567").mccmnc == "21942"
    assert plan.of_network("21943").network == "Theirs"


def test_an_own_name_is_the_networks_wherever_its_code_is_met() -> None:
    plan = built_in().with_own({"38599": ("21901", "Telekom"), "38597": ("21902", "")})
    assert plan.of_network("21901").network == "Telekom"
    assert plan.of_network("21902").network == "Tele2"


@given(st.dictionaries(digits, digits), st.dictionaries(digits, digits), digits)
def test_so_it_is_for_all_own_prefixes(theirs: dict[str, str], own: dict[str, str], number: str) -> None:
    plan = Plan({prefix: Home(f"C{code}", code) for prefix, code in theirs.items()})
    before = plan.find(number)
    found = plan.with_own({prefix: (code, "") for prefix, code in own.items()}).find(number)
    fitting = [prefix for prefix in own if number.startswith(prefix)]
    if fitting:
        assert found.mccmnc == own[max(fitting, key=len)]
        if before is not UNKNOWN:
            assert found.country == before.country
    else:
        assert found is before


def test_a_plan_is_made_of_its_tables() -> None:
    plan = plan_of(
        [
            "calling_code,country,country_name,mobile,mccmnc,network,destination_code,prefixes",
            "41,CH,Switzerland,,,,,41",
            "41,CH,Switzerland,1,22801,Swisscom,2,4179 41501",
        ],
        ["mcc,mnc,country,name", "228,01,CH,Swisscom Schweiz AG", "228,02,CH,Sunrise"],
    )
    assert plan.find("41791234567") == Home("CH", "22801", "Swisscom", "79", "41", "Switzerland", True)
    assert plan.find("41501234567").prefix == "50"
    assert plan.find("41443026727") == Home("CH", "", "", "", "41", "Switzerland")
    assert plan.of_network("22801") is plan.find("41791234567")
    assert plan.of_network("22802") == Home("CH", "22802", "Sunrise", "", "41", "Switzerland", True)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        *(("385911234567", "HR"), ("12025550123", "US"), ("14165550123", "CA"), ("447400123456", "GB")),
        *(("77012345678", "KZ"), ("88213123456", ""), ("99912345", "")),
    ],
)
def test_a_number_has_a_country(number: str, country: str) -> None:
    assert built_in().find(number).country == country
