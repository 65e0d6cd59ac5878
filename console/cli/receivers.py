"""`earshot receivers`: who is told of what is opened, by webhook or e-mail."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console.cli import _options
from console.cli._options import Commands, as_json, chosen_org

app = Commands(no_args_is_help=True, help="Who is told of cases: webhooks and e-mail addresses.")
adding = Commands(no_args_is_help=True, help="Add a webhook or an e-mail address.")
app.add_typer(adding, name="add")

Named = Annotated[str, typer.Argument(metavar="NAME", help="Its name, how that begins, or its id.")]
NewName = Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")]
Tells = Annotated[
    str | None,
    typer.Option(
        help="Kinds of news, commas between them: case.opened, incident.opened, ... (default: all)."
    ),
]
Owner = Annotated[
    str | None, typer.Option(metavar="EMAIL", help="The user who hears when it takes nothing any more.")
]


@adding.command()
def webhook(
    name: NewName,
    url: Annotated[str, typer.Argument(metavar="URL", help="Its address: https://...")],
    tells: Tells = None,
    per_hour: Annotated[
        int | None,
        typer.Option(
            min=0, help="Deliveries an hour; what is beyond waits and becomes one (default: no limit)."
        ),
    ] = None,
    owner: Owner = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Add a webhook, and show the secret that signs what it gets. It is shown once.

    Each piece of news is a POST of {"type", "timestamp", "data"}, signed as www.standardwebhooks.com says. The
    webhook-id is the same at every try: whoever remembers ids takes each piece once. News of a case comes in order.

    Examples: earshot receivers add webhook desk https://desk.example/earshot
              earshot receivers add webhook alarm https://alarm.example/in --tells incident.opened,incident.closed
    """
    from console.cli import _print
    from console.database import opened_for
    from console.receivers import add_webhook, the_receiver
    from workers._settings import settings
    from workers.undelivered import command

    chosen = _options.org()
    with opened_for(chosen) as session:
        secret = add_webhook(
            session,
            chosen,
            name,
            url,
            settings(),
            tells=_kinds(tells),
            per_hour=per_hour or None,
            owner=owner,
        )
        row = the_receiver(session, chosen, name)
    if json:
        _print.as_json({"done": "added", "org": chosen, "receiver": row, "secret": secret})
        return
    _print.line(f"{row['name']} is told {_of(row)} from now on (organisation {chosen}).")
    _owner(row, chosen)
    _print.line(f"Its secret, which is not shown again: {secret}")
    _print.line(f"Try it: {command(row['name'], chosen)}")


