"""The acts in which everything of hers goes, and does not come back."""

import shutil
from pathlib import Path

from rapport.adapters.embedded.key_bytes import wrapped_keys
from rapport.cli.demo.mutuality.companies import COMPANIES, GROCER, HER, NEIGHBOUR, SECRETS, as_file, events
from rapport.cli.demo.mutuality.meeting import as_unknown
from rapport.cli.demo.mutuality.searching import sightings, spellings
from rapport.cli.demo.mutuality.stage import Stage
from rapport.cli.demo.mutuality.telling import Telling

ARCHIVE = "before.tar"
WORDS = {secret: spellings(secret) for secret in SECRETS}


def backed_up(stage: Stage, telling: Telling) -> None:
    telling.step("The node is backed up, and the backup is tried")
    stage.rapport("backup", ARCHIVE, "--keys", "before.keys", aloud=False)
    trial = stage.directory / "trial"
    _restore(stage, "before.keys", trial)
    known = stage.rapport_json("show", HER, "--org", "grocer", data=trial)
    telling.check(
        "restored, it knows her: what follows could fail", known["events"]["total"] == 1 + len(GROCER.days), known
    )
    shutil.rmtree(trial)


def _restore(stage: Stage, keys: str, into: Path, *, fails: bool = False) -> str:
    words = ("restore", ARCHIVE, "--keys", keys, "--backup-key", "node/backup.key")
    return stage.rapport(*words, data=into, fails=fails, aloud=fails)


def shredded(stage: Stage, telling: Telling, person: str) -> dict[str, list[bytes]]:
    """Returns the keys of her records, by what to call them."""
    telling.step("Ada has everything shredded")
    before = wrapped_keys(stage.data)
    lay_there = len(sightings(stage.data, {str(number): [key] for number, key in enumerate(before)}))
    stage.rapport("person", "shred", person, "--yes")
    gone = sorted(before - wrapped_keys(stage.data))
    telling.check("the keys of her records and of her account are gone", len(gone) == len(COMPANIES) + 1, len(gone))
    telling.check("a byte search had found each of them before", lay_there >= len(before), lay_there)
    for company in COMPANIES:
        as_unknown(stage, telling, company, "service")
        neighbour = stage.read(company.org, NEIGHBOUR, "service", aloud=False)
        telling.check(f"{company.called} knows her neighbour as before", neighbour.status == 200, neighbour.body)
    return {f"key {number} of hers": [key] for number, key in enumerate(gone, 1)}


def searched(stage: Stage, telling: Telling, keys: dict[str, list[bytes]]) -> None:
    telling.step("Somebody takes the disk and the old backup, and searches every byte")
    telling.say("All of it is sealed, so her words never lay there in the clear.")
    telling.say("What opened them were keys: so look for both.")
    for called, place in (("data directory", stage.data), ("backup made before", stage.directory / ARCHIVE)):
        control = sightings(place, {"a company's name": [b"bookshop"]})
        telling.check(f"the search of the {called} finds what is there: a company's name", control)
        found = sightings(place, WORDS | keys)
        telling.check(f"it finds no word of Ada's and no key to one in the {called}", not found, found)


def sent_again(stage: Stage, telling: Telling) -> None:
    telling.step("The companies send her again, as events and as a file")
    for company in COMPANIES:
        stage.send(company.org, events(company, "again"))
        file = f"{company.org}.csv"
        (stage.directory / file).write_text(as_file(company), "utf-8")
        words = ("--org", company.org, "--source", "crm", "--mapping", "customers.toml", "--wait")
        stage.rapport("import", file, *words, aloud=False)
        stage.until_known(company.org, "email:cleo@example.com", 1)
    for company in COMPANIES:
        for customer in (HER, f"user_id:{company.number}"):
            answer = stage.read(company.org, customer, "service", aloud=False)
            telling.check(f"{company.called} has nothing back under {customer}", answer.status == 404, answer.body)
    found = sightings(stage.data, WORDS)
    telling.check("a byte search still finds no word of hers", not found, found)
    telling.say("Everybody else in the same files came in. Of what was hers, only a count is kept.")


def restored(stage: Stage, telling: Telling) -> None:
    telling.step("The old backup is restored")
    _restore(stage, "before.keys", stage.directory / "never", fails=True)
    telling.check("keys backed up before the shred open nothing any more", not (stage.directory / "never").exists())
    after = stage.directory / "after"
    stage.rapport("backup", "--keys", "after.keys", aloud=False)
    _restore(stage, "after.keys", after)
    for company in COMPANIES:
        stage.rapport("show", HER, "--org", company.org, data=after, fails=True, aloud=False)
        known = stage.rapport_json("show", NEIGHBOUR, "--org", company.org, data=after)
        telling.check(
            f"with the keys of today, {company.called} knows her neighbour from it, and not her",
            known["events"]["total"] >= 1,
            known,
        )
