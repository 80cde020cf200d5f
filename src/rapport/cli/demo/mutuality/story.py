"""The play, act by act."""

from rapport.cli.demo.mutuality import erasure, meeting
from rapport.cli.demo.mutuality.stage import Stage
from rapport.cli.demo.mutuality.telling import Telling


def play(stage: Stage, telling: Telling) -> None:
    """From three companies that know Ada, each by itself, to none that can ever have known her."""
    meeting.known_by_three(stage, telling)
    meeting.promises(stage, telling)
    person = meeting.terms(stage, telling)
    meeting.let_in(stage, telling)
    meeting.refused(stage, telling)
    meeting.changed_promise(stage, telling)
    meeting.agreed(stage, telling, person)
    meeting.told_why(stage, telling, person)
    meeting.locked(stage, telling, person)
    erasure.backed_up(stage, telling)
    keys = erasure.shredded(stage, telling, person)
    erasure.searched(stage, telling, keys)
    erasure.sent_again(stage, telling)
    erasure.restored(stage, telling)
    telling.step("That was mutuality")
    telling.say("The same data, the same person, one set of terms.")
    telling.say("What each company saw was decided by what it promises.")
