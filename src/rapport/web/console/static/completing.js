// Names that can stand where one types, below a text, as the node completes them from the data: for editors of
// expressions, and of what holds some.
"use strict"
const MOST_NAMES = 8 // typing on finds the others
const COMPLETE_MS = 80

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
const put = (text, start, end, words) => {
  text.focus()
  text.setSelectionRange(start, end)
  // As if it were typed, so that it can be undone; browsers without it put it in plainly.
  if (!document.execCommand("insertText", false, words)) {
    text.setRangeText(words, start, end, "end")
    text.dispatchEvent(new Event("input", { bubbles: true }))
  }
}

// `list` shows what can stand at the cursor of `text`, `said` tells it to a screen reader. `of`: text up to the cursor
// → what of it an expression would have ({ before, at: where that begins }), nothing where none is written; `word`:
// what is put in for a name; `closed` is called once nothing is offered any more.
const completing = (text, list, said, { of = (before) => ({ before, at: 0 }), word = (name) => name, closed = () => {} } = {}) => {
  let found = []
  let active = -1
  let asked = 0

  const close = () => {
    asked += 1 // what is on its way is not shown any more
    found = []
    active = -1
    list.hidden = true
    list.replaceChildren()
    text.removeAttribute("aria-activedescendant")
    closed()
  }
  const point = (place) => {
    active = place
    all("[role=option]", list).forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === place))
      if (at === place) option.scrollIntoView({ block: "nearest" })
    })
    if (place < 0) text.removeAttribute("aria-activedescendant")
    else text.setAttribute("aria-activedescendant", `${list.id}-${place}`)
  }
  const take = (place) => {
    const { words, start } = found[place]
    const end = text.selectionStart
    close()
    put(text, start, end, words)
  }
  const show = (told, at, before) => {
    const named = told.map((one) => ({ words: word(one.text), start: Math.max(0, at + one.start), tells: one.tells }))
    const fitting = named.filter((one) => one.words && one.words !== before.slice(one.start))
    const pointed = active < 0 ? undefined : found[active].words
    found = fitting.slice(0, MOST_NAMES)
    list.replaceChildren(...found.map((one, place) => {
      const option = element("li")
      option.id = `${list.id}-${place}`
      option.setAttribute("role", "option")
      option.setAttribute("aria-selected", "false")
      option.append(element("code", one.words), " ", element("span", one.tells, "quiet"))
      option.addEventListener("mousedown", (event) => { event.preventDefault(); take(place) })
      return option
    }))
    // What was pointed at stays so: Enter may be on its way.
    point(found.findIndex((one) => one.words === pointed))
    list.hidden = !found.length
    said.textContent = found.length ? `${fitting.length} names can stand here; the first is ${found[0].words}` : ""
  }
  const complete = later(COMPLETE_MS, async () => {
    const turn = (asked += 1)
    const before = text.value.slice(0, text.selectionStart)
    // Nothing is offered where nothing is being written.
    const one = text.selectionStart === text.selectionEnd && /[\w."'(,]\s?$/.test(before) ? of(before) : null
    if (!one) return close()
    try {
      const told = await ask("/console/edit/complete", { before: one.before })
      if (turn === asked && document.activeElement === text) show(told.found, one.at, before)
    } catch { close() }
  })

  text.setAttribute("aria-autocomplete", "list")
  text.setAttribute("aria-controls", list.id)
  text.addEventListener("blur", close)
  text.addEventListener("input", complete)
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
}
