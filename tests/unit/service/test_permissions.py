"""Who may do what: documents asked about calls."""

import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from minori.codec.permission.document import parse_permission
from minori.codec.permission.names import permission_name
from minori.codec.permission.pattern import TEXT_BYTES
from minori.errors import InvalidPermission
from minori.service.permissions import Context, allows, kept_permission, read_permission

PAGE = Path(__file__).parents[3] / "docs" / "explain" / "permissions.md"

NOON = 1_675_252_800_000
"""2023-02-01 12:00:00 UTC."""

DAY = 86_400_000
IMSI = "440101234567890"
CALL = Context(NOON, "10.0.0.7", "anna", "OP0000000001", "GET")
PUBLISHED = "currentDate >= date(2023, 02, 01) and ipAddress('10.0.0.0/24')"


def path(text: str) -> Context:
    return replace(CALL, variables={"path": text})


def device(text: str, imsi: str | None = IMSI) -> Context:
    return Context(NOON, "10.0.0.7", None, "OP0000000001", "GET", {"scope": "private", "path": text}, imsi)


def statement(effect: str, *apis: str, when: str | None = None) -> dict[str, object]:
    made: dict[str, object] = {"effect": effect, "api": apis[0] if len(apis) == 1 else apis}
    return made if when is None else {**made, "condition": when}


def allow(*apis: str, when: str | None = None) -> dict[str, object]:
    return statement("allow", *apis, when=when)


def deny(*apis: str, when: str | None = None) -> dict[str, object]:
    return statement("deny", *apis, when=when)


def document(*statements: dict[str, object]) -> str:
    return json.dumps({"statements": statements})


def answer(*statements: dict[str, object], api: str, context: Context = CALL) -> bool:
    return read_permission(document(*statements)).allows(api, context)


def holds(condition: str, context: Context = CALL) -> str:
    """Whether a condition holds: as an allow takes it and as a deny takes it."""
    granted = answer(allow("*", when=condition), api="Sim:getSim", context=context)
    barred = not answer(allow("*"), deny("*", when=condition), api="Sim:getSim", context=context)
    return {(True, True): "yes", (False, False): "no", (False, True): "cannot be said"}[granted, barred]


BILLING_READER = allow(
    "Subscriber:list*",
    "Billing:*",
    "Payment:get*",
    "Payment:list*",
    "Payment:exportPaymentStatement",
    "Stats:*",
    "Files:*",
    "Query:searchSubscribers",
)
DATA_READER = allow(
    "Sim:getDataFromSim",
    "Subscriber:getDataFromSubscriber",
    "LoraDevice:getDataFromLoraDevice",
    "SigfoxDevice:getDataFromSigfoxDevice",
    "DataEntry:getDataEntries",
    "DataEntry:getDataEntry",
)
DASHBOARD = allow(
    "Auth:auth",
    "Auth:logout",
    "DataEntry:listDataSourceResources",
    "DataEntry:getDataEntries",
    "FileEntry:getFile",
    "FileEntry:getFileMetadata",
    "FileEntry:putFile",
    "FileEntry:listFiles",
)
OWN_PASSWORD = allow("User:updateUserPassword", when="pathVariable('user_name') == samUserName")
ONE_SIM = allow("Sim:activateSim", "Sim:getSim", when="pathVariable('sim_id') == '8981100000000000001'")
NO_SUPPORT = (allow("*"), deny("Operator:generateSupportToken"))
ROLE = (
    allow("FileEntry:listFiles", when="pathVariable('path') matches 'firmware/versions/'"),
    allow("FileEntry:getFile", when="pathVariable('path') matches 'firmware/versions/.*'"),
    allow("FileEntry:putFile", when="pathVariable('path') matches 'logs/:imsi/.*'"),
)
ANNA = replace(CALL, variables={"user_name": "anna"})
BERT = replace(CALL, variables={"user_name": "bert"})


