"""`rapport person export` and `object`, and `rapport export`, as they are typed."""

import json
from pathlib import Path

from rapport.app.embedded import open_people
from rapport.app.settings import Settings
from tests.e2e.running import run
from tests.profile.house import ORG, House, at, told


def test_rights_are_walked_from_the_command_line(tmp_path: Path) -> None:
    with House() as house:
        house.send(told(at("10:00"), type="identify", userId="ada", traits={"email": "ada@example.com"}))
        house.settle()
        person = house.people.add([f"{ORG}:user_id:ada"]).handle
        data = ("--data", str(house.directory))

        done = run("person", "export", person, "--out", str(tmp_path / "mine"), "--json", *data)
        told_ = json.loads(done.stdout)
        assert (told_["rows"]["events"], told_["seconds"] >= 0) == (1, True)
        assert {path.name for path in (tmp_path / "mine").iterdir()} == {*told_["files"]}
        assert "is no empty directory" in run("person", "export", person, "--out", str(tmp_path / "mine"), *data).stderr

        file = str(tmp_path / "out.csv")
        exported = json.loads(run("export", ORG, "--purpose", "service", "--out", file, "--json", *data).stdout)
        assert (exported["customers"], exported["purpose"]) == (1, "service")

        objecting = ("person", "object", person, "--org", ORG, "--purpose", "service", *data)
        assert ORG in run(*objecting).stdout
        assert json.loads(run(*objecting, "--json").stdout)["added"] is False
        assert len(open_people(Settings(data=str(house.directory))).person(person).terms.clauses) == 2
        assert "0 customers" in run("export", ORG, "--purpose", "service", "--out", file, *data).stdout
        assert run("person", "object", person, "--org", "nobody", "--purpose", "service", *data).returncode == 1


def test_a_correction_is_typed_and_taken_back() -> None:
    with House() as house:
        house.send(told(at("10:00"), type="identify", userId="ada", traits={"email": "ada@example.com", "code": "07"}))
        house.settle()
        person = house.people.add([f"{ORG}:user_id:ada"]).handle
        house.worker.close()  # the command is the worker now
        data = ("--data", str(house.directory))
        correcting = ("person", "correct", person, "--org", ORG, "--trait")
        for trait, typed, meant in (
            ("email", "a@example.com", "a@example.com"),
            ("code", "08", "08"),
            ("code", '"9"', "9"),
        ):
            case = json.loads(run(*correcting, trait, "--value", typed, "--json", *data).stdout)
            assert (case["status"], case["value"], case["told"]) == ("done", meant, [])
        shown = run("show", "user_id:ada", "--org", ORG, *data).stdout
        assert "the customer themself" in " ".join(shown.split())
        assert "Taken back" in run(*correcting, "email", "--take-back", *data).stdout
        for wrong in (("email", "--take-back"), ("email",), ("email", "--value", "null"), ("shoe", "--value", "1")):
            assert run(*correcting, *wrong, *data).returncode == 2
        house.restart()
        assert house.view("user_id:ada")["traits"]["email"]["value"] == "ada@example.com"
