// Checks a person's receipts in their own browser, by the rules of `rapport/kernel/verify.py` and with nothing of the
// node but its answer: the commitment of each receipt, the trees (RFC 6962), their heads in the log, the log's signature
// (C2SP checkpoint, Ed25519), and that the log continues the head that this browser saw last.

export class Broken extends Error {}

const FORMAT = "rapport-bundle/1"
const NAME = /^[!-*,-~]{1,200}$/
const SIZE = /^(0|[1-9][0-9]{0,15})$/
const MAX_DEPTH = 64
const bytes = (text) => new TextEncoder().encode(text)
const same = (a, b) => a.length === b.length && a.every((value, at) => value === b[at])
const joined = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

// -- JSON, read so that nothing is lost: numbers stay as they are written, and a name that is there twice is refused.

class Numeral {
  constructor(text) {
    this.text = text
  }
}

const TOKEN = /[ \t\n\r]*(?:([{}[\]:,])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))/y

export function parse(text) {
  let at = 0
  let mark, string, number, word
  const next = () => {
    TOKEN.lastIndex = at
    const found = TOKEN.exec(text)
    if (found === null) throw new Broken("it is no JSON")
    at = TOKEN.lastIndex
    ;[, mark, string, number, word] = found
  }
  const expect = (wanted) => {
    if (mark !== wanted) throw new Broken("it is no JSON")
  }
  const value = (depth) => {
    if (depth > MAX_DEPTH) throw new Broken("it is nested too deeply")
    if (string !== undefined) return JSON.parse(string)
    if (number !== undefined) return new Numeral(number)
    if (word !== undefined) return JSON.parse(word)
    const made = mark === "{" ? new Map() : []
    if (mark !== "{") expect("[")
    const end = mark === "{" ? "}" : "]"
    next()
    while (mark !== end) {
      if (end === "}") {
        if (string === undefined) throw new Broken("it is no JSON")
        const name = JSON.parse(string)
        if (made.has(name)) throw new Broken("a name is there twice in an object")
        next()
        expect(":")
        next()
        made.set(name, value(depth + 1))
      } else made.push(value(depth + 1))
      next()
      if (mark === end) break
      expect(",")
      next()
      if (mark === end) throw new Broken("it is no JSON")
    }
    mark = string = number = word = undefined
    return made
  }
  next()
  const whole = value(0)
  if (/[^ \t\n\r]/.test(text.slice(at))) throw new Broken("it is no JSON")
  return whole
}

const byCodePoint = (a, b) => {
  const [left, right] = [[...a], [...b]]
  for (let at = 0; at < left.length && at < right.length; at++) {
    if (left[at] !== right[at]) return left[at].codePointAt(0) - right[at].codePointAt(0)
  }
  return left.length - right.length
}

