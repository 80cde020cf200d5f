// The page on which people check their receipts: it asks for the bundle and for the log, has `verify.js` look at them, and
// remembers the head it saw.

const WALKED = 20_000 // entries of the log

const entries = (number) => `${number.toLocaleString("en")} ${number === 1 ? "entry" : "entries"}`

function said(done) {
  if (!done.receipts) return "There are no receipts yet."
  return done.receipts === 1 ? "Your one receipt holds." : `All ${done.receipts.toLocaleString("en")} receipts hold.`
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
  const said = [since ? "They continue what this browser saw last." : "This browser will remember where they ended."]
  if (done.latest) said.push(`Nothing newer about you is in the log of ${entries(done.latest.entries)}.`)
  else said.push("Whether there is anything newer takes a look through the whole log, which is long: rapport verify --log does that.")
  for (const one of done.witnesses) {
    const at = new Date(one.at * 1000).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" })
    said.push(`The witness ${one.name} signed ${one.all ? "a log with all of them" : "the log before the newest"} on ${at}.`)
  }
  if (done.hidden) said.push(`Beside them, ${entries(done.hidden)} tell others, or were erased.`)
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
  const gone = { ok: false, problem: "the node cannot show your receipts any more" }
  const done = answer.ok ? await verify(await answer.text(), since, { read: await short(section.dataset.log, Broken) }) : gone
  section.dataset.state = done.ok ? "holds" : "broken"
  line.textContent = done.ok ? said(done) : `Something does not hold: ${done.problem}.`
  if (done.ok) {
    remember(place, done.head)
    beside.textContent = more(done, since)
  } else {
    beside.textContent =
      "Somebody changed, removed or replaced what was noted before. Keep the file below, and show it to whoever you trust; " +
      "this browser goes on comparing with what it saw while all was well."
  }
}

const section = document.querySelector("[data-check]")
if (section && globalThis.crypto?.subtle) {
  section.querySelector("[data-said]").textContent = "Checking your receipts in this browser …"
  check(section).catch(() => {
    section.dataset.state = "unknown"
    section.querySelector("[data-said]").textContent = "They could not be checked in this browser just now."
    section.querySelector("[data-more]").textContent = "Try again, or check the file as described below."
  })
}
