"""Permission documents: what is read, what is refused, and where the fault is said to be."""

import json

import pytest

from minori.codec.permission.condition import CONDITION_LENGTH, DEPTH
from minori.codec.permission.document import Statement, parse_permission
from minori.codec.permission.expression import And, Comparison, Constant, FromNetwork, Matches, PathVariable, Variable
from minori.codec.permission.names import NAME_LENGTH, RENAMED, covers, permission_name
from minori.codec.permission.pattern import PATTERN_LENGTH, PROGRAM
from minori.codec.permission.reader import DOCUMENT_LENGTH, STATEMENTS, Effect
from minori.errors import InvalidPermission


def document(condition: str) -> str:
    return json.dumps({"statements": [{"effect": "allow", "api": "*", "condition": condition}]}, ensure_ascii=False)


def refused(text: str) -> InvalidPermission:
    with pytest.raises(InvalidPermission) as error:
        parse_permission(text)
    return error.value


def refused_condition(condition: str) -> InvalidPermission:
    return refused(document(condition))


def pointed_at(text: str, error: InvalidPermission) -> str:
    """The text from the place on that an error points to."""
    lines = text.split("\n")
    return "\n".join([lines[error.line - 1][error.column - 1 :], *lines[error.line :]])


def test_the_published_example_is_read_whole() -> None:
    text = """
    {
      "statements": [
        {
          "effect": "allow",
          "api": ["Sim:listSims", "Group:*"],
          "condition": "currentDate >= date(2023, 02, 01) and ipAddress('10.0.0.1/24')"
        },
        {"api": "Billing:*", "effect": "deny"}
      ]
    }
    """
    since = Comparison(">=", Variable.CURRENT_DATE, Constant(19_389))
    network = FromNetwork(4, 10 << 24, (10 << 24) + 255)
    assert parse_permission(text) == (
        Statement(Effect.ALLOW, ("Sim:listSims", "Group:*"), And((since, network))),
        Statement(Effect.DENY, ("Billing:*",)),
    )


def test_a_pattern_is_kept_as_it_was_written() -> None:
    (statement,) = parse_permission(document("pathVariable('path') matches 'uploads/:imsi/.*'"))
    assert isinstance(statement.condition, Matches)
    assert statement.condition.subject == PathVariable("path")
    assert repr(statement.condition.pattern) == "Pattern('uploads/:imsi/.*')"


def test_two_readings_of_one_document_are_equal() -> None:
    text = document("samUserName matches 'a.*' or not currentTime < time(9, 0)")
    assert parse_permission(text) == parse_permission(text)
    assert len({*parse_permission(text), *parse_permission(text)}) == 1
    assert parse_permission(text) != parse_permission(text.replace("a.*", "b.*"))


