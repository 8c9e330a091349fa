"""The command line: what `minori` says of itself, and how it refuses to start."""

import click

from minori import __version__
from minori.cli.doctor import doctor
from minori.cli.feeders import beam_key, ingest_token
from minori.cli.files import files
from minori.cli.logs import logs
from minori.cli.operator import operator
from minori.cli.parse import parse
from minori.cli.serve import serve
from minori.cli.session import session
from minori.cli.settings import settings
from minori.cli.sim import sim
from minori.cli.simulate import simulate
from minori.errors import Error, SettingsInvalid


class _Refused(click.ClickException):
    """An error that ends a command, as one message on standard error."""

    exit_code = 1


class _Misused(_Refused):
    """A wrong setting, which ends as wrong usage does."""

    exit_code = 2


class _Commands(click.Group):
    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SettingsInvalid as error:
            raise _Misused(error.message) from error
        except Error as error:
            raise _Refused(error.message) from error


@click.group(
    cls=_Commands,
    context_settings={"max_content_width": 110},
    epilog="Try it: minori serve --demo",
)
@click.version_option(__version__, message="minori %(version)s")
def cli() -> None:
    """Minori stores what devices send and speaks the Soracom Harvest API.

    Devices send over HTTP, TCP or UDP; any client of Soracom Harvest reads the data back through /v1.
    """


cli.add_command(serve)
cli.add_command(settings)
cli.add_command(files)
cli.add_command(operator)
cli.add_command(session)
cli.add_command(sim)
cli.add_command(beam_key)
cli.add_command(ingest_token)
cli.add_command(logs)
cli.add_command(doctor)
cli.add_command(parse)
cli.add_command(simulate)


def main() -> None:
    """The entry point of the `minori` script."""
    cli(prog_name="minori")
