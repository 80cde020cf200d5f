// What pages gain where there is JavaScript. Without it everything still works: links lead on, forms are sent.
"use strict"

const one = (selector, within = document) => within.querySelector(selector)
const all = (selector, within = document) => [...within.querySelectorAll(selector)]

// Copy buttons.
for (const button of all("[data-copy]")) {
  if (!navigator.clipboard) break
  button.hidden = false
  const words = button.firstChild.data
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent)
    button.firstChild.data = "Copied"
    setTimeout(() => (button.firstChild.data = words), 1600)
  })
}

// Sheets close like sheets: by Escape, or by looking elsewhere.
for (const sheet of all("[data-closes]")) {
  document.addEventListener("click", (event) => sheet.contains(event.target) || (sheet.open = false))
  sheet.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !sheet.open) return
    sheet.open = false
    one("summary", sheet).focus()
  })
}

// Light and dark without a round trip.
one("[data-themes]")?.addEventListener("submit", (event) => {
  event.preventDefault()
  const theme = event.submitter.value
  document.documentElement.dataset.theme = theme
  one('meta[name="color-scheme"]').content = theme === "auto" ? "light dark" : theme
  document.cookie = `rapport_theme=${theme};path=/;max-age=31536000;samesite=lax${location.protocol === "https:" ? ";secure" : ""}`
  for (const button of all("button", event.target)) button.setAttribute("aria-pressed", String(button === event.submitter))
})

// The identity graph: what one points at is read out below and lit up with its ends. It stays written there, so that the
// way to its link does not lose it; a click keeps it whatever else is pointed at.
for (const canvas of all("[data-canvas]")) {
  const reading = one("[data-reading]", canvas)
  const text = one("[data-reading-text]", canvas)
  const link = one("[data-reading-link]", canvas)
  let kept = null
  reading.hidden = false
  text.textContent = "Point at a line to read it; choose it to keep it here."

  const light = (graph, isLit) => {
    graph.classList.toggle("reads", isLit !== null)
    const ends = new Set()
    for (const edge of all(".edge", graph)) {
      const lit = isLit !== null && isLit(edge)
      edge.classList.toggle("lit", lit)
      if (lit) edge.dataset.ends.split(" ").forEach((end) => ends.add(end))
    }
    for (const node of all(".node", graph)) node.classList.toggle("lit", ends.has(node.dataset.node))
  }
  const read = (graph, edge) => {
    light(graph, (other) => other === edge)
    text.textContent = edge.getAttribute("aria-label")
    link.href = `/console/evidence/${edge.dataset.edge}`
    link.hidden = false
  }
  const rest = (graph) => (kept ? light(graph, (edge) => edge === kept) : light(graph, null))

  for (const graph of all("[data-graph]", canvas)) {
    const edges = all(".edge", graph)
    edges.forEach((edge, place) => {
      edge.setAttribute("tabindex", place ? "-1" : "0") // one stop for Tab, arrows for the rest
      edge.addEventListener("mouseenter", () => kept || read(graph, edge))
      edge.addEventListener("mouseleave", () => rest(graph))
      edge.addEventListener("focus", () => read(graph, edge))
      edge.addEventListener("blur", () => rest(graph))
      edge.addEventListener("click", (event) => {
        event.preventDefault()
        kept = kept === edge ? null : edge
        read(graph, edge)
      })
      edge.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key]
        if (!step) return
        event.preventDefault()
        kept = null
        edge.setAttribute("tabindex", "-1")
        const next = edges[(place + step + edges.length) % edges.length]
        next.setAttribute("tabindex", "0")
        next.focus()
      })
    })
    for (const node of all(".node", graph)) {
      node.addEventListener("mouseenter", () => kept || light(graph, (edge) => edge.dataset.ends.split(" ").includes(node.dataset.node)))
      node.addEventListener("mouseleave", () => rest(graph))
    }
  }
}

// A link into a folded table opens it.
const unfold = () => {
  const row = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)))
  const fold = row && row.closest("details")
  if (fold && !fold.open) { fold.open = true; row.scrollIntoView({ block: "center" }) }
}
addEventListener("hashchange", unfold)
unfold()