def test_a_document_may_have_no_statement_and_a_statement_no_operation() -> None:
    assert parse_permission('{"statements":[]}') == ()
    assert parse_permission('{"statements":[{"effect":"deny","api":[]}]}') == (Statement(Effect.DENY, ()),)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("", "", "an object with statements"),
        (" \n\t ", "", "an object with statements"),
        ("[]", "[]", "an object with statements"),
        ('"{}"', '"{}"', "an object with statements"),
        ("{}", "{}", "an object with statements"),
        ('{"statements":[]', "", "a comma or }"),
        ('{"statements":[]]', "]", "a comma or }"),
        ('{"statements":[],}', "}", "}, as every member is there already"),
        ('{"statements":[]} x', "x", "the end of the document"),
        ('{"statements":[]}{}', "{}", "the end of the document"),
        ("{statements:[]}", "statements:[]}", '"statements"'),
        ("{'statements':[]}", "'statements':[]}", '"statements"'),
        ('{"Statements":[]}', '"Statements":[]}', '"statements"'),
        ('{"statements" []}', "[]}", "a colon"),
        ('{"statements":{}}', "{}}", "an array of statements"),
        ('{"statements":null}', "null}", "an array of statements"),
        ('{"statements":[,]}', ",]}", "an object with effect and api"),
        ('{"statements":["x"]}', '"x"]}', "an object with effect and api"),
        ('{"statements":[{}]}', "{}]}", "an object with effect and api"),
        ('{"statements":[{"api":"*"}]}', '{"api":"*"}]}', "an object with effect and api"),
        ('{"statements":[{"effect":"deny"}]}', '{"effect":"deny"}]}', "an object with effect and api"),
        ('{"statements":[{"effect":"Allow","api":"*"}]}', '"Allow","api":"*"}]}', '"allow" or "deny"'),
        ('{"statements":[{"effect":true,"api":"*"}]}', 'true,"api":"*"}]}', '"allow" or "deny"'),
        ('{"statements":[{"effect":"allow"', "", "a comma or }"),
        ('{"statements":[{"effect":"allow" "api":"*"}]}', '"api":"*"}]}', "a comma or }"),
        ('{"statements":[{"effect":"allow,"api":"*"}]}', '"allow,"api":"*"}]}', '"allow" or "deny"'),
        ('{"statements":[{"effect":"allow', '"allow', 'a JSON string: "allow" or "deny"'),
        ('{"statements":[{"effect":"al\\low"}]}', '\\low"}]}', 'a JSON string: "allow" or "deny"'),
        ('{"statements":[{"effect":"al\nlow"}]}', '\nlow"}]}', 'a JSON string: "allow" or "deny"'),
        ('{"statements":[{"api":{}}]}', "{}}]}", "the name of an operation"),
        ('{"statements":[{"api":["A:b" "C:d"]}]}', '"C:d"]}]}', "a comma or ]"),
        ('{"statements":[{"api":["A:b",]}]}', "]}]}", "the name of an operation"),
        ('{"statements":[{"api":["A:b",7]}]}', "7]}]}", "the name of an operation"),
        ('{"statements":[{"api":["A:b","C"]}]}', '"C"]}]}', "the name of an operation"),
        ('{"statements":[{"api":"*","effect":"deny","condition":null}]}', "null}]}", "a condition in double quotes"),
        ('{"statements":[{"api":"*","effect":"deny","conditon":"x"}]}', '"conditon":"x"}]}', '"condition"'),
        ('{"statements":[{"api":"*","api":"*"}]}', '"api":"*"}]}', '"effect" or "condition"'),
        ('{"statements":[{"sid":"1"}]}', '"sid":"1"}]}', '"effect" or "api" or "condition"'),
        ('{"statements":[{"api":"\\ud800"}]}', '"\\ud800"}]}', "a text that UTF-8 knows"),
        ('{"statements":[{"effect":"\ud800"}]}', '"\ud800"}]}', "a text that UTF-8 knows"),
        ("\ufeff{}", "\ufeff{}", "an object with statements"),
        ('{\n "statements": [\n  {"effect": "perhaps"}]}', '"perhaps"}]}', '"allow" or "deny"'),
        ('{"statements":' + "[" * 1_000, "[" * 999, "an object with effect and api"),
    ],
)
def test_a_fault_in_a_document_is_pointed_at(text: str, at: str, expected: str) -> None:
    error = refused(text)
    assert pointed_at(text, error) == at
    assert error.expected.startswith(expected)


def test_lines_and_columns_are_counted_from_one_and_said_in_the_message() -> None:
    error = refused('{\n  "statements": [\n    {"effect": "perhaps", "api": "*"}\n  ]\n}')
    assert (error.line, error.column) == (3, 16)
    assert error.message == ('The permission document is wrong at line 3, column 16: expected "allow" or "deny"')


