// The editor of expressions: names that can stand where one types, what is wrong underlined, and what it would give.
// Without this, the page's own buttons try and save.
"use strict"
{
  const form = one("[data-editor]")
  const text = one("#expression", form)
  const purpose = one("#purpose", form)
  const list = one("[data-completions]", form)
  const underlay = one("[data-underlay]", form)
  const said = one("[data-told]", form)
  const problems = one("[data-problems]", form)
  const tried = one("[data-tried]", form)
  const of = form.dataset.editor
  // What is saved already is compared with; of an action nothing is.
  const name = of === "action" || one("[name=version]", form).value === "0" ? "" : one("[name=name]", form).value
  const wait = one("[data-wait]", form)
  const TRY_MS = 500
  const WAIT_MS = 400 // what takes no longer needs no word

  // -- names

  let held = null // what was told while a name was being written
  completing(text, list, said, { closed: () => { if (held) tell(held) } })
  one("[data-keys]", form).hidden = false

  // A name of the lists below is put where the cursor is.
  for (const code of all(".name-list code, .functions dt code")) {
    const button = element("button", undefined, "name-button")
    button.type = "button"
    code.replaceWith(button)
    button.append(code)
    button.addEventListener("click", () => put(text, text.selectionStart, text.selectionEnd, code.textContent))
  }

  // -- what is wrong, and what it would give

  const underline = (places) => {
    const pieces = []
    let at = 0
    for (const { start, end, doubt } of [...places].sort((a, b) => a.start - b.start)) {
      if (start < at) continue
      pieces.push(text.value.slice(at, start), element("mark", text.value.slice(start, Math.max(end, start + 1)) || " ", doubt ? "doubt" : "wrong"))
      at = Math.max(end, start + 1)
    }
    underlay.replaceChildren(...pieces, text.value.slice(at), "\n")
    underlay.hidden = !places.length
    underlay.scrollTop = text.scrollTop
  }
  const place = (problem) => {
    const line = element("li", undefined, problem.doubt ? "doubt" : "wrong")
    const words = element("p", problem.doubt ? "Noted: " : "")
    words.append(element("bdi", problem.sentence))
    const there = element("button", "Show where", "small")
    there.type = "button"
    there.addEventListener("click", () => { text.focus(); text.setSelectionRange(problem.start, Math.max(problem.end, problem.start + 1)) })
    line.append(words, there)
    if (problem.suggestion) {
      const mend = element("button", `Write ${problem.suggestion}`, "small")
      mend.type = "button"
      mend.addEventListener("click", () => put(text, problem.start, problem.end, problem.suggestion))
      line.append(" ", mend)
    }
    return line
  }
  const tell = (told) => {
    // Who is offered names to go on with is not told yet that half of one is none.
    const writing = !list.hidden
    const shown = told.problems.filter((one) => !(writing && one.end >= text.selectionStart))
    held = writing ? told : null
    problems.replaceChildren(...shown.map(place))
    if (told.problem) problems.append(element("li", told.problem, "wrong"))
    underline(shown)
    const wrong = shown.some((one) => !one.doubt)
    text.setAttribute("aria-invalid", String(wrong))
    tried.hidden = !told.tried
    if (told.tried) {
      one("[data-sentence]", tried).textContent = told.tried.sentence
      one("[data-notes]", tried).replaceChildren(...told.tried.notes.map((note) => element("li", note)))
    }
    said.textContent = told.tried ? told.tried.sentence : wrong ? shown.find((one) => !one.doubt).sentence : told.problem
  }

  let trying = false
  let again = false
  const attempt = async () => {
    if (trying) { again = true; return } // one at a time: the node looks at everybody
    const expression = text.value
    if (!expression.trim()) return tell({ problems: [], problem: "", tried: null })
    trying = true
    tried.dataset.stale = ""
    const slow = setTimeout(() => { wait.hidden = !tried.hidden }, WAIT_MS)
    try {
      const told = await ask("/console/edit/try", { of, expression, purpose: purpose.value, name })
      if (expression === text.value) tell(told)
    } catch (error) {
      tell({ problems: [], problem: error.message, tried: null })
    }
    clearTimeout(slow)
    wait.hidden = true
    delete tried.dataset.stale
    trying = false
    if (again) { again = false; attempt() }
  }
  const soon = later(TRY_MS, attempt)

  text.addEventListener("input", () => { held = null; underlay.hidden = true; soon() })
  text.addEventListener("scroll", () => { underlay.scrollTop = text.scrollTop })
  purpose.addEventListener("change", attempt)
  one("[data-preview]", form).addEventListener("click", (event) => { event.preventDefault(); attempt() })
  form.dataset.ready = ""
}