@adding.command()
def email(
    name: NewName,
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="sam@acme.example")],
    tells: Tells = None,
    per_hour: Annotated[
        int, typer.Option(min=0, help="Messages an hour; what is beyond waits and becomes one; 0: no limit.")
    ] = 60,
    owner: Owner = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Add an e-mail address. EARSHOT_SMTP_URL and EARSHOT_MAIL_FROM name the server that sends, and the sender.

    Example: earshot receivers add email support support@acme.example --tells case.opened,case.raised --per-hour 20
    """
    from console.cli import _print
    from console.database import opened_for
    from console.receivers import add_email, the_receiver
    from workers._settings import settings
    from workers.undelivered import command

    chosen = _options.org()
    with opened_for(chosen) as session:
        limit = per_hour or None
        add_email(
            session, chosen, name, address, settings(), tells=_kinds(tells), per_hour=limit, owner=owner
        )
        row = the_receiver(session, chosen, name)
    if json:
        _print.as_json({"done": "added", "org": chosen, "receiver": row})
        return
    _print.line(f"{row['name']} is told {_of(row)} from now on (organisation {chosen}).")
    _owner(row, chosen)
    _print.line(f"Try it: {command(row['name'], chosen)}")


@app.command("set")
def set_(
    named: Named,
    tells: Annotated[
        str | None, typer.Option(help="Kinds of news, commas between them; `all` for all of them.")
    ] = None,
    per_hour: Annotated[int | None, typer.Option(min=0, help="Deliveries an hour; 0: no limit.")] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="EMAIL", help="The user who hears when it fails; `none` for nobody.")
    ] = None,
    address: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Its new URL, or its new e-mail address.")
    ] = None,
    org: chosen_org = None,
    json: as_json = False,
) -> None:
    """Change what a receiver is told, and where. Its secret stays, and so does what it is owed.

    Examples: earshot receivers set desk --owner ann@acme.example --per-hour 50
              earshot receivers set desk --address https://desk.acme.example/new
    """
    from console.cli import _print
    from console.database import opened
    from console.receivers import change, the_receiver
    from workers._settings import settings

    new: dict[str, Any] = {}
    if tells is not None:
        new["tells"] = [] if tells.strip() == "all" else _kinds(tells)
    if per_hour is not None:
        new["per_hour"] = per_hour or None
    if owner is not None:
        new["owner"] = None if owner.strip() in ("", "none") else owner
    if address is not None:
        new["address"] = address
    if not new:
        raise typer.BadParameter("say what to change: --tells, --per-hour, --owner, --address")
    chosen = _options.org()
    with opened() as session:
        row = the_receiver(session, chosen, named)
        change(session, chosen, row, settings(), **new)
        row = the_receiver(session, chosen, str(row["id"]))
    if json:
        _print.as_json({"done": "set", "org": chosen, "receiver": row})
        return
    _print.line(f"{row['name']} is told {_of(row)} at {row['address']} (organisation {chosen}).")
    _owner(row, chosen)


@app.command("list")
def list_(org: chosen_org = None, json: as_json = False) -> None:
    """The receivers: their state, what waits for them, and what they did not take.

    Example: earshot receivers list --json
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.receivers import receivers
    from console.words import one_line, since

    with opened() as session:
        found, moment = receivers(session, _options.org()), fleet.now(session)
    if json:
        _print.as_json(found)
        return
    _print.table(
        [
            "name",
            "kind",
            "~address",
            "~tells",
            ">per hour",
            "state",
            ">waiting",
            ">given up",
            ">last success",
            "~last error",
        ],
        [
            (
                row["name"],
                row["kind"],
                one_line(row["address"], 80),
                ", ".join(row["tells"]) or "all",
                row["per_hour"],
                row["state"],
                row["waiting"],
                row["failed"],
                since(row["last_success_at"], moment),
                one_line(row["last_error"] or "", 100),
            )
            for row in found
        ],
        "Nobody is told: earshot receivers add webhook NAME URL.",
    )


