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
  const COMPLETE_MS = 80
  const MOST_NAMES = 8 // typing on finds the others
  const TRY_MS = 500

  const ask = async (path, content) => {
    const headers = { "Content-Type": "application/json" }
    const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(content) })
    const told = await answer.json()
    if (!answer.ok) throw new Error(told.message)
    return told
  }
  const element = (tag, words, kind) => {
    const made = document.createElement(tag)
    if (words !== undefined) made.textContent = words
    if (kind) made.className = kind
    return made
  }
  const later = (wait, work) => {
    let timer = 0
    return () => { clearTimeout(timer); timer = setTimeout(work, wait) }
  }

  // -- names

  let found = []
  let active = -1
  let asked = 0
  let held = null // what was told while a name was being written

  const close = () => {
    asked += 1 // what is on its way is not shown any more
    found = []
    active = -1
    list.hidden = true
    list.replaceChildren()
    text.removeAttribute("aria-activedescendant")
    if (held) tell(held)
  }
  const point = (place) => {
    active = place
    all("[role=option]", list).forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === place))
      if (at === place) option.scrollIntoView({ block: "nearest" })
    })
    if (place < 0) text.removeAttribute("aria-activedescendant")
    else text.setAttribute("aria-activedescendant", `completion-${place}`)
  }
  const put = (start, end, words) => {
    text.focus()
    text.setSelectionRange(start, end)
    // As if it were typed, so that it can be undone; browsers without it put it in plainly.
    if (!document.execCommand("insertText", false, words)) {
      text.setRangeText(words, start, end, "end")
      text.dispatchEvent(new Event("input", { bubbles: true }))
    }
  }
  const take = (place) => {
    const { text: words, start } = found[place]
    const end = text.selectionStart
    close()
    put(start, end, words)
  }
  const show = (told, before) => {
    const fitting = told.filter((one) => one.text !== before.slice(one.start))
    found = fitting.slice(0, MOST_NAMES)
    active = -1
    list.replaceChildren(...found.map((one, place) => {
      const option = element("li")
      option.id = `completion-${place}`
      option.setAttribute("role", "option")
      option.setAttribute("aria-selected", "false")
      option.append(element("code", one.text), " ", element("span", one.tells, "quiet"))
      option.addEventListener("mousedown", (event) => { event.preventDefault(); take(place) })
      return option
    }))
    list.hidden = !found.length
    said.textContent = found.length ? `${fitting.length} names can stand here; the first is ${found[0].text}` : ""
  }
  const complete = later(COMPLETE_MS, async () => {
    const turn = (asked += 1)
    const before = text.value.slice(0, text.selectionStart)
    // Nothing is offered where nothing is being written.
    if (text.selectionStart !== text.selectionEnd || !/[\w."'(,]\s?$/.test(before)) return close()
    try {
      const told = await ask("/console/edit/complete", { before })
      if (turn === asked && document.activeElement === text) show(told.found, before)
    } catch { close() }
  })

  text.setAttribute("aria-autocomplete", "list")
  text.setAttribute("aria-controls", list.id)
  text.addEventListener("blur", close)
  text.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); return complete() }
    if (list.hidden) return
    if (event.key === "Escape") { event.preventDefault(); return close() }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault()
      const step = event.key === "ArrowDown" ? 1 : -1
      return point(active < 0 && step < 0 ? found.length - 1 : (active + step + found.length) % found.length)
    }
    if (event.key === "Enter" && active >= 0) { event.preventDefault(); return take(active) }
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") close()
  })
  one("[data-keys]", form).hidden = false

  // A name of the lists below is put where the cursor is.
  for (const code of all(".name-list code, .functions dt code")) {
    const button = element("button", undefined, "name-button")
    button.type = "button"
    code.replaceWith(button)
    button.append(code)
    button.addEventListener("click", () => put(text.selectionStart, text.selectionEnd, code.textContent))
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
      mend.addEventListener("click", () => put(problem.start, problem.end, problem.suggestion))
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
    try {
      const told = await ask("/console/edit/try", { of, expression, purpose: purpose.value, name })
      if (expression === text.value) tell(told)
    } catch (error) {
      tell({ problems: [], problem: error.message, tried: null })
    }
    delete tried.dataset.stale
    trying = false
    if (again) { again = false; attempt() }
  }
  const soon = later(TRY_MS, attempt)

  text.addEventListener("input", () => { held = null; underlay.hidden = true; complete(); soon() })
  text.addEventListener("scroll", () => { underlay.scrollTop = text.scrollTop })
  purpose.addEventListener("change", attempt)
  one("[data-preview]", form).addEventListener("click", (event) => { event.preventDefault(); attempt() })
  form.dataset.ready = ""
}
