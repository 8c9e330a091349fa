"""What a group's role lets its SIMs do with files."""

import json
from typing import Any

import pytest

from doorway import IMSI, KNOWN, OPERATOR, House, run
from filedevice import device
from minori.model.registry import Role, role_srn
from minori.storage.base import Put, Remove

OWN = f"/uploads/{IMSI[KNOWN]}"
DOCUMENTED: list[dict[str, Any]] = [
    {"effect": "allow", "api": "FileEntry:listFiles", "condition": "pathVariable('path') matches 'firmware/versions/'"},
    {"effect": "allow", "api": "FileEntry:getFile", "condition": "pathVariable('path') matches 'firmware/versions/.*'"},
    {"effect": "allow", "api": "FileEntry:putFile", "condition": "pathVariable('path') matches 'uploads/:imsi/.*'"},
]


async def give_role(house: House, *statements: dict[str, Any], operator_id: str = OPERATOR) -> Role:
    document = json.dumps({"statements": statements})
    role = Role(role_srn(operator_id, "role01"), operator_id, "role01", "", document, 0, 0)
    await house.views.apply(Put(role))
    return role


def test_a_sim_does_what_its_role_allows_and_nothing_else() -> None:
    async def main() -> None:
        async with device() as (h, known):
            for path in ("/firmware/versions/1.bin", "/secret/key"):
                assert await known.put(path) == 201
            await give_role(h, *DOCUMENTED)
            await h.let_files(assumedRoleId="role01")
            asked = {
                ("PUT", f"{OWN}/a.txt"): 201,
                ("POST", f"{OWN}/a.txt"): 200,
                ("PUT", "/uploads/001010000000002/a.txt"): 403,
                ("PUT", f"//uploads%2F{IMSI[KNOWN]}/b.txt"): 201,
                ("PUT", "/firmware/versions/2.bin"): 403,
                ("GET", "/firmware/versions/1.bin"): 200,
                ("HEAD", "/firmware/versions/1.bin"): 200,
                ("GET", "/firmware/versions/"): 200,
                ("GET", "/firmware/"): 403,
                ("GET", "/"): 403,
                ("GET", "/secret/key"): 403,
                ("HEAD", "/secret/key"): 403,
                ("GET", "/secret/none"): 403,
                ("GET", "/secret"): 403,
                ("GET", f"{OWN}/a.txt"): 403,
            }
            got = {
                call: (await known.ask(*call, b"hello" if call[0] in ("PUT", "POST") else None)).status
                for call in asked
            }
            assert got == asked

    run(main())


def test_a_refused_upload_leaves_nothing_and_says_what_lacks() -> None:
    async def main() -> None:
        async with device() as (h, known):
            await give_role(h, *DOCUMENTED)
            await h.let_files(assumedRoleId="role01", defaultPath="/logs/:imsi.txt")
            for path in ("/", "/a"):
                answer = await known.ask("PUT", path, b"hello")
                assert (answer.status, list(json.loads(answer.body))) == (403, ["message"])
                assert "'FileEntry:putFile'" in answer.message
            assert await h.paths() == []

    run(main())


def test_the_default_path_is_judged_as_it_is_after_its_placeholders() -> None:
    async def main() -> None:
        async with device() as (h, known):
            await give_role(h, *DOCUMENTED)
            await h.let_files(assumedRoleId="role01", defaultPath="/uploads/:imsi/x.txt")
            assert await known.put("/") == 201
            assert await h.file(f"{OWN}/x.txt") == ("application/octet-stream", b"hello")

    run(main())


def test_a_change_of_the_role_and_its_end_count_at_once() -> None:
    async def main() -> None:
        async with device() as (h, known):
            await h.let_files(assumedRoleId="role01")
            assert await known.put("/a") == 403
            role = await give_role(h, {"effect": "allow", "api": "FileEntry:*"})
            assert await known.put("/a") == 201
            await give_role(h, {"effect": "allow", "api": "*"}, {"effect": "deny", "api": "FileEntry:putFile"})
            assert await known.put("/a") == 403
            await h.views.apply(Remove(role))
            assert (await known.ask("GET", "/a")).status == 403

    run(main())


@pytest.mark.parametrize("operator_id", ["OP0000000002", ""])
def test_a_role_of_another_operator_is_no_role(operator_id: str) -> None:
    async def main() -> None:
        async with device() as (h, known):
            await give_role(h, {"effect": "allow", "api": "*"}, operator_id=operator_id)
            await h.let_files(assumedRoleId="role01")
            assert await known.put("/a") == 403

    run(main())