@app.command()
def show(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """One receiver: what it is told, how it stands, and what waits for it.

    Example: earshot receivers show desk
    """
    from console import fleet
    from console.cli import _print
    from console.database import opened
    from console.receivers import the_receiver
    from console.words import counted, since, span
    from workers.undelivered import replay

    with opened() as session:
        row, moment = the_receiver(session, _options.org(), named), fleet.now(session)
    if json:
        _print.as_json(row)
        return
    _print.fact("receiver", f"{row['name']} ({row['kind']}, {row['state']})")
    _print.fact("address", row["address"])
    _print.fact("is told", _of(row))
    if row["owner"]:
        _print.fact("owner", row["owner"])
    waits = counted(row["waiting"], "piece") + " of news"
    age = f", the oldest for {span((moment - row['oldest']).total_seconds())}" if row["oldest"] else ""
    _print.fact("waiting", waits + age)
    if row["failed"]:
        _print.fact("given up", f"{row['failed']:,}: {replay(row['name'], _options.org())}")
    _print.fact("success", since(row["last_success_at"], moment))
    if row["last_error"]:
        times = f" ({counted(row['failures'], 'visit')} in a row)" if row["failures"] else ""
        _print.fact("last error", row["last_error"] + times)
    if row["failures"] and row["due_at"]:
        _print.fact("next try", since(max(row["due_at"], moment), moment))
    _print.fact("id", str(row["id"]))


@app.command("test")
def ask(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Send one signed test message now, and say what came back. The exit code is 1 when it was not taken.

    The test stands outside what is owed: nothing waits for it, and it counts against no budget.

    Example: earshot receivers test desk
    """
    from console.cli import _print
    from console.database import opened
    from console.receivers import ask as send
    from console.receivers import the_receiver
    from console.words import one_line
    from workers._settings import settings

    with opened() as session:
        row = the_receiver(session, _options.org(), named)
        came = send(session, row, settings())
    if json:
        _print.as_json(came)
    else:
        status = f" (it answered {came['status']})" if came["status"] and came["taken"] else ""
        said = f"takes it{status}" if came["taken"] else f"does not take it: {came['said']}"
        _print.line(f"{came['receiver']} {said}; {came['seconds']:.2f} s.")
        if came["answer"].strip():
            _print.fact("answer", one_line(came["answer"], 160))
    if not came["taken"]:
        raise typer.Exit(1)


@app.command()
def pause(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Tell a receiver nothing for now. What it is owed waits, for 72 hours; then it is given up and can be replayed.

    Example: earshot receivers pause desk
    """
    from workers.undelivered import command

    row = _do(named, "pause", json)
    if not json:
        _line(f"{row['name']} is told nothing until `{command(row['name'], _options.org(), 'resume')}`.")


@app.command()
def resume(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Tell a receiver again, from what waits on; one that is failing is tried at once.

    Example: earshot receivers resume desk
    """
    row = _do(named, "resume", json)
    if not json:
        _line(f"{row['name']} is told again; {row['waiting']:,} pieces of news wait for it.")


@app.command()
def remove(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Forget a receiver, and what it was told and still owed. Where that is something, its whole name or id is wanted.

    Example: earshot receivers remove desk
    """
    from console.receivers import lost

    row = _do(named, "remove", json, named)
    if not json:
        _line(f"{row['name']} is forgotten, and with it {lost(row)}.")


@app.command()
def rotate(named: Named, org: chosen_org = None, json: as_json = False) -> None:
    """Give a webhook a new secret, and show it once. For 24 hours those before sign as well.

    Example: earshot receivers rotate desk
    """
    from console.cli import _print
    from console.database import opened
    from console.receivers import rotate as exchange
    from console.receivers import the_receiver

    with opened() as session:
        row = the_receiver(session, _options.org(), named)
        secret = exchange(session, row)
    if json:
        _print.as_json({"done": "rotated", "receiver": row["name"], "secret": secret})
        return
    _print.line(f"The new secret of {row['name']}, which is not shown again: {secret}")
    _print.line("For 24 hours what it gets is signed with the old one as well.")


def _do(named: str, what: str, json: bool, *more: str) -> dict[str, Any]:
    from console import receivers
    from console.cli import _print
    from console.database import opened

    chosen = _options.org()
    with opened() as session:
        row = receivers.the_receiver(session, chosen, named)
        getattr(receivers, what)(session, chosen, row, *more)
    if json:
        _print.as_json({"done": what, "org": chosen, "receiver": row})
    return row


def _line(words: str) -> None:
    from console.cli import _print

    _print.line(words)


def _owner(row: dict[str, Any], org: str) -> None:
    from workers.undelivered import command

    if row["owner"]:
        _line(f"When it takes nothing any more, {row['owner']} hears of it.")
    else:
        name = f"{command(row['name'], org, 'set')} --owner EMAIL"
        _line(
            f"It has no owner: when it takes nothing any more, an Activity of nobody's says so. To name one: {name}"
        )


def _kinds(tells: str | None) -> list[str]:
    return tells.split(",") if tells else []


def _of(row: dict[str, Any]) -> str:
    kinds = ", ".join(row["tells"]) or "everything"
    return kinds + (f", at most {row['per_hour']:,} times an hour" if row["per_hour"] else "")