@pytest.mark.parametrize(
    ("condition", "at", "expected"),
    [
        ("", "", "a value"),
        ("  ", "", "a value"),
        ("foo", "foo", "a value"),
        ("currentdate == currentDate", "currentdate == currentDate", "a value"),
        ("true and", "", "a value"),
        ("and true", "and true", "a value"),
        ("true AND false", "AND false", "and, or, or the end"),
        ("true false", "false", "and, or, or the end"),
        ("true)", ")", "and, or, or the end"),
        ("(true", "", "and, or, or the )"),
        ("()", ")", "a value"),
        ("true & false", "& false", "a word, a number"),
        ("samUserName = 'a'", "= 'a'", "a word, a number"),
        ('samUserName == "a"', '\\"a\\"', "a word, a number"),
        ("samUserName == 'a", "'a", "a text that ends in a single quote"),
        ("samUserName == 'a''b", "'a''b", "a text that ends in a single quote"),
        ("samUserName == 'it's'", "s'", "and, or, or the end"),
        ("samUserName == 'a' == 'b'", "== 'b'", "and, or, or the end"),
        ("samUserName", "samUserName", "a condition, not a text"),
        ("'true'", "'true'", "a condition, not a text"),
        ("currentDate and true", "currentDate and true", "a condition, not a date"),
        ("true or 1", "1", "a condition, not a number"),
        ("not currentTime", "currentTime", "a condition, not a time of day"),
        ("currentDate >= 2023", "2023", "a date, not a number"),
        ("currentDateTime >= date(2023, 2, 1)", "date(2023, 2, 1)", "a date with its time of day, not a date"),
        ("samUserName == 1", "1", "a text, not a number"),
        ("1 == samUserName", "samUserName", "a number, not a text"),
        ("true == 1", "1", "a condition, not a number"),
        ("samUserName >= 'a'", "samUserName >= 'a'", "a number, a date, a time of day"),
        ("true < false", "true < false", "a number, a date, a time of day"),
        ("date(2023, 02, 30) == currentDate", "date(2023, 02, 30) == currentDate", "a date as in date("),
        ("date(0, 1, 1) == currentDate", "date(0, 1, 1) == currentDate", "a date as in date("),
        ("date(2023, 1.5, 1) == currentDate", "date(2023, 1.5, 1) == currentDate", "a date as in date("),
        ("date(999999999999999, 1, 1) == currentDate", "date(999999999999999, 1, 1) == currentDate", "a date as in"),
        ("date(2023, 02) == currentDate", ") == currentDate", "a date as in date("),
        ("date(2023, 02, 01, 00) == currentDate", ") == currentDate", "a date as in date("),
        ("date('2023', 02, 01) == currentDate", "'2023', 02, 01) == currentDate", "a date as in date("),
        ("date == currentDate", "== currentDate", "a date as in date("),
        ("date() == currentDate", ") == currentDate", "a date as in date("),
        ("date(2023, 02, 01 == currentDate", "== currentDate", "a date as in date("),
        ("time(24, 0) == currentTime", "time(24, 0) == currentTime", "a time of day as in time("),
        ("time(9) == currentTime", ") == currentTime", "a time of day as in time("),
        ("dateTime(2023, 2, 1) == currentDateTime", ") == currentDateTime", "a date with its time of day as in"),
        (
            "dateTime(2023, 2, 1, 0, 60) == currentDateTime",
            "dateTime(2023, 2, 1, 0, 60) == currentDateTime",
            "a date w",
        ),
        ("currentDate() == date(2023, 2, 1)", "() == date(2023, 2, 1)", "and, or, or the end"),
        ("ipAddress(10.0.0.0/24)", "10.0.0.0/24)", "a condition as in ipAddress("),
        ("ipAddress('10.0.0.0/33')", "ipAddress('10.0.0.0/33')", "a condition as in ipAddress("),
        ("ipAddress('10.0.0')", "ipAddress('10.0.0')", "a condition as in ipAddress("),
        ("ipAddress('10.0.0.0/255.0.0.0')", "ipAddress('10.0.0.0/255.0.0.0')", "a condition as in ipAddress("),
        ("ipAddress('fe80::1%eth0')", "ipAddress('fe80::1%eth0')", "a condition as in ipAddress("),
        ("ipAddress('example.com')", "ipAddress('example.com')", "a condition as in ipAddress("),
        ("ipAddress('')", "ipAddress('')", "a condition as in ipAddress("),
        ("ipAddress(samUserName)", "samUserName)", "a condition as in ipAddress("),
        ("ipAddress", "", "a condition as in ipAddress("),
        ("pathVariable('') == 'a'", "pathVariable('') == 'a'", "a text as in pathVariable("),
        ("pathVariable(path) == 'a'", "path) == 'a'", "a text as in pathVariable("),
        ("pathVariable('a', 'b') == 'a'", ") == 'a'", "a text as in pathVariable("),
        ("currentDate matches '2023.*'", "currentDate matches '2023.*'", "a text, not a date"),
        ("samUserName matches operatorId", "operatorId", "a pattern in single quotes"),
        ("samUserName matches", "", "a pattern in single quotes"),
        ("samUserName matches '('", "'('", "a regular expression as RE2 reads it (missing ))"),
        ("samUserName matches '(?=a)'", "'(?=a)'", "a regular expression as RE2 reads it (invalid perl operator)"),
        ("samUserName matches ':imsi{1001}'", "':imsi{1001}'", "a regular expression as RE2 reads it (invalid repet"),
        ("samUserName matches '[:imsi]'", "'[:imsi]'", "a pattern in which :imsi stands neither in [ ]"),
        ("samUserName matches '[^x:imsi]'", "'[^x:imsi]'", "a pattern in which :imsi stands neither in [ ]"),
        ("samUserName matches '[[:alpha:]:imsi]'", "'[[:alpha:]:imsi]'", "a pattern in which :imsi stands neither"),
        ("samUserName matches '[a[b]'", "'[a[b]'", "a pattern in which neither [ nor &&"),
        ("samUserName matches '[a-z&&b]'", "'[a-z&&b]'", "a pattern in which neither [ nor &&"),
        ("é\n== 'x'", "é\\n== 'x'", "a word, a number"),
    ],
)
def test_a_fault_in_a_condition_is_pointed_at(condition: str, at: str, expected: str) -> None:
    text = document(condition)
    error = refused(text)
    assert pointed_at(text, error) == f'{at}"}}]}}'
    assert error.expected.startswith(expected)


