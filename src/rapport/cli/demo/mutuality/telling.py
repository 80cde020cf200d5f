"""What the play says aloud, and the same as a transcript for machines."""

from typing import Any

import typer

from rapport.kernel.errors import RapportError

_INDENT = "   "


class Broken(RapportError):
    """Something that must hold did not."""

    code = "broken"


class Telling:
    """Says steps, commands, reads and what was checked; keeps all of it. `held`: whether everything did so far."""

    def __init__(self, *, aloud: bool) -> None:
        self._aloud = aloud
        self._steps: list[dict[str, Any]] = []
        self.held = True

    def step(self, title: str) -> None:
        self._steps.append({"step": title, "happened": []})
        self._echo("")
        self._echo(typer.style(f"{len(self._steps)}. {title}", bold=True))

    def say(self, sentence: str) -> None:
        self._keep({"said": sentence})
        self._echo(_INDENT + sentence)

    def command(self, line: str, code: int, output: str, errors: str, *, aloud: bool) -> None:
        """A command as anyone could type it, and what it answered."""
        self._keep({"command": line, "exit": code, "output": output, "errors": errors})
        self._echo(_INDENT + typer.style(f"$ {line}", dim=True))
        if aloud:
            for each in (output + errors).strip().splitlines():
                self._echo(_INDENT + typer.style(f"  {each}", dim=True))

    def read(self, org: str, path: str, status: int, body: Any) -> None:
        """A request of a company, and what it was answered."""
        self._keep({"read": path, "by": org, "status": status, "answer": body})
        self._echo(_INDENT + typer.style(f"$ GET {path}  (as {org}) → {status}", dim=True))

    def check(self, sentence: str, held: object, seen: Any = None) -> None:
        """What must hold. Raises Broken where it does not, with what was seen instead."""
        ok = bool(held)
        self._keep({"checked": sentence, "held": ok})
        self._echo(f"{_INDENT}{typer.style('✓', fg='green') if ok else typer.style('✗', fg='red')} {sentence}")
        if not ok:
            raise Broken(f"this does not hold: {sentence}" + ("" if seen is None else f"; seen: {str(seen)[:500]}"))

    def break_off(self, why: str) -> None:
        self.held = False
        if not self._steps:
            self._steps.append({"step": "beginning", "happened": []})
        self._keep({"broken": why})
        typer.secho(f"rapport demo: {why}", err=True)

    def transcript(self) -> dict[str, Any]:
        return {"held": self.held, "steps": self._steps}

    def _keep(self, event: dict[str, Any]) -> None:
        if self._steps:
            self._steps[-1]["happened"].append(event)

    def _echo(self, line: str) -> None:
        if self._aloud:
            typer.echo(line)
