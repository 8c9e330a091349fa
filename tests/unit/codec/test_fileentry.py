"""Files and directories as the JSON of a list."""

import msgspec

from minori.codec.fileentry import encode_files
from minori.model.file import PUBLIC, Blob, FileEntry


def test_a_public_file_says_nothing_of_an_operator() -> None:
    entries = [
        FileEntry(owner, "/a/é.txt", 1, 2, Blob("0" * 32, 3, "f" * 32), "text/plain", 9) for owner in (PUBLIC, "OP1")
    ]
    public, private = msgspec.json.decode(encode_files(entries))
    assert private == public | {"operatorId": "OP1"}
    assert "operatorId" not in public


def test_an_empty_file_has_a_length_and_a_directory_has_none() -> None:
    file, directory = msgspec.json.decode(
        encode_files([FileEntry("OP1", "/a", 1, 2, Blob("0" * 32, 0, "f" * 32), "x/y"), FileEntry("OP1", "/b/", 1, 2)])
    )
    assert (file["contentLength"], file["isDirectory"]) == (0, False)
    assert "contentLength" not in directory
    assert (directory["filename"], directory["directory"], directory["isDirectory"]) == ("b/", "/", True)