export function canonical(value) {
  if (value instanceof Numeral) return value.text
  if (value instanceof Map) {
    const names = [...value.keys()].sort(byCodePoint)
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value.get(name))}`).join(",")}}`
  }
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`
  return JSON.stringify(value)
}

// -- shapes

const KINDS = {
  text: (value) => typeof value === "string",
  size: (value) => value instanceof Numeral && SIZE.test(value.text) && Number.isSafeInteger(Number(value.text)),
  object: (value) => value instanceof Map,
  list: Array.isArray,
}

function shaped(value, fields, what) {
  if (!(value instanceof Map)) throw new Broken(`${what} is no object`)
  return Object.entries(fields).map(([name, kind]) => {
    const found = value.get(name)
    if (!KINDS[kind](found)) throw new Broken(`${what} has no ${name}`)
    return kind === "size" ? Number(found.text) : found
  })
}

function unb64(text, what) {
  let raw
  try {
    raw = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  } catch {
    throw new Broken(`${what} is no base64`)
  }
  if (b64(raw) !== text) throw new Broken(`${what} is not written the one way`)
  return raw
}

function b64(raw) {
  let text = ""
  for (const value of raw) text += String.fromCharCode(value)
  return btoa(text)
}

function hash(text, what) {
  if (typeof text !== "string") throw new Broken(`${what} is no hash`)
  const raw = unb64(text, what)
  if (raw.length !== 32) throw new Broken(`${what} is no hash of 32 bytes`)
  return raw
}

function named(name, what) {
  if (!NAME.test(name)) throw new Broken(`${what} has no proper name`)
  return name
}

// -- RFC 6962 and RFC 9162

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest("SHA-256", joined(...parts)))
const leafHash = (entry) => sha256(Uint8Array.of(0), entry)
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right)

async function hmac(key, message) {
  const made = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
  return new Uint8Array(await crypto.subtle.sign("HMAC", made, message))
}

async function rootOf(leaves) {
  if (!leaves.length) return sha256()
  let level = leaves
  while (level.length > 1) {
    const above = []
    for (let at = 0; at + 1 < level.length; at += 2) above.push(nodeHash(level[at], level[at + 1]))
    if (level.length % 2) above.push(level.at(-1))
    level = await Promise.all(above)
  }
  return level[0]
}

async function includes(index, size, leaf, proof, root) {
  if (index >= size) return false
  let [first, last, hashed] = [BigInt(index), BigInt(size - 1), leaf]
  for (const part of proof) {
    if (last === 0n) return false
    if (first & 1n || first === last) {
      hashed = await nodeHash(part, hashed)
      while (!(first & 1n) && first) [first, last] = [first >> 1n, last >> 1n]
    } else hashed = await nodeHash(hashed, part)
    ;[first, last] = [first >> 1n, last >> 1n]
  }
  return last === 0n && same(hashed, root)
}

async function continues(old, size, oldRoot, root, proof) {
  if (!(0 < old && old <= size)) return false
  if (old === size) return !proof.length && same(oldRoot, root)
  let [first, last] = [BigInt(old), BigInt(size - 1)]
  const path = first & (first - 1n) ? [...proof] : [oldRoot, ...proof]
  first -= 1n
  if (!path.length) return false
  while (first & 1n) [first, last] = [first >> 1n, last >> 1n]
  let before = path[0]
  let after = path[0]
  for (const part of path.slice(1)) {
    if (last === 0n) return false
    if (first & 1n || first === last) {
      ;[before, after] = await Promise.all([nodeHash(part, before), nodeHash(part, after)])
      while (!(first & 1n) && first) [first, last] = [first >> 1n, last >> 1n]
    } else after = await nodeHash(after, part)
    ;[first, last] = [first >> 1n, last >> 1n]
  }
  return last === 0n && same(before, oldRoot) && same(after, root)
}

// -- C2SP signed notes and checkpoints

const keyId = async (name, key) => (await sha256(bytes(`${name}\n`), Uint8Array.of(1), key)).slice(0, 4)
const hex = (raw) => [...raw].map((value) => value.toString(16).padStart(2, "0")).join("")

async function readKey(text) {
  const parts = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(text.trim())
  if (parts === null) throw new Broken("the key of the log is none: name+id+key is needed")
  const name = named(parts[1], "the key of the log")
  const raw = unb64(parts[3], "the key of the log")
  if (raw.length !== 33 || raw[0] !== 1 || hex(await keyId(name, raw.slice(1))) !== parts[2])
    throw new Broken("the key of the log is not an Ed25519 key of that name")
  return [name, raw.slice(1)]
}

async function signed(key, signature, message) {
  try {
    const made = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"])
    return await crypto.subtle.verify("Ed25519", made, signature, message)
  } catch (error) {
    if (error.name === "NotSupportedError") throw error
    return false
  }
}

async function readCheckpoint(note, name, key) {
  const split = note.lastIndexOf("\n\n")
  const lines = note.slice(0, Math.max(split, 0)).split("\n")
  if (split < 0 || lines.length < 3 || lines[0] !== name) throw new Broken("the checkpoint is not one of this log")
  const signatures = note.slice(split + 2)
  if (!signatures.endsWith("\n")) throw new Broken("the checkpoint is cut off")
  const ident = await keyId(name, key)
  let held = false
  for (const line of signatures.slice(0, -1).split("\n")) {
    const [dash, signer = "", ...rest] = line.split(" ")
    const raw = unb64(rest.join(" "), "a signature of the checkpoint")
    if (dash !== "—" || signer !== name || !same(raw.slice(0, 4), ident)) continue
    if (!(await signed(key, raw.slice(4), bytes(note.slice(0, split + 1)))))
      throw new Broken("the checkpoint's signature is forged")
    held = true
  }
  if (!held) throw new Broken("the checkpoint is not signed by the log's key")
  if (!SIZE.test(lines[1])) throw new Broken("the checkpoint's size is no number")
  return [Number(lines[1]), hash(lines[2], "the checkpoint's root")]
}

// -- bundles

/** Check the text of a bundle → {ok, receipts, hidden, head, problem}. `since`: a head that this answered before. */
export async function verify(text, since = null) {
  let receipts = 0
  try {
    const bundle = parse(text)
    receipts = bundle instanceof Map && Array.isArray(bundle.get("receipts")) ? bundle.get("receipts").length : 0
    return await verified(bundle, since)
  } catch (error) {
    if (!(error instanceof Broken)) throw error
    return { ok: false, receipts, hidden: null, head: null, problem: error.message }
  }
}

async function verified(bundle, since) {
  const [format, log, trees, receipts] = shaped(
    bundle,
    { format: "text", log: "object", trees: "list", receipts: "list" },
    "the bundle",
  )
  if (format !== FORMAT) throw new Broken(`this is no ${FORMAT}`)
  const [key, checkpoint] = shaped(log, { key: "text", checkpoint: "text" }, "the log")
  const [size, root] = await readCheckpoint(checkpoint, ...(await readKey(key)))
  const opened = new Map()
  for (const [name, index, leaf] of await Promise.all(receipts.map(opening))) {
    if (!opened.has(name)) opened.set(name, new Map())
    if (opened.get(name).has(index)) throw new Broken(`two receipts claim place ${index} of tree ${name}`)
    opened.get(name).set(index, leaf)
  }
  const heads = new Map()
  let entries = 0
  for (const tree of trees) {
    const [name, leaves] = await readTree(tree, opened, size, root)
    if (heads.has(name)) throw new Broken(`tree ${name} is there twice`)
    heads.set(name, leaves)
    entries += leaves.length
  }
  for (const name of opened.keys()) if (!heads.has(name)) throw new Broken(`receipts of tree ${name} are in no tree`)
  if (since !== null) await continued(log, since, heads, opened, size, root)
  const told = new Map()
  for (const [name, leaves] of heads) told.set(name, await headOf(leaves, opened.get(name)?.size ?? 0))
  const logHead = new Map([["key", key], ["size", new Numeral(String(size))], ["root", b64(root)]])
  const head = packed(new Map([["log", logHead], ["trees", told]]))
  return { ok: true, receipts: receipts.length, hidden: entries - receipts.length, head, problem: null }
}

const headOf = async (leaves, opened) =>
  new Map([
    ["size", new Numeral(String(leaves.length))],
    ["root", b64(await rootOf(leaves))],
    ["opened", new Numeral(String(opened))],
  ])

async function opening(receipt) {
  const fields = { tree: "text", index: "size", key: "text", receipt: "object" }
  const [tree, index, key, said] = shaped(receipt, fields, "a receipt")
  named(tree, "a receipt's tree")
  return [tree, index, await leafHash(await hmac(hash(key, "a receipt's key"), bytes(canonical(said))))]
}

async function readTree(tree, receipts, logSize, logRoot) {
  const fields = { tree: "text", size: "size", root: "text", salt: "text", entry: "size", proof: "list" }
  const [name, size, said, salt, entry, proof] = shaped(tree, fields, "a tree")
  named(name, "a tree")
  const opened = receipts.get(name) ?? new Map()
  const hidden = tree.has("hidden") ? tree.get("hidden") : new Map()
  if (!(hidden instanceof Map) || size === 0 || size > opened.size + hidden.size)
    throw new Broken(`receipts of tree ${name} are missing: it has more entries than are there`)
  const leaves = []
  for (let index = 0; index < size; index++) {
    if (opened.has(index)) leaves.push(opened.get(index))
    else if (hidden.has(String(index))) leaves.push(hash(hidden.get(String(index)), "a hidden leaf"))
    else throw new Broken(`receipt ${index} of tree ${name} is missing`)
  }
  if (opened.size + hidden.size !== size) throw new Broken(`tree ${name} has more receipts than its size says`)
  const root = b64(await rootOf(leaves))
  if (root !== said) throw new Broken(`a receipt of tree ${name} was changed: its root is another`)
  const committed = await hmac(hash(salt, "a salt"), bytes(`rapport-head/1\n${name}\n${size}\n${root}\n`))
  const way = proof.map((part) => hash(part, "a proof"))
  if (!(await includes(entry, logSize, await leafHash(committed), way, logRoot)))
    throw new Broken(`the head of tree ${name} is not in the log`)
  return [name, leaves]
}

async function continued(log, since, heads, opened, size, root) {
  const [seenLog, seenTrees] = shaped(unpacked(since), { log: "object", trees: "object" }, "the head")
  const [key, oldSize, oldText] = shaped(seenLog, { key: "text", size: "size", root: "text" }, "the head's log")
  if (key.trim() !== log.get("key").trim()) throw new Broken("the log is signed with another key than before")
  const oldRoot = hash(oldText, "the head's root")
  if (oldSize === 0 && seenTrees.size === 0 && same(oldRoot, await rootOf([]))) return
  if (size < oldSize) throw new Broken(`the log was rolled back: it had ${oldSize} entries and has ${size}`)
  const proofs = log.get("consistency")
  const given = proofs instanceof Map ? proofs.get(String(oldSize)) : undefined
  const proof = given ?? (size === oldSize ? [] : null)
  if (!Array.isArray(proof)) throw new Broken("the bundle holds no proof that it continues that head")
  const way = proof.map((part) => hash(part, "a proof"))
  if (!(await continues(oldSize, size, oldRoot, root, way)))
    throw new Broken("the log does not continue the one seen before: it was rewritten")
  for (const [name, tree] of seenTrees) {
    const [count, was] = shaped(tree, { size: "size", root: "text" }, "the head's tree")
    const leaves = heads.get(name) ?? []
    if (leaves.length < count)
      throw new Broken(`tree ${name} was rolled back: it had ${count} receipts and has ${leaves.length}`)
    if (b64(await rootOf(leaves.slice(0, count))) !== was)
      throw new Broken(`tree ${name} does not continue the one seen before: it was rewritten`)
    const [before] = tree.has("opened") ? shaped(tree, { opened: "size" }, "the head's tree") : [0]
    const shown = [...(opened.get(name)?.keys() ?? [])].filter((index) => index < count).length
    // An erasure seals a tree as a whole; that some of its receipts are shown no more is none.
    if (shown > 0 && shown < before) throw new Broken(`receipts of tree ${name} are withheld: ${before} were shown, ${shown} are`)
  }
}

const packed = (head) => b64(bytes(canonical(head))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")

function unpacked(text) {
  try {
    const raw = atob(text.replaceAll("-", "+").replaceAll("_", "/"))
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(raw, (one) => one.charCodeAt(0))))
  } catch {
    throw new Broken("what was seen before is no head")
  }
}

/** A head's part about the log alone, which is all that whoever proves continuation needs to know. */
function ofLog(head) {
  try {
    return packed(new Map([["log", unpacked(head).get("log")], ["trees", new Map()]]))
  } catch {
    return ""
  }
}

// -- the page

const counted = (number, word) => `${number.toLocaleString("en")} ${word}${number === 1 ? "" : "s"}`

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

async function check(section) {
  const [line, more] = [section.querySelector("[data-said]"), section.querySelector("[data-more]")]
  const place = `rapport-head ${section.dataset.check}`
  const since = remembered(place)
  const asked = { headers: { Accept: "application/json" }, cache: "no-store", redirect: "error" }
  const from = section.dataset.bundle
  let answer = await fetch(since ? `${from}?since=${encodeURIComponent(ofLog(since))}` : from, asked)
  // A log that is shorter than the one seen before refuses to prove anything: what it has to say is looked at all the same.
  if (answer.status === 400 || answer.status === 409) answer = await fetch(from, asked)
  if (!answer.ok && answer.status !== 500) throw new Error(`answered ${answer.status}`)
  const gone = { ok: false, problem: "the node cannot show your receipts any more" }
  const done = answer.ok ? await verify(await answer.text(), since) : gone
  section.dataset.state = done.ok ? "holds" : "broken"
  line.textContent = done.ok ? said(done) : `Something does not hold: ${done.problem}.`
  if (done.ok) {
    remember(place, done.head)
    const sealed = done.hidden ? ` ${counted(done.hidden, "entry").replace("entrys", "entries")} beside them tell others, or were erased.` : ""
    more.textContent = `${since ? "They continue what this browser saw last." : "This browser will remember where they ended."}${sealed}`
  } else {
    more.textContent =
      "Somebody changed, removed or replaced what was noted before. Keep the file below, and show it to whoever you trust; " +
      "this browser goes on comparing with what it saw while all was well."
  }
}

const section = globalThis.document?.querySelector("[data-check]")
if (section && globalThis.crypto?.subtle) {
  section.querySelector("[data-said]").textContent = "Checking your receipts in this browser …"
  check(section).catch(() => {
    section.dataset.state = "unknown"
    section.querySelector("[data-said]").textContent = "They could not be checked in this browser just now."
    section.querySelector("[data-more]").textContent = "Try again, or check the file as described below."
  })
}
