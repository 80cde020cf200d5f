// The page on which people check their receipts: it asks for the bundle and for the log, has `verify.js` look at them, and
// remembers the head it saw. What it says is on the page (`data-words`), in the language of the page.

const WALKED = 20_000 // entries of the log

const section = document.querySelector("[data-check]")
const words = JSON.parse(section?.dataset.words ?? "{}")
const language = document.documentElement.lang || "en"

/** A sentence of the page with its places filled. */
const say = (name, places = {}) => words[name].replace(/%\((\w+)\)s/g, (_, place) => places[place])
const counted = (number) => number.toLocaleString(language)
const entries = (number) => say(number === 1 ? "entry" : "entries", { count: counted(number) })

function said(done) {
  if (!done.receipts) return say("none")
  return done.receipts === 1 ? say("one") : say("all", { count: counted(done.receipts) })
}

function remembered(place) {
  try {
    return localStorage.getItem(place)
  } catch {
    return null
  }
}

function remember(place, head) {
  try {
    localStorage.setItem(place, head)
  } catch {
    // A browser that keeps nothing checks each time anew.
  }
}

/** Reads the log from where it is published. */
const published = (from, Broken) => async (path) => {
  const answer = await fetch(`${from}/${path}`, { cache: path === "checkpoint" ? "no-store" : "default", redirect: "error" })
  if (answer.status === 404) throw new Broken(`the log lacks ${path}`)
  if (!answer.ok) throw new Error(`answered ${answer.status}`)
  return new Uint8Array(await answer.arrayBuffer())
}

/** Reads the log of this node, unless it is so long that to walk it would keep a browser busy. */
async function short(from, Broken) {
  const note = await fetch(`${from}/checkpoint`, { cache: "no-store", redirect: "error" })
  const size = note.ok ? Number((await note.text()).split("\n")[1]) : Infinity
  return size <= WALKED ? published(from, Broken) : null
}

function more(done, since) {
  const said = [say(since ? "continued" : "remembered")]
  said.push(done.latest ? say("latest", { entries: entries(done.latest.entries) }) : say("long"))
  for (const one of done.witnesses) {
    const at = new Date(one.at * 1000).toLocaleString(language, { dateStyle: "medium", timeStyle: "short" })
    said.push(say(one.all ? "witnessed" : "before", { name: one.name, at }))
  }
  if (done.hidden) said.push(say("hidden", { entries: entries(done.hidden) }))
  return said.join(" ")
}

async function check(section) {
  const { verify, ofLog, Broken } = await import(section.dataset.verifier)
  const [line, beside] = [section.querySelector("[data-said]"), section.querySelector("[data-more]")]
  const place = `rapport-head ${section.dataset.check}`
  const since = remembered(place)
  const asked = { headers: { Accept: "application/json" }, cache: "no-store", redirect: "error" }
  const from = section.dataset.bundle
  let answer = await fetch(since ? `${from}?since=${encodeURIComponent(ofLog(since))}` : from, asked)
  // A log that is shorter than the one seen before refuses to prove anything: what it has to say is looked at all the same.
  if (answer.status === 400 || answer.status === 409) answer = await fetch(from, asked)
  if (!answer.ok && answer.status !== 500) throw new Error(`answered ${answer.status}`)
  const gone = { ok: false, problem: say("gone") }
  const done = answer.ok ? await verify(await answer.text(), since, { read: await short(section.dataset.log, Broken) }) : gone
  section.dataset.state = done.ok ? "holds" : "broken"
  line.textContent = done.ok ? said(done) : say("broken", { problem: done.problem })
  if (done.ok) {
    remember(place, done.head)
    beside.textContent = more(done, since)
  } else {
    beside.textContent = say("changed")
  }
}

if (section && globalThis.crypto?.subtle) {
  section.querySelector("[data-said]").textContent = say("checking")
  check(section).catch(() => {
    section.dataset.state = "unknown"
    section.querySelector("[data-said]").textContent = say("unknown")
    section.querySelector("[data-more]").textContent = say("again")
  })
}