@pytest.mark.parametrize(
    "pattern", [r"\Q:imsi\E", r"a\Qb:imsi", r"\\\Q:imsi", r"\Q[\E[:imsi]"], ids=["closed", "open", "behind", "twice"]
)
def test_the_placeholder_may_not_be_quoted(pattern: str) -> None:
    assert "stands neither in" in refused_condition(f"samUserName matches '{pattern}'").expected


@pytest.mark.parametrize(
    "before", [r"\"", r"\\", r"\/", r"\u0027", r"\u00e9", r"\ud83c\udf3e", "é", "\U0001f33e", r"\n"]
)
def test_an_escape_before_a_fault_does_not_move_it(before: str) -> None:
    text = f'{{"statements":[{{"effect":"allow","api":"*","condition":"\'{before}\' == here"}}]}}'
    if before == r"\u0027":
        text = text.replace(before, before * 2)
    assert pointed_at(text, refused(text)) == 'here"}]}'


def test_a_fault_behind_the_last_character_points_at_the_closing_quote() -> None:
    text = document("true and \t\n")
    assert pointed_at(text, refused(text)) == '"}]}'


def test_no_message_repeats_what_was_sent() -> None:
    for condition in ("ruth", "samUserName matches '(?ruth)'", "ruth(1)", "'ruth'", "pathVariable(ruth)", "%ruth"):
        assert "ruth" not in refused_condition(condition).message.replace("truth", "")
        assert "%" not in refused_condition(condition).message
    for text in ('{"ruth":1}', '{"statements":[{"effect":"ruth"}]}', '{"statements":[{"api":"ruth"}]}'):
        assert "ruth" not in refused(text).message


@pytest.mark.parametrize("blank", [" ", "\\t", "\\n", "\\r\\n", "  "])
def test_blanks_may_stand_between_all_pieces_of_a_condition(blank: str) -> None:
    pieces = ["(", "currentDate", ">=", "date", "(", "2023", ",", "02", ",", "01", ")", ")", "and", "true"]
    dense = "(currentDate>=date(2023,02,01))and true"
    wide = f'{{"statements":[{{"effect":"allow","api":"*","condition":"{blank}{blank.join(pieces)}{blank}"}}]}}'
    assert parse_permission(wide) == parse_permission(document(dense))


def test_a_document_is_bounded_in_length() -> None:
    text = '{"statements":[]}'
    assert parse_permission(text.ljust(DOCUMENT_LENGTH)) == ()
    error = refused(text.ljust(DOCUMENT_LENGTH + 1))
    assert (error.line, error.column) == (1, DOCUMENT_LENGTH + 1)
    assert str(DOCUMENT_LENGTH) in error.message


def test_a_document_is_bounded_in_statements() -> None:
    one = '{"effect":"deny","api":"*"}'
    assert len(parse_permission(f'{{"statements":[{",".join([one] * STATEMENTS)}]}}')) == STATEMENTS
    assert str(STATEMENTS) in refused(f'{{"statements":[{",".join([one] * (STATEMENTS + 1))}]}}').message


def test_a_condition_is_bounded_in_length() -> None:
    assert parse_permission(document("true".ljust(CONDITION_LENGTH)))
    assert str(CONDITION_LENGTH) in refused_condition("true".ljust(CONDITION_LENGTH + 1)).message


def test_a_condition_is_bounded_in_depth_and_only_in_depth() -> None:
    assert parse_permission(document("(" * DEPTH + "true" + ")" * DEPTH))
    assert parse_permission(document(" and ".join(["(true)"] * (2 * DEPTH))))
    assert parse_permission(document("not " * 500 + "true"))
    text = document("(" * (DEPTH + 1) + "true" + ")" * (DEPTH + 1))
    assert pointed_at(text, refused(text)).startswith("(true")
    assert str(DEPTH) in refused_condition("(" * 2_000).message


def test_a_pattern_is_bounded_in_length() -> None:
    longest = "a" * PATTERN_LENGTH
    assert parse_permission(document(f"samUserName matches '{longest}'"))
    assert str(PATTERN_LENGTH) in refused_condition(f"samUserName matches '{longest}a'").message


@pytest.mark.parametrize(
    "pattern",
    [".{500}", "(a{999}){999}", r"\pL{500}", r"[\pL\pN]{1000}", "((x{10}){10}){10}(y{1000}){2}", "(:imsi){200}"],
)
def test_a_pattern_is_bounded_in_what_it_takes_to_match(pattern: str) -> None:
    assert refused_condition(f"samUserName matches '{pattern}'").column == 83


