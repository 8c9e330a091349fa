"""What every file index passes: the words of `storage.base.FileIndex`, each as a test.

A driver's tests subclass `FileIndexContract` and say how one empty index is opened. pytest collects the
subclass; these modules need no test library.
"""

from minori.storage.contract.file_changes import FilePlacingContract, FileRemovingContract
from minori.storage.contract.file_pages import FileExpiryContract, FilePagesContract
from minori.storage.contract.file_turns import FileTurnsContract


class FileIndexContract(
    FilePlacingContract, FileRemovingContract, FileTurnsContract, FilePagesContract, FileExpiryContract
):
    """The suite. Every test gets an empty index on an event loop of its own."""
