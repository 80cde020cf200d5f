"""What `rapport audience` and `rapport trait` share: how definitions are opened, and how one is told of."""

import contextlib
from collections.abc import Iterator
from typing import Annotated

import typer

from rapport.app.audiences import HouseAudiences, at_hand
from rapport.app.definitions import HouseTraits
from rapport.cli import options
from rapport.decide import Audience, ComputedTrait
from rapport.kernel.expressions import ExpressionError
from rapport.web.audiences import Saved, Warned, told_saved

Org = Annotated[str, typer.Argument(metavar="ORG", help="The organization.")]


@contextlib.contextmanager
def all_problems() -> Iterator[None]:
    """Of an expression all that is wrong is told, the first of it by whoever ends the command."""
    try:
        yield
    except ExpressionError as error:
        for problem in error.problems[1:]:
            typer.echo(f"rapport: {problem.sentence()}", err=True)
        raise


@contextlib.contextmanager
def opened(data: str | None, org: str) -> Iterator[tuple[HouseAudiences, HouseTraits]]:
    """Both, and all that is wrong with an expression."""
    audiences, traits = at_hand(options.settings(data), org)
    with contextlib.closing(audiences), all_problems():
        yield audiences, traits


def echo_saved(saved: Saved[Audience] | Saved[ComputedTrait], *, json: bool) -> None:
    if json:
        options.print_json(told_saved(saved))
        return
    typer.echo(line_of(saved.definition))
    echo_warnings(saved.warnings)


def echo_warnings(warnings: tuple[Warned, ...]) -> None:
    for one in warnings:
        told = one.problem.message if one.field == "purpose" else one.problem.sentence()
        typer.echo(f"  note: {told}")


def line_of(one: Audience | ComputedTrait) -> str:
    what = one.expression
    if isinstance(one, ComputedTrait) and one.model:
        what = f"{one.model} by {one.event}{f', {one.value} of it' if one.value else ''}"
    return f"{one.name}, version {one.version}, for {one.purpose}: {what}"