def test_the_patterns_of_a_document_are_bounded_together() -> None:
    condition = "samUserName matches '.{150}'"
    statement = {"effect": "allow", "api": "*", "condition": condition}
    once = json.dumps({"statements": [statement]})
    twice = json.dumps({"statements": [statement, statement]})
    (read,) = parse_permission(once)
    assert isinstance(read.condition, Matches)
    assert PROGRAM // 2 < read.condition.pattern.program <= PROGRAM
    assert pointed_at(twice, refused(twice)) == "'.{150}'\"}]}"
    assert "fewer patterns" in refused_condition(f"{condition} or {condition}").message


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("*", "Sim:getSim"),
        ("Sim:getSim", "Sim:getSim"),
        ("Sim:*", "Sim:getSim"),
        ("Sim:get*", "Sim:get"),
        ("*Sim", "Sim:getSim"),
        ("S*m", "Sim:getSim"),
        ("Sim:g*t*S*m", "Sim:getSim"),
        ("***", "Sim:getSim"),
        ("*i*i*", "Sim:getSim"),
    ],
)
def test_a_name_covers_an_operation(name: str, api: str) -> None:
    assert covers(name, api)


@pytest.mark.parametrize(
    ("name", "api"),
    [
        ("Sim:getSi", "Sim:getSim"),
        ("sim:*", "Sim:getSim"),
        ("Sim:get*Sim", "Sim:getSi"),
        ("Sim:getSim*Sim", "Sim:getSim"),
        ("*i*i*i*", "Sim:getSim"),
        ("*x*", "Sim:getSim"),
        ("Sim:list*", "Sim:getSim"),
        ("*:m*S", "Sim:getSim"),
        ("*S*Sim", "getSim"),
        ("get*Sim*m", "getSim"),
    ],
)
def test_a_name_does_not_cover_an_operation(name: str, api: str) -> None:
    assert not covers(name, api)


@pytest.mark.parametrize("name", ["*", "Sim:*", "*:get*", "LoraDevice:getData", "Sim*", "a_1:b_2", "A" * 126 + ":*"])
def test_a_document_may_name_operations_so(name: str) -> None:
    assert len(name) <= NAME_LENGTH
    (statement,) = parse_permission(json.dumps({"statements": [{"effect": "deny", "api": name}]}))
    assert statement.apis == (name,)


@pytest.mark.parametrize(
    "name",
    ["", "Sim", ":", "Sim:", ":getSim", "Sim:get:Sim", "Sim: *", " Sim:*", "Sim:get.*", "カメラ:*", "A" * 128 + "*"],
)
def test_what_could_name_no_operation_is_refused(name: str) -> None:
    text = json.dumps({"statements": [{"effect": "deny", "api": [name]}]})
    assert refused(text).expected.startswith("the name of an operation")


@pytest.mark.parametrize(
    ("tag", "operation_id", "name"),
    [
        ("FileEntry", "getFile", "FileEntry:getFile"),
        ("Files", "getExportedFile", "Files:getExportedFile"),
        ("Group", "listSubscribersInGroup", "Group:listSubscribers"),
        ("Group", "putGroupTags", "Group:putTags"),
        ("Sim", "putSimTags", "Sim:putTags"),
        ("Subscriber", "putSubscriberTags", "Subscriber:putTags"),
        ("Gadget", "deleteGadgetTag", "Gadget:deleteTag"),
        ("Group", "deleteGroupTag", "Group:deleteTag"),
        ("LoraDevice", "deleteLoraDeviceTag", "LoraDevice:deleteTag"),
        ("SigfoxDevice", "deleteSigfoxDeviceTag", "SigfoxDevice:deleteTag"),
        ("Sim", "deleteSimTag", "Sim:deleteTag"),
        ("Subscriber", "deleteSubscriberTag", "Subscriber:deleteTag"),
        ("Device", "putDeviceTags", "Device:putDeviceTags"),
        ("Device", "deleteDeviceTag", "Device:deleteDeviceTag"),
        ("Group", "putSimTags", "Group:putSimTags"),
    ],
)
def test_a_permission_is_named_after_the_operation_or_as_the_definition_renames_it(
    tag: str, operation_id: str, name: str
) -> None:
    assert permission_name(tag, operation_id) == name


def test_a_renamed_operation_keeps_its_tag() -> None:
    assert all(old.partition(":")[0] == new.partition(":")[0] for old, new in RENAMED.items())
