// The live page: news over server-sent events, put as text into the places that the server's markup has for it.
"use strict"
{
  const MOST_LINES = 60
  const lines = one("[data-lines]")
  const template = one("[data-line]").content.firstElementChild
  const state = one("[data-state]")
  const pause = one("[data-pause]")
  const more = one("[data-more]")
  let paused = false
  let missed = 0
  let waiting = []

  const say = (words, mood) => {
    if (state.textContent !== words) state.textContent = words
    state.dataset.mood = mood
  }
  const draw = (told) => {
    const line = template.cloneNode(true)
    line.dataset.kind = told.kind
    line.classList.add("fresh")
    for (const place of all("[data-slot]", line)) place.textContent = told[place.dataset.slot]
    one("time", line).dateTime = told.stamp
    if (told.href) one("a", line).setAttribute("href", told.href)
    return line
  }
  const put = (told, unsent) => {
    one("[data-empty]").hidden = true
    lines.prepend(...told.map(draw).reverse())
    while (lines.children.length > MOST_LINES) lines.lastElementChild.remove()
    more.textContent = unsent ? `and ${unsent.toLocaleString("en")} more just now` : ""
  }
  const news = ({ lines: told, more: unsent }) => {
    if (!paused) return put(told, unsent)
    missed += told.length + unsent
    waiting = [...waiting, ...told].slice(-MOST_LINES)
    more.textContent = `${missed.toLocaleString("en")} more since you paused`
  }
  const pulse = (told) => {
    for (const place of all("[data-figure]")) place.textContent = told[place.dataset.figure]
    for (const path of all("[data-path]")) path.setAttribute("d", told[path.dataset.path])
    for (const source of told.sources) {
      const row = all("[data-source]").find((row) => row.dataset.source === source.name)
      if (!row) continue // a new source shows with the next visit
      one('[data-of="line"]', row).setAttribute("d", source.line)
      for (const place of ["last", "minute"]) one(`[data-of="${place}"]`, row).textContent = source[place]
    }
  }

  // Browsers allow few connections to one node, so a page that nobody looks at gives its own back.
  let stream = null
  const connect = () => {
    stream = new EventSource("/console/live/news")
    stream.addEventListener("open", () => paused || say("Live", "live"))
    stream.addEventListener("news", (event) => news(JSON.parse(event.data)))
    stream.addEventListener("pulse", (event) => paused || pulse(JSON.parse(event.data)))
    stream.addEventListener("ended", () => { rest(); say("Your sign-in changed or ended. Reload.", "off") })
    stream.addEventListener("error", () => say(stream.readyState === EventSource.CLOSED ? "Signed out, or the node is gone. Reload." : "Reconnecting …", "off"))
  }
  const rest = () => { stream.close(); document.removeEventListener("visibilitychange", look) }
  const look = () => { stream.close(); if (!document.hidden) connect() }
  document.addEventListener("visibilitychange", look)
  connect()

  pause.hidden = false
  pause.addEventListener("click", () => {
    paused = !paused
    pause.textContent = paused ? "Go on" : "Pause"
    if (paused) return say("Paused", "paused")
    say("Live", "live")
    put(waiting, Math.max(0, missed - waiting.length))
    waiting = []
    missed = 0
  })
}
