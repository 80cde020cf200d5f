"""`rapport show` and `rapport explain`: a customer's view, and why its records are together, on the terminal.

Both read through the gate and leave a receipt, like every other read.
"""

import asyncio
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rapport.app import embedded
from rapport.app.computed import ComputedValues
from rapport.app.receipting import DirectReceipts
from rapport.cli import options
from rapport.kernel.errors import BadInput, NotFound
from rapport.terms import Gate, Request
from rapport.web.words import source

Customer = Annotated[
    str, typer.Argument(metavar="CUSTOMER", help="type:value, such as email:ada@example.com, or cus_…")
]
Org = Annotated[str | None, typer.Option("--org", help="The organization; needed where there is more than one.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What the data is read for.")]


def register(app: typer.Typer) -> None:
    app.command("show")(show)
    app.command("explain")(explain)


def _gate(data: str | None, org: str | None) -> tuple[Gate, str]:
    settings = options.settings(data)
    ledger = embedded.open_ledger(settings)
    orgs = ledger.orgs()
    if org is None:
        if len(orgs) != 1:
            raise BadInput(f"say which organization with --org: {', '.join(orgs) or 'there is none yet'}")
        org = orgs[0]
    elif org not in orgs:
        raise NotFound(f"there is no organization {org!r}; these exist: {', '.join(orgs) or 'none'}")
    reader = embedded.open_reader(settings, embedded.Sources(ledger).by_name)
    people = embedded.open_people(settings)
    book, computed = DirectReceipts(embedded.open_ledger(settings)), ComputedValues(ledger, reader)
    return Gate(reader, people, book, quiet_s=0, computed=computed.of), org


def show(
    customer: Customer,
    org: Org = None,
    purpose: Purpose = "service",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Show a customer's view: identifiers, traits with their provenance, events and records."""
    gate, organization = _gate(data, org)
    view = asyncio.run(gate.view(Request(organization, customer, purpose, "command line", "view")))
    if json:
        options.print_json(view)
        return
    console = Console()
    changed = f"  ({view['changed']}: another id was asked for)" if "changed" in view else ""
    console.print(f"[bold]{view['customer']}[/]{changed}", highlight=False)
    _print(console, "Identifiers", ["identifier", "said by"], _identifiers(view))
    _print(console, "Traits", ["trait", "value", "source", "observed", "others"], _traits(view))
    if view["computed"]:
        rows = [[name, options.plain(one["value"])] for name, one in view["computed"].items()]
        _print(console, "Computed traits", ["trait", "value"], rows)
    _print(console, "Events", ["name", "count", "first", "last"], _events(view))
    _print(
        console,
        "Records",
        ["record", "source", "why"],
        [[r["record"], source(r["source"]), r["why"]] for r in view["records"]],
    )
    console.print(f"receipt {view['receipt']}", style="dim", highlight=False)


def explain(
    customer: Customer,
    org: Org = None,
    purpose: Purpose = "service",
    data: options.Data = None,
    json: options.Json = False,
) -> None:
    """Explain why a customer's records are together: every piece of evidence, used or not, and why."""
    gate, organization = _gate(data, org)
    answer: dict[str, Any] = {"evidence": []}
    cursor: str | None = None
    while True:
        page = asyncio.run(
            gate.evidence(Request(organization, customer, purpose, "command line", "evidence"), cursor, 500)
        )
        answer = {**page, "evidence": [*answer["evidence"], *page["evidence"]]}
        cursor = page["next"]
        if cursor is None:
            break
    if json:
        options.print_json(answer)
        return
    console = Console()
    console.print(f"[bold]{answer['customer']}[/]", highlight=False)
    for e in sorted(answer["evidence"], key=lambda e: (not e["used"], e["level"], e["source"])):
        joins = "joins        " if e["used"] else "does not join"
        # Ids are there to be copied: they stay in one piece, however narrow the terminal.
        said = f"\n{joins}  {source(e['source']):10} {_plain(_named(e))}\n{'':15}{e['why']}\n{'':15}[dim]{e['id']}[/]"
        console.print(said, highlight=False, soft_wrap=True)


def _named(evidence: dict[str, Any]) -> str:
    identifier = evidence["identifier"]
    return f"{identifier['type']}:{identifier['value']}" if identifier else evidence["kind"].replace("_", "-")


def _identifiers(view: dict[str, Any]) -> list[list[str]]:
    return [[f"{i['type']}:{i['value']}", ", ".join(map(source, i["sources"]))] for i in view["identifiers"]]


def _traits(view: dict[str, Any]) -> list[list[str]]:
    return [
        [
            name,
            str(t["value"]),
            source(t["source"]),
            t["observed_at"] or "at an unknown time",
            str(len(t["others"]) or ""),
        ]
        for name, t in view["traits"].items()
    ]


def _events(view: dict[str, Any]) -> list[list[str]]:
    rows = [[n, str(e["count"]), e["first_at"] or "", e["last_at"] or ""] for n, e in view["events"]["by_name"].items()]
    return [
        *rows,
        ["all", str(view["events"]["total"]), view["events"]["first_at"] or "", view["events"]["last_at"] or ""],
    ]


def _print(console: Console, title: str, columns: list[str], rows: list[list[str]]) -> None:
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    console.print(table if rows else f"{title}: none")
    console.print()


def _plain(text: str) -> str:
    """Values are shown, not obeyed: no markup, no control characters."""
    return "".join(c if c.isprintable() else "�" for c in text).replace("[", r"\[")
