"""Why Minori does not start."""

from minori.errors.root import Error


class StartError(Error):
    """Minori does not start."""


class SettingsInvalid(StartError):
    """An unknown key or a bad value in a file, the environment or a flag."""


class DataDirectoryBusy(StartError):
    """Another process holds the data directory."""


class DataDirectoryBroken(StartError):
    """The data directory is not what it should be."""


class FormatTooNew(StartError):
    """A newer Minori wrote the data directory."""


class ListenFailed(StartError):
    """An address cannot be listened on."""