@pytest.mark.parametrize(
    ("statements", "api", "context", "expected"),
    [
        # The published examples of people's permissions.
        ([allow("Sim:listSims", "Group:*", when=PUBLISHED)], "Sim:listSims", CALL, True),
        ([allow("Sim:listSims", "Group:*", when=PUBLISHED)], "Group:deleteGroup", CALL, True),
        ([allow("Sim:listSims", "Group:*", when=PUBLISHED)], "Sim:getSim", CALL, False),
        ([allow("Sim:listSims", when=PUBLISHED)], "Sim:listSims", replace(CALL, time=NOON - DAY), False),
        ([allow("Sim:listSims", when=PUBLISHED)], "Sim:listSims", replace(CALL, time=NOON + 400 * DAY), True),
        ([allow("Sim:listSims", when=PUBLISHED)], "Sim:listSims", replace(CALL, address="10.0.1.7"), False),
        ([allow("Subscriber:list*", when="ipAddress('10.0.0.1/24')")], "Subscriber:listSubscribers", CALL, True),
        ([BILLING_READER], "Subscriber:listSubscribers", CALL, True),
        ([BILLING_READER], "Subscriber:getSubscriber", CALL, False),
        ([BILLING_READER], "Billing:getBilling", CALL, True),
        ([BILLING_READER], "Payment:getPaymentMethod", CALL, True),
        ([BILLING_READER], "Payment:exportPaymentStatement", CALL, True),
        ([BILLING_READER], "Payment:activatePaymentMethod", CALL, False),
        ([BILLING_READER], "Stats:exportAirStats", CALL, True),
        ([BILLING_READER], "Files:getExportedFile", CALL, True),
        ([BILLING_READER], "FileEntry:getFile", CALL, False),
        ([DATA_READER], "DataEntry:getDataEntries", CALL, True),
        ([DATA_READER], "Sim:getDataFromSim", CALL, True),
        ([DATA_READER], "DataEntry:deleteDataEntry", CALL, False),
        ([DATA_READER], "DataEntry:getDataEntriesByCategory", CALL, False),
        ([*NO_SUPPORT], "Operator:generateSupportToken", CALL, False),
        ([*NO_SUPPORT], "Operator:getOperator", CALL, True),
        ([allow("*")], "Whatever:comesNext", CALL, True),
        ([OWN_PASSWORD], "User:updateUserPassword", ANNA, True),
        ([OWN_PASSWORD], "User:updateUserPassword", BERT, False),
        ([OWN_PASSWORD], "User:deleteUserPassword", ANNA, False),
        ([ONE_SIM], "Sim:getSim", replace(CALL, variables={"sim_id": "8981100000000000001"}), True),
        ([ONE_SIM], "Sim:getSim", replace(CALL, variables={"sim_id": "8981100000000000002"}), False),
        ([ONE_SIM], "Sim:listSims", CALL, False),
        ([DASHBOARD], "FileEntry:putFile", CALL, True),
        ([DASHBOARD], "FileEntry:deleteFile", CALL, False),
        ([allow("FileEntry:listFiles", "FileEntry:getFile")], "FileEntry:getFile", CALL, True),
        ([allow("FileEntry:listFiles", "FileEntry:getFile")], "FileEntry:findFiles", CALL, False),
        # The published role of devices.
        ([*ROLE], "FileEntry:listFiles", device("firmware/versions/"), True),
        ([*ROLE], "FileEntry:listFiles", device("firmware/"), False),
        ([*ROLE], "FileEntry:listFiles", device("firmware/versions/beta/"), False),
        ([*ROLE], "FileEntry:getFile", device("firmware/versions/production.bin"), True),
        ([*ROLE], "FileEntry:getFile", device("firmware/versions/beta/20190601.bin"), True),
        ([*ROLE], "FileEntry:getFile", device("firmware/other.bin"), False),
        ([*ROLE], "FileEntry:getFile", device("a/firmware/versions/production.bin"), False),
        ([*ROLE], "FileEntry:putFile", device(f"logs/{IMSI}/today.txt"), True),
        ([*ROLE], "FileEntry:putFile", device("logs/440109999999999/today.txt"), False),
        ([*ROLE], "FileEntry:putFile", device(f"logs/{IMSI}0/today.txt"), False),
        ([*ROLE], "FileEntry:putFile", device("logs/:imsi/today.txt"), False),
        ([*ROLE], "FileEntry:putFile", device("firmware/versions/production.bin"), False),
        ([*ROLE], "FileEntry:deleteFile", device(f"logs/{IMSI}/today.txt"), False),
        # Allow, deny, and neither.
        ([], "Sim:getSim", CALL, False),
        ([allow("Sim:*"), deny("Sim:delete*")], "Sim:getSim", CALL, True),
        ([allow("Sim:*"), deny("Sim:delete*")], "Sim:deleteSim", CALL, False),
        ([deny("Sim:delete*"), allow("Sim:*")], "Sim:deleteSim", CALL, False),
        ([deny("Sim:getSim"), allow("Sim:getSim"), allow("*")], "Sim:getSim", CALL, False),
        ([deny("Sim:deleteSim")], "Sim:getSim", CALL, False),
        ([allow("Sim:*"), deny("*", when="not ipAddress('10.0.0.0/8')")], "Sim:getSim", CALL, True),
        (
            [allow("Sim:*"), deny("*", when="not ipAddress('10.0.0.0/8')")],
            "Sim:getSim",
            replace(CALL, address="192.0.2.1"),
            False,
        ),
        ([allow("*", when="false"), allow("Sim:getSim")], "Sim:getSim", CALL, True),
        ([allow("*", when="false")], "Sim:getSim", CALL, False),
        ([allow("*"), deny("*", when="false")], "Sim:getSim", CALL, True),
        ([{"effect": "allow", "api": []}], "Sim:getSim", CALL, False),
        # Names.
        ([allow("Sim:getSim")], "Sim:getSimX", CALL, False),
        ([allow("Sim:getSim")], "Sim:getsim", CALL, False),
        ([allow("sim:*")], "Sim:getSim", CALL, False),
        ([allow("Sim:get*")], "Sim:get", CALL, True),
        ([allow("*:get*")], "Group:getGroup", CALL, True),
        ([allow("*:get*Sim")], "Sim:getDataFromSim", CALL, True),
        ([allow("*:get*Sim")], "Sim:getSims", CALL, False),
        ([allow("Sim*")], "Sim:getSim", CALL, True),
        ([allow("*:*")], "Sim:getSim", CALL, True),
        ([allow("Sim:**")], "Sim:getSim", CALL, True),
        ([allow("Sim:*S*S*")], "Sim:getSim", CALL, False),
        ([allow("Sim:get*tSim")], "Sim:getSim", CALL, False),
        ([allow("Group:putTags")], permission_name("Group", "putGroupTags"), CALL, True),
        ([allow("Group:putGroupTags")], permission_name("Group", "putGroupTags"), CALL, False),
        ([allow("Device:putDeviceTags")], permission_name("Device", "putDeviceTags"), CALL, True),
        # What nobody can be denied.
        ([], "Auth:logout", CALL, True),
        ([deny("*")], "Auth:logout", CALL, True),
        ([deny("*")], "Auth:auth", CALL, False),
    ],
)
def test_a_document_gives_this_answer(
    statements: list[dict[str, object]],
    api: str,
    context: Context,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert answer(*statements, api=api, context=context) is expected


@pytest.mark.parametrize(
    ("condition", "context", "expected"),
    [
        # Dates and times are those of UTC.
        ("currentDate == date(2023, 2, 1)", CALL, "yes"),
        ("currentDate == date(2023, 2, 1)", replace(CALL, time=NOON + DAY // 2 - 1), "yes"),
        ("currentDate == date(2023, 2, 1)", replace(CALL, time=NOON + DAY // 2), "no"),
        ("currentDate == date(2023, 2, 1)", replace(CALL, time=NOON - DAY // 2), "yes"),
        ("currentDate == date(2023, 2, 1)", replace(CALL, time=NOON - DAY // 2 - 1), "no"),
        ("currentDate != date(2023, 02, 01)", CALL, "no"),
        ("currentDate < date(2023, 2, 2) and currentDate > date(2023, 1, 31)", CALL, "yes"),
        ("currentDate <= date(2023, 2, 1)", CALL, "yes"),
        ("currentDate > date(2023, 2, 1)", CALL, "no"),
        ("date(2024, 2, 29) > date(2024, 2, 28)", CALL, "yes"),
        ("currentDate == date(1970, 1, 1)", Context(0), "yes"),
        ("currentTime == time(12, 0)", CALL, "yes"),
        ("currentTime == time(12, 0, 1)", replace(CALL, time=NOON + 1_999), "yes"),
        ("currentTime >= time(9, 0) and currentTime < time(17, 30)", CALL, "yes"),
        ("currentTime >= time(9, 0) and currentTime < time(17, 30)", replace(CALL, time=NOON + DAY // 4), "no"),
        ("currentDateTime >= dateTime(2023, 2, 1, 12, 0)", CALL, "yes"),
        ("currentDateTime > dateTime(2023, 2, 1, 12, 0, 0)", CALL, "no"),
        ("currentDateTime < dateTime(2023, 2, 1, 12, 0, 1)", CALL, "yes"),
        # Addresses.
        ("ipAddress('10.0.0.7')", CALL, "yes"),
        ("ipAddress('10.0.0.8')", CALL, "no"),
        ("ipAddress('10.0.0.1/24')", CALL, "yes"),
        ("ipAddress('10.0.0.8/29')", CALL, "no"),
        ("ipAddress('0.0.0.0/0')", CALL, "yes"),
        ("ipAddress('::/0')", CALL, "no"),
        ("ipAddress('2001:db8::/32')", replace(CALL, address="2001:db8:1::7"), "yes"),
        ("ipAddress('2001:db8::/32')", replace(CALL, address="2001:db9::7"), "no"),
        ("ipAddress('0.0.0.0/0')", replace(CALL, address="2001:db8::7"), "no"),
        ("ipAddress('10.0.0.0/24')", replace(CALL, address="::ffff:10.0.0.7"), "yes"),
        ("ipAddress('::ffff:10.0.0.0/120')", CALL, "yes"),
        ("ipAddress('::ffff:10.0.1.0/120')", CALL, "no"),
        ("ipAddress('fe80::/10')", replace(CALL, address="fe80::1%eth0"), "yes"),
        ("ipAddress('10.0.0.0/24')", replace(CALL, address=None), "cannot be said"),
        ("ipAddress('10.0.0.0/24')", replace(CALL, address="unix:"), "cannot be said"),
        ("ipAddress('10.0.0.0/24') == false", CALL, "no"),
        # Who, and how.
        ("samUserName == 'anna'", CALL, "yes"),
        ("samUserName == 'Anna'", CALL, "no"),
        ("samUserName != 'bert'", CALL, "yes"),
        ("samUserName != 'bert'", replace(CALL, sam_user_name=None), "cannot be said"),
        ("operatorId == 'OP0000000001'", CALL, "yes"),
        ("operatorId == 'OP0000000001'", Context(NOON), "cannot be said"),
        ("httpMethod == 'GET' || httpMethod == 'HEAD'", CALL, "yes"),
        ("httpMethod == 'GET' or httpMethod == 'HEAD'", replace(CALL, http_method="PUT"), "no"),
        # Path variables.
        ("pathVariable('path') == 'a'", path("a"), "yes"),
        ("pathVariable('path') == 'it''s'", path("it's"), "yes"),
        (r"pathVariable('path') == 'a\b'", path("a\\b"), "yes"),
        ("pathVariable('path') == ':imsi'", replace(path(":imsi"), imsi=IMSI), "yes"),
        ("pathVariable('nope') == 'a'", path("a"), "cannot be said"),
        ("pathVariable('nope') != 'a'", path("a"), "cannot be said"),
        ("pathVariable('path') == pathVariable('nope')", path("a"), "cannot be said"),
        ("pathVariable('nope') == pathVariable('nope')", path("a"), "cannot be said"),
        ("pathVariable('nope') matches '.*'", path("a"), "cannot be said"),
        # Patterns.
        ("pathVariable('path') matches 'b'", path("abc"), "no"),
        ("pathVariable('path') matches '.*b.*'", path("abc"), "yes"),
        ("pathVariable('path') matches '^b$'", path("b"), "yes"),
        ("pathVariable('path') matches 'a|b'", path("ab"), "no"),
        ("pathVariable('path') matches 'a|ab'", path("ab"), "yes"),
        (r"pathVariable('path') matches '\d{4}/[a-z]+\.jpe?g'", path("2023/cat.jpg"), "yes"),
        (r"pathVariable('path') matches '\d{4}/[a-z]+\.jpe?g'", path("2023/cat.gif"), "no"),
        ("pathVariable('path') matches '(?i)README'", path("readme"), "yes"),
        ("pathVariable('path') matches '...'", path("カメラ"), "yes"),
        ("pathVariable('path') matches ''", path(""), "yes"),
        ("pathVariable('path') matches '[^/]*'", path("a/b"), "no"),
        ("pathVariable('path') matches 'a.b'", path("a\nb"), "no"),
        ("samUserName matches 'an+a'", CALL, "yes"),
        ("'abc' matches 'a.c'", CALL, "yes"),
        ("pathVariable('path') matches ':imsi/.*'", device(f"{IMSI}/a"), "yes"),
        ("pathVariable('path') matches ':imsi/:imsi'", device(f"{IMSI}/{IMSI}"), "yes"),
        ("pathVariable('path') matches '(:imsi)+'", device(IMSI * 2), "yes"),
        ("pathVariable('path') matches ':imsi?'", device(""), "yes"),
        ("pathVariable('path') matches ':imsi/.*'", device("a/a", "a|.*"), "no"),
        ("pathVariable('path') matches ':imsi/.*'", device("a|.*/a", "a|.*"), "yes"),
        ("pathVariable('path') matches '.*:imsi'", device("x", ".*"), "no"),
        (r"pathVariable('path') matches '\Q.\E:imsi'", device(f".{IMSI}"), "yes"),
        (r"pathVariable('path') matches '[\]]:imsi'", device(f"]{IMSI}"), "yes"),
        ("pathVariable('path') matches '[[:alpha:]]:imsi'", device(f"a{IMSI}"), "yes"),
        (r"pathVariable('path') matches '\:imsi'", device(":imsi"), "yes"),
        (r"pathVariable('path') matches '\:imsi'", device(IMSI), "no"),
        (r"pathVariable('path') matches '\\:imsi'", device(f"\\{IMSI}"), "yes"),
        ("pathVariable('path') matches '(?:imsi|imei)'", device("imei"), "yes"),
        ("pathVariable('path') matches '(?i:imsi)'", device("IMSI"), "yes"),
        ("pathVariable('path') matches ':imsi/.*'", device("x/a", None), "cannot be said"),
        ("pathVariable('path') matches ':imsi/.*'", device("/a", ""), "cannot be said"),
        ("pathVariable('path') matches ':imsi/.*'", device("9" * 33 + "/a", "9" * 33), "cannot be said"),
        ("pathVariable('path') matches ':imsi/.*'", device("x/a", "\ud800"), "cannot be said"),
        ("pathVariable('path') matches 'a*'", path("a" * TEXT_BYTES), "yes"),
        ("pathVariable('path') matches 'a*'", path("a" * (TEXT_BYTES + 1)), "cannot be said"),
        ("pathVariable('path') matches '.*'", path("漢" * (TEXT_BYTES // 3 + 1)), "cannot be said"),
        ("pathVariable('path') matches '.*'", path("\ud800"), "cannot be said"),
        # Joined: what cannot be said stays so, unless the rest decides.
        ("true", CALL, "yes"),
        ("not true", CALL, "no"),
        ("!false", CALL, "yes"),
        ("not not true", CALL, "yes"),
        ("!!!true", CALL, "no"),
        ("1 < 2 and 2.5 >= 2.5 && 007 == 7", CALL, "yes"),
        ("true or true and false", CALL, "yes"),
        ("(true or true) and false", CALL, "no"),
        ("not samUserName == 'bert'", CALL, "yes"),
        ("not (true and false)", CALL, "yes"),
        ("true == (1 == 1)", CALL, "yes"),
        ("true or pathVariable('nope') == 'a'", CALL, "yes"),
        ("pathVariable('nope') == 'a' or true", CALL, "yes"),
        ("pathVariable('nope') == 'a' or false", CALL, "cannot be said"),
        ("false and pathVariable('nope') == 'a'", CALL, "no"),
        ("pathVariable('nope') == 'a' and false", CALL, "no"),
        ("pathVariable('nope') == 'a' and true", CALL, "cannot be said"),
        ("not pathVariable('nope') == 'a'", CALL, "cannot be said"),
        ("(pathVariable('nope') == 'a') == false", CALL, "cannot be said"),
    ],
)
def test_a_condition_holds_or_not_or_cannot_be_said_to(condition: str, context: Context, expected: str) -> None:
    assert holds(condition, context) == expected


@pytest.mark.parametrize(
    ("default", "role", "own", "expected"),
    [
        (allow("Sim:*"), None, None, True),
        (None, allow("Sim:*"), None, True),
        (None, None, allow("Sim:*"), True),
        (None, None, None, False),
        (deny("Sim:*"), allow("Sim:*"), allow("Sim:*"), False),
        (allow("Sim:*"), deny("Sim:*"), allow("Sim:*"), False),
        (allow("Sim:*"), allow("Sim:*"), deny("Sim:*"), False),
        (deny("Billing:*"), None, allow("*"), True),
        (allow("Billing:*"), allow("Group:*"), allow("Sim:getSim"), True),
    ],
)
def test_default_permissions_roles_and_own_permission_count_together(
    default: dict[str, object] | None,
    role: dict[str, object] | None,
    own: dict[str, object] | None,
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    documents = [document() if each is None else document(each) for each in (default, role, own)]
    assert allows([read_permission(text) for text in documents], "Sim:getSim", CALL) is expected


def test_nobody_without_a_document_may_do_anything() -> None:
    assert not allows([], "Sim:getSim", CALL)


def test_what_is_saved_and_cannot_be_read_any_more_denies_everything_beside_others_too() -> None:
    unreadable = kept_permission('{"statements":[{"effect":"allow","api":"*","condition":"was once known"}]}')
    anything = kept_permission(document(allow("*")))
    assert allows([anything], "Sim:getSim", CALL)
    assert not allows([unreadable], "Sim:getSim", CALL)
    assert not allows([anything, unreadable], "Sim:getSim", CALL)


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    permission = read_permission(document(allow("Sim:*", when="samUserName == 'anna'"), deny("Sim:delete*")))
    for _ in range(2):
        for number in range(1_500):
            assert permission.allows(f"Sim:get{number}", CALL)
        assert not permission.allows("Sim:deleteSim", CALL)
        assert not permission.allows("Sim:getSim", replace(CALL, sam_user_name="bert"))
        assert permission.allows("Sim:getSim", CALL)


def test_one_imsi_is_never_taken_for_another() -> None:
    permission = read_permission(document(*ROLE))
    sims = [f"44010{number:010}" for number in range(300)]
    for _ in range(2):
        for mine, other in zip(sims, reversed(sims), strict=True):
            assert permission.allows("FileEntry:putFile", device(f"logs/{mine}/a", mine))
            assert not permission.allows("FileEntry:putFile", device(f"logs/{other}/a", mine))


def test_every_condition_on_the_page_can_be_saved() -> None:
    """The documents on it are looked at in `tests/docs`."""
    page = PAGE.read_text(encoding="utf-8")
    conditions = re.findall(r"^\| `(.+?)` \| (?:documented|ours) \|", page, re.MULTILINE)
    assert len(conditions) == 16
    for condition in conditions:
        assert parse_permission(document(allow("*", when=condition.replace("\\|", "|"))))


def test_every_pattern_that_the_page_says_is_refused_is_refused() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+) \| refused \|$", page, re.MULTILINE)
    patterns = [pattern for row in rows for pattern in re.findall(r"`(.+?)`", row)]
    assert len(patterns) == 19
    for pattern in patterns:
        with pytest.raises(InvalidPermission, match=r"expected a (?:regular expression|pattern)"):
            read_permission(document(allow("*", when=f"samUserName matches '{pattern}'")))
